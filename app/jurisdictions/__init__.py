"""Administrative divisions, courts and their territories, and the lookup from a point to them.

service: the active layer, loading a layer, courts by id and code; what other rooms use
active_layer: the layer in memory with its locator; point_lookup: the answer for one point
locator, loading: point to county; loading a boundary layer
court_naming: courts by the naming rule; reference_data: lists of courts and divisions
domain, schemas, errors, queries, tables, router: as in every room
"""
