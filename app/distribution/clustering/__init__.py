"""Density clusters of assets.

clusters: clusters of a case; dbscan: the algorithm; geometry: id, centroid, hull; geojson: the response
"""
