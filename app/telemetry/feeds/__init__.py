"""Feeds: registration, quality, silence."""
