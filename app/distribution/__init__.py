"""Where the assets of a case are: totals by court and division, and clusters. Read only.

domain, schemas, router: types and routes of this room
filters: the polygon of a query
service: the use cases
clustering, rollup, snapshot: subpackages
"""
