"""Feeds.

service: registration and HMAC secrets
quality: counts, shares and lag by hour
silence: alerts of silent feeds
router, schemas, queries: the wire; SQL
"""
