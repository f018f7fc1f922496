"""Density clusters of assets.

clusters: the clusters of a case
dbscan: the algorithm
geojson: the response
geometry: id, centroid and hull
"""
