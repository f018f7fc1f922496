"""The audit trail: a hash chain of all reads and changes.

anchors: heads of the chain in files
chain: format and verification of the hash chain
daily: partitions and anchors, run by the worker
notes: what a request did, noted in its session
queries: SQL that reads the trail
tables: tables of the trail
timestamps: RFC 3161 time stamps of heads
writer: appends notes to the trail
"""
