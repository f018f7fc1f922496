"""Rate limits.

token_bucket: token buckets in the memory of each process
"""
