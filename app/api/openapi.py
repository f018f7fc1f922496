"""The OpenAPI document: what FastAPI derives, with the problem documents that every operation may answer."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE, Problem

PROBLEM_STATUSES = {
    "400": "The request cannot be read.",
    "401": "A valid key or session is needed.",
    "403": "This key may not do that, or the case is not named.",
    "404": "Does not exist, or is out of sight.",
    "409": "Contradicts what is stored.",
    "413": "Over a limit of size.",
    "415": "A content type or encoding that is not understood.",
    "422": "A value cannot be accepted; `errors` names the fields.",
    "503": "Not for the moment; send it again after `Retry-After` seconds.",
}

SOME_STATUSES = {
    "429": "Faster than the sender's limit; send it again after `Retry-After` seconds.",
}
"""Problem documents of the operations only whose routes name the status."""


def install(app: FastAPI) -> None:
    """Replace the application's OpenAPI function by one that tells the truth about errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's own documented way


def _document(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in schema["paths"].values():
        for operation in path.values():
            for status, description in PROBLEM_STATUSES.items():
                answer = operation["responses"].setdefault(status, {"description": description})
                answer["content"] = content if status == "422" else answer.get("content", {}) | content
            for status in SOME_STATUSES.keys() & operation["responses"].keys():
                operation["responses"][status] = {"description": SOME_STATUSES[status], "content": content}
    return schema
