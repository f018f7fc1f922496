"""API keys.

credential_cache: cache of valid keys and sessions
credential_queries: SQL that checks keys and principals
credentials: creates and checks keys
queries: SQL of key administration
router: routes of key administration
service: key administration: create, list, rotate, revoke
"""
