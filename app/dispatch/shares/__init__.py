"""Shares: a run sheet opened by link and PIN."""
