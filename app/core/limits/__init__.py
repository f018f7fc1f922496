"""Limits on what one client may do: token buckets and failure counters."""
