"""The subject report: what is stored about an asset or a lessee, from where, for how long, and who read it.

router, schemas: the routes and their response types.
service: the report on an asset and on a lessee.
access_queries, enforcement_queries, telemetry_queries, tracking_queries: what it reads of these rooms' tables.
export_table: the report as rows of a table.
"""
