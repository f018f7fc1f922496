"""Benchmarks: what the service does in a second, beside the limit of the machine measured in the same run."""
