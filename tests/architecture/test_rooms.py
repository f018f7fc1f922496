"""The house keeps its order: imports go down, every error has a status, every setting is told."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

import app
from app.api.problems import STATUS, status_of
from app.core.errors import AppError
from app.core.settings import Settings

ROOT = Path(app.__file__).parents[1]
SHARED_TABLES = {
    ("identity", "access"): "a key, an account and a session are joined with their principal",
    ("ingest", "telemetry"): "the group writer stores pings in the transaction that moves positions",
    ("tracking", "telemetry"): "positions follow from the staged pings of that transaction",
    ("compliance", "access"): "compliance works table by table, as its register says",
    ("compliance", "audit"): "as above",
    ("compliance", "enforcement"): "as above",
    ("compliance", "tracking"): "as above",
}
"""Pairs of rooms where the first may read the tables of the second, each with the reason."""
ROOMS = sorted(room.name for room in pkgutil.iter_modules(app.__path__) if room.ispkg)


def _modules() -> list[str]:
    return [m.name for m in pkgutil.walk_packages(app.__path__, "app.") if m.name != "app.__main__"]


def _subclasses(kind: type[AppError]) -> set[type[AppError]]:
    return {kind} | {deeper for one in kind.__subclasses__() for deeper in _subclasses(one)}


def test_a_room_imports_only_rooms_below_it() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "importlinter.cli", "lint", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_error_has_a_status() -> None:
    for module in _modules():
        importlib.import_module(module)
    kinds = _subclasses(AppError) - {AppError}
    assert set(STATUS) <= kinds
    assert not [kind for kind in kinds if status_of(kind) is None]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_does_not_import_the_tables_queries_or_store_of_another(room: str) -> None:
    """It calls the other room's functions. The rooms that assemble (cli, api) may see more."""
    if room in {"cli", "api"}:
        return
    for file in (ROOT / "app" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("app."):
                _, other, *rest = node.module.split(".")
                if other in {room, "core"} or (room, other) in SHARED_TABLES:
                    continue
                private = [name for name in (*rest, *(alias.name for alias in node.names)) if is_private(name)]
                assert not private, f"{file.relative_to(ROOT)} imports {private[0]} of {other}"


def is_private(module: str) -> bool:
    """Return whether a module's name says that it belongs to its room alone."""
    return module.endswith(("queries", "tables")) or module == "store"


def test_only_the_clock_reads_the_time_and_nothing_reads_the_environment_at_import() -> None:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    for file in (ROOT / "app").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body:
            for inner in ast.walk(node) if not isinstance(node, functions | ast.ClassDef) else ():
                assert not (isinstance(inner, ast.Attribute) and inner.attr == "environ"), file


def test_every_setting_says_what_it_does() -> None:
    source = (ROOT / "app/core/settings.py").read_text(encoding="utf-8")
    classes = {one.name: one.body for one in ast.parse(source).body if isinstance(one, ast.ClassDef)}
    for kind in Settings.groups().values():
        documented = [
            one.target.id
            for one, following in pairwise(classes[kind.__name__])
            if isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ]
        assert documented == list(kind.model_fields)


def test_what_is_sent_always_says_everything() -> None:
    """Wire types for output have no defaults, so that the document says what is always there."""
    for module in [m for m in _modules() if m.endswith(".schemas")]:
        for name, kind in vars(importlib.import_module(module)).items():
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__module__ == module:
                if kind.model_config.get("extra") == "forbid":
                    continue  # what is taken in
                defaults = [field for field, info in kind.model_fields.items() if not info.is_required()]
                assert not defaults, f"{module}.{name}: {defaults}"
