"""Names of request and response types; the committed OpenAPI document is up to date.

The rule for every type that the OpenAPI document names: it is an enum, a page of a list (``Page[...]``), or

- reachable from a request body, and its name ends in ``In``;
- reachable from a response, and its name ends in ``Out``; inside another response type also in ``Ref``.

No other class ends so, and each such name exists once in the whole project.
"""

import ast
import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import app
from app.cli.interface import openapi_text

ROOT = Path(app.__file__).parents[1]
_REF = "#/components/schemas/"


@cache
def document() -> dict[str, Any]:
    found = json.loads(openapi_text())
    assert isinstance(found, dict)
    return found


def schemas() -> dict[str, Any]:
    found = document()["components"]["schemas"]
    assert isinstance(found, dict)
    return found


def names_in(part: object) -> Iterator[str]:
    """Return the component schemas that a part of the document refers to directly."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value.removeprefix(_REF)
            elif key not in {"example", "examples"}:
                yield from names_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from names_in(value)


def reachable(first: set[str]) -> set[str]:
    found: set[str] = set()
    left = set(first)
    while left:
        name = left.pop()
        found.add(name)
        left |= set(names_in(schemas()[name])) - found
    return found


def direct(part: str) -> set[str]:
    """Return the schemas that the operations' request bodies or responses name themselves."""
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    return {name for operation in operations for name in names_in(operation.get(part, {}))}


def badly_named(names: set[str], *endings: str) -> list[str]:
    return sorted(
        name
        for name in names
        if "enum" not in schemas()[name] and not name.startswith("Page_") and not name.endswith(endings)
    )


def test_request_types_end_in_in() -> None:
    sent = direct("requestBody")
    assert len(sent) > 20
    assert badly_named(reachable(sent), "In") == []


def test_response_types_end_in_out_and_nested_references_in_ref() -> None:
    answered = direct("responses")
    assert len(answered) > 30
    assert badly_named(answered, "Out") == []
    assert badly_named(reachable(answered), "Out", "Ref") == []


@cache
def classes() -> dict[str, tuple[str, ...]]:
    """Return every class whose name ends in In, Out or Ref with its bases, as ``module.py:Name``."""
    found = {}
    for file in sorted((ROOT / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and re.fullmatch(r"\w*[a-z](In|Out|Ref)", node.name):
                found[f"{file.relative_to(ROOT)}:{node.name}"] = tuple(ast.unparse(base) for base in node.bases)
    return found


def test_each_name_exists_once() -> None:
    counted = Counter(place.partition(":")[2] for place in classes())
    assert [name for name, times in counted.items() if times > 1] == []


def test_no_other_class_is_named_so() -> None:
    """A class that only others derive from is part of the document through them."""
    bases = {base for each in classes().values() for base in each}
    known = reachable(direct("requestBody")) | reachable(direct("responses")) | bases
    assert [place for place in classes() if place.partition(":")[2] not in known] == []


@pytest.mark.parametrize("ending", ["In", "Out", "Ref"])
def test_they_stand_in_files_of_schemas(ending: str) -> None:
    """In ``schemas.py`` of a room, but for what belongs to no room: the problem documents and the state of health."""
    places = [place.partition(":")[0] for place in classes() if place.endswith(ending)]
    assert [p for p in places if not p.endswith("schemas.py") and not p.startswith("app/api/")] == []


def test_the_committed_document_is_up_to_date() -> None:
    committed, served = ((ROOT / "openapi.json").read_text(encoding="utf-8"), openapi_text())
    difference = "".join(
        difflib.unified_diff(
            committed.splitlines(keepends=True), served.splitlines(keepends=True), "committed", "now"
        )
    )
    assert not difference, f"openapi.json is out of date; run `make openapi` and commit the file\n{difference}"
