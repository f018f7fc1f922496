"""Authentication: people, API keys, sessions, and the HTTP dependencies that check them.

attempts: counters of failed passwords and PINs, in tables
auth_throttle: limits by client address, in memory
dependencies: principal, visibility and database session of a route
domain, errors, schemas, tables: types of this room
position_reads: dependencies of routes that read positions
revocation_listener: notifications of revoked keys, sessions and accounts
router: all routes of this room
services: objects that live as long as the application
keys, oidc, people, sessions: subpackages
"""
