"""Decoders of wire formats.

ping_row: the result of every decoder
json_pings: our own format; ping_files: CSV, GPX, NDJSON, Parquet
traccar, osmand, owntracks, flespi, aemp: other systems
message_parsing, field_parsers, traccar_attributes, aemp_nodes: shared parsers
"""
