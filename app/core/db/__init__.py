"""Database access.

database: engine, sessions with row-level security, constraint violations
migration: runs Alembic and the files of ``migrations/sql``
readiness: checks of the schema and of the application's role
roles: the PostgreSQL roles that policies are written for
"""
