"""The datum check: finds devices that send another datum than they declare.

check: the statistics; pure
monitor: the worker's job
"""
