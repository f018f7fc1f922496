"""Administrative divisions, courts and their territories, and the lookup from a point to them.

active_layer: the boundary layer in memory
court_naming: names and codes of courts by rule
domain, errors, schemas, queries, tables, router: types, SQL and routes of this room
point_lookup: the answer for one point
reference_data: lists of courts and divisions
service: the active layer, loading a layer, courts by id and code; other rooms use this
loading, locator: subpackages
"""
