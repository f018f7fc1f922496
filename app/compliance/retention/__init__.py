"""Deletion of data that is past its term.

domain: the terms of the retention classes under the settings of an installation.
queries: SQL that finds, deletes and records what is expired.
service: the deletion of each class; the worker's job calls it.
"""
