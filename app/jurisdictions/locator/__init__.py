"""Finds the county of a point and the distance to borders.

borders: distances to borders
grid: border segments and grid cells
locator: the public class
raster: the county, or the candidates, of each cell
"""
