"""What devices say: wire formats, reports, fixes, doubts, and the store of pings."""
