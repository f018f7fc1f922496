"""Lessors, leased assets, tracking devices, and the periods in which a device was on an asset.

binding_guards: binding changes that are refused
bindings: the device index, read by ingest
dependencies, domain, schemas, queries, tables: types and SQL of this room
depots, depot_router: yards of a lessor
router: all routes of this room
service: lessors, assets, devices, bindings; other rooms use this
transfers, transfer_router: assets that left their lessor
csv_import: subpackage
"""
