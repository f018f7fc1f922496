"""Polling of makers' AEMP 2.0 interfaces."""
