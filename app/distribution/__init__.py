"""Where the assets of a case are: totals by court and division, and clusters. Read only.

service: the use cases; snapshot: the assets of a case at one moment, with their places
rollup: totals by court or division, and their export table; clustering: density clusters as GeoJSON
domain, schemas, router: as in every room; filters: the polygon of a query
"""
