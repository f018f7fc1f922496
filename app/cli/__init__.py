"""The command line, ``leasetrace``.

main: all commands; service_session: one use case in one transaction, as the service itself
users, identities: people and their OpenID identities; keys: API keys; feeds: sources of pings
imports: boundaries, assets and pings from files; exports: checks exported files
audit: verifies the audit trail; batches: verifies the batch chain; compliance: subject report, retention
demonstration: ``leasetrace demo``; interface: prints the OpenAPI document
"""
