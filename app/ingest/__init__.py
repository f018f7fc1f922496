"""The entrances for pings, the group-commit writer, and the polling of makers' interfaces.

service: receive a batch and return its receipt
feed_limits: datum, rate limits and HMAC secret of each feed
http, writer, aemp: routes and adapters; from batch to commit; AEMP 2.0 polling
tables: AEMP sources and cursors
"""
