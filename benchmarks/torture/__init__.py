"""Breaks the service and its database under load, and counts acknowledged pings that are missing.

run: faults at random moments, then the comparison; faults: each fault; verdict: comparison in SQL
clients, load: posting clients and their batches; processes: service and database server; setup: starts all of it
"""
