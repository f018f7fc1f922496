"""The OpenAPI document: FastAPI's own, with the problem documents that every operation may return."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE, ProblemOut

PROBLEM_STATUSES = {
    "400": "The request cannot be read.",
    "401": "A valid key or session is needed.",
    "403": "This key may not do that, or the case is not named.",
    "404": "Does not exist, or is not visible to you.",
    "409": "Contradicts what is stored.",
    "408": "The rest of the request did not come in time.",
    "413": "Over a limit of size.",
    "414": "The path with its query is too long.",
    "415": "A content type or encoding that is not understood.",
    "422": "A value cannot be accepted; `errors` names the fields.",
    "429": "Over a rate limit, or too many refused keys from this address; retry after `Retry-After` seconds.",
    "431": "The headers are too many or too large.",
    "503": "Temporarily unavailable; retry after `Retry-After` seconds.",
}


def install(app: FastAPI) -> None:
    """Replace the application's OpenAPI function by one that documents the error responses."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's own documented way


def to_text(document: dict[str, Any]) -> str:
    """Return a document as JSON in one fixed form, so that two versions can be compared line by line."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _document(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemOut"] = problem
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    for path in schema["paths"].values():
        for operation in path.values():
            for status, description in PROBLEM_STATUSES.items():
                answer = operation["responses"].setdefault(status, {"description": description})
                answer["content"] = content if status == "422" else answer.get("content", {}) | content
    return schema
