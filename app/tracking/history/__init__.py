"""Rebuilding positions from stored pings."""
