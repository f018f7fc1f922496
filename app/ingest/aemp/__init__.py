"""Polling of makers' AEMP 2.0 interfaces (ISO 15143-3).

poller: polls the sources that are due
client, paging, tokens: pages, their order, OAuth 2
service, domain, queries, router, schemas: sources and cursors
"""
