"""The assets of a case at one moment, each with its assessed place.

assess: freshness, border and confidence
queries: SQL
service: reads the snapshot
"""
