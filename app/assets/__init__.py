"""Lessors, leased assets, tracking devices, and the periods in which a device was on an asset.

service: use cases of lessors, assets, devices and bindings; bindings: the device index for ingest
binding_guards: binding changes that are refused; transfers, depots; csv_import: import of a file
domain, schemas, queries, tables, router, depot_router, transfer_router: as in every room
"""
