"""Database access: sessions with row security, database roles, migration, readiness."""
