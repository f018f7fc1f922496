"""The HTTP entrances for pings."""
