"""Sign-in through an institution's OpenID Connect provider.

client: discovery, keys and token requests of the provider
domain: registration, authorization flow and claims
errors: what the routes answer
id_tokens: validation of ID tokens
queries: SQL of linked identities
router: routes to the provider and back
service: sign-in, and linking of accounts to identities
"""
