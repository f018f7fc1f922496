"""Deletion of data that is past its term."""
