"""Shares: a run sheet opened by link and PIN.

service: use cases; domain: the states of a share; queries, schemas, router: as in every room
"""
