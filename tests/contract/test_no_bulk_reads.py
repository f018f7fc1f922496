"""Nobody reads positions in bulk: every operation that returns them is bound to one case or to one asset."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.main import create_app
from tests.factories.settings import settings_for

BOUND = {
    "get_case_distribution": "case",  # where a case's assets are, by court
    "list_clusters": "case",  # ... and in which yards
    "get_position": "asset",
    "get_track": "asset",
}
"""Every operation that returns positions, and what it is bound to."""
OWN_PLACES = {"create_depot", "list_depots", "locate_point_in_courts"}
"""What has coordinates and is no position of an asset: a lessor's yards, and the point that was asked about."""
PAGES = {("GET", "/s/{token}"), ("POST", "/s/{token}")}
"""Pages outside of the document of the API: a run sheet of one assignment, with the sight of whoever shared it."""
_COORDINATES = re.compile(r"(^|_)(lon|lat|point|coordinates|geometry|centroid|hull)($|_)")


@pytest.fixture(scope="module")
def unconnected_application() -> FastAPI:
    """An application whose routes are read; it connects to no database."""
    return create_app(settings_for())


def members(schema: Any, document: dict[str, Any], seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of everything in an answer, however deep."""
    if isinstance(schema, list):
        return set().union(*(members(one, document, seen) for one in schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    reference = schema.get("$ref")
    if reference:
        name = str(reference).rsplit("/", 1)[-1]
        return set() if name in seen else members(document["components"]["schemas"][name], document, seen | {name})
    found = set(schema.get("properties", {}))
    for key, value in schema.items():
        if key not in {"example", "examples", "enum", "required"}:
            inner = list(value.values()) if key == "properties" else value
            found |= members(inner, document, seen)
    return found


def answers(document: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any], set[str]]]:
    """Return path, operation and members of its answers, by the operation's name."""
    return {
        operation["operationId"]: (
            path,
            operation,
            set().union(
                *(members(answer, document) for status, answer in operation["responses"].items() if status[0] == "2")
            ),
        )
        for path, methods in document["paths"].items()
        for operation in methods.values()
    }


def test_every_operation_that_returns_positions_names_one_case_or_one_asset(unconnected_application: FastAPI) -> None:
    told = answers(unconnected_application.openapi())
    with_places = {name for name, (_, _, found) in told.items() if any(_COORDINATES.search(m) for m in found)}
    with_places |= {  # a map's format that has no schema of its own
        name
        for name, (_, operation, _) in told.items()
        if "application/geo+json" in operation["responses"].get("200", {}).get("content", {})
    }
    assert with_places - OWN_PLACES <= BOUND.keys(), "an operation that returns places is bound to nothing"
    assert BOUND.keys() - {"get_case_distribution"} <= with_places, "the table names what returns no place"
    for name, to in BOUND.items():
        path, operation, _ = told[name]
        parameters = {(p["in"], p["name"]): p.get("required", False) for p in operation["parameters"]}
        if to == "case":
            assert parameters.get(("path", "case_id")) or parameters.get(("query", "case")), path
        else:
            assert parameters.get(("path", "asset_id")), path
            assert ("query", "case") in parameters, f"{path}: a court says for which case"


def routes_of(routes: Any) -> Iterator[APIRoute]:
    """Yield every route, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes)


def test_outside_of_the_document_there_is_only_the_shared_page(unconnected_application: FastAPI) -> None:
    found = list(routes_of(unconnected_application.routes))
    assert len(found) > 50
    hidden = {(m, r.path) for r in found if not r.include_in_schema for m in r.methods or ()}
    assert hidden - {("GET", "/docs"), ("GET", "/docs/oauth2-redirect")} == PAGES
