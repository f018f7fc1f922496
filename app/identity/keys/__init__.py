"""API keys: creation, check, rotation, revocation."""
