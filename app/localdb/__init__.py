"""The checkout's own PostgreSQL cluster and background service."""
