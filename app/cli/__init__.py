"""The command line, and the checkout's own PostgreSQL for whoever has none."""
