"""Foundations without business rules, importable by every room.

clock: the present moment as a dependency
context: settings, clock, database and metrics of one application
encryption: AES-256-GCM for stored credentials of other systems
errors: the exceptions that the API maps to HTTP statuses
logging: JSON log lines
metrics: Prometheus metrics
settings: configuration from environment variables
ttl_cache: asynchronous cache with a time to live
db, geo, limits, web: subpackages
"""
