"""Benchmarks: what the service does in a second, beside the limit of the machine measured in the same run.

They import ``app`` and are in neither wheel nor image.
"""
