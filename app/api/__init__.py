"""The assembly of the service's HTTP side: routers, problem documents, request context, the OpenAPI document."""
