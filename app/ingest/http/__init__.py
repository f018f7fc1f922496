"""The HTTP entrances for pings.

router, schemas: our own format, receipts
adapters: the formats of other systems
request_body: size limits and decompression
signatures: HMAC signatures of requests
"""
