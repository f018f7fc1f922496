"""The assets of a case at one moment, each with its assessed place.

service: reads the snapshot; assess: freshness, border and confidence; queries
"""
