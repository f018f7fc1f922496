"""Accounts of people.

passwords: password rules and argon2id hashing
queries: SQL of accounts
router: routes of account administration
self_service: a person's own password and authenticator
service: account administration
totp: codes of an authenticator
"""
