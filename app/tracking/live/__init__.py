"""The current position while pings arrive."""
