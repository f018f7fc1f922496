"""Shares: a run sheet opened by link and PIN.

domain: the states of a share
queries, schemas, router: SQL, models and routes
service: the use cases
"""
