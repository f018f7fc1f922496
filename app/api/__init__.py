"""The HTTP side of the service.

router: the routers of all rooms; health: liveness, readiness, metrics; docs: the API page; openapi: its document
problems: errors as RFC 9457 documents; services: everything that a running application keeps
fast_lane: requests answered without FastAPI; request_log: request id, log, metrics, headers
request_limits: limits on head and body; uvicorn_protocol: timeouts and limits of a connection
"""
