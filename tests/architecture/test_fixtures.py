"""A fixture's name has one meaning in the whole suite."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
REFUSED_IN_UNIT_TESTS = "template_urls"
"""Defined again in ``tests/unit/conftest.py``, to fail there."""


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below a folder, without those of installed packages."""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "node_modules":
            yield from python_files(entry)
        elif entry.suffix == ".py":
            yield entry


def test_a_fixture_is_defined_once() -> None:
    places = defaultdict(list)
    for file in python_files(TESTS):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                "fixture" in ast.unparse(decorator) for decorator in node.decorator_list
            ):
                places[node.name].append(str(file.relative_to(TESTS)))
    assert len(places) > 50
    del places[REFUSED_IN_UNIT_TESTS]
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
