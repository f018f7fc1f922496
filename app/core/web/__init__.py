"""Building blocks of HTTP routers and clients.

client_address: the client's address behind trusted proxies
examples: JSON examples for the OpenAPI document
http_client: calls to other systems with limits
outbound: SSRF protection for outgoing calls
paging: keyset pages
parameters: dependencies and parameter types shared by routers
schema_types: base classes and field types of request and response models
templates: Jinja2 pages and their Content-Security-Policy
"""
