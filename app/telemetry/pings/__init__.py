"""The ping store.

columns: rows become arrays
store, pgcopy: staging by COPY, INSERT
batches: receipts, raw bodies, the hash chain
partitions: daily partitions ahead of time
service, queries: acknowledged batches
"""
