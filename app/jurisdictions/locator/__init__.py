"""Point to county, and distances to borders.

locator: the public class; raster: the cells it looks up first; borders: distances; grid: cells, segments
"""
