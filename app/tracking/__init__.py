"""Current positions, tracks, and positions as of a time.

service: position of an asset, track of an asset, positions as of a time
domain: position, confidence, track point, gap
speed_gate: speed and distance check between two fixes
live, history, datum: the current position; rebuilding from history; the datum check
geojson, schemas, router: the wire
queries, tables: SQL and tables
"""
