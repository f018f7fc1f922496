"""Pings as devices send them: wire formats, the ping store, and feeds.

domain: doubts, sources, rejections, the columns of a batch
formats: decoders
pings: the ping store
feeds: registration, quality, silence
dependencies, tables: permissions; tables
"""
