"""Rebuilding positions from stored pings.

late_data, rebind: the worker's jobs for late pings and for changed bindings
rejudge: judges a time window of a device again
judge: the speed gate over a device's whole history
derive_positions: derives daily and current positions again
device_queue: takes devices from a queue, one transaction each
"""
