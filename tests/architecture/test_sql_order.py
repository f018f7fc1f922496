"""SQL keeps the order of the rooms, as imports do: no statement of a room names a table of a higher room."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import app
from app.core.db.database import Base
from app.main import load_tables

PACKAGE = Path(app.__file__).parent
_STATEMENT = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|TRUNCATE|COPY|LOCK|FROM|JOIN|CREATE|ALTER)\b")
_TABLE_POSITION = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|USING|COPY|TABLE|ONLY|LIKE|TRUNCATE|LOCK)\s+(?:ONLY\s+|TABLE\s+)?"
    r"(?:public\.)?([a-z_][a-z_0-9]*)((?:\s+(?:AS\s+)?[a-z_]\w*)?(?:\s*,\s*[a-z_]\w*(?:\s+(?:AS\s+)?[a-z_]\w*)?)*)"
)


def order() -> list[str]:
    """Return the rooms from low to high, as the import contract of ``pyproject.toml`` names them."""
    contract = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = contract["contracts"][0]["layers"]
    return [name.strip(" ()") for layer in reversed(layers) for name in layer.split(":")]


def owners() -> dict[str, str]:
    """Return the room of each table: where its class is."""
    load_tables()
    return {str(mapper.local_table): mapper.class_.__module__.split(".")[1] for mapper in Base.registry.mappers}


def _texts(file: Path) -> Iterator[str]:
    """Yield the string constants of a module that are not docstrings; an f-string's fields become ``{}``."""
    tree = ast.parse(file.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(value) for value in node.values}
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
            yield node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "table":
            yield from (f"FROM {a.value!s}" for a in node.args if isinstance(a, ast.Constant))


def tables_named(sql: str) -> set[str]:
    """Return the names that a text has where SQL expects a table; comments do not count."""
    text = re.sub(r"--[^\n]*", "", sql)
    if not _STATEMENT.search(text):
        return set()
    found: set[str] = set()
    for first, rest in _TABLE_POSITION.findall(text):
        found |= {first, *(part.split()[0] for part in rest.split(",")[1:])}
    return found


def sql_of(room: str) -> Iterator[tuple[Path, set[str]]]:
    """Yield each file of a room with the tables that its SQL names."""
    folder = PACKAGE / room
    for file in sorted(folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]):
        yield file, set().union(*map(tables_named, _texts(file)), set())
    for file in sorted(folder.rglob("*.sql")):
        yield file, tables_named(file.read_text("utf-8"))


def built() -> list[str]:
    return [room for room in order() if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists()]


@pytest.mark.parametrize("room", built())
def test_the_sql_of_a_room_names_no_table_of_a_higher_room(room: str) -> None:
    rank, owner = {name: place for place, name in enumerate(order())}, owners()
    wrong = [
        f"{file.relative_to(PACKAGE.parent)} names {table}, a table of {owner[table]}"
        for file, tables in sql_of(room)
        for table in sorted(tables & owner.keys())
        if rank[owner[table]] > rank[room]
    ]
    assert not wrong, "\n".join(wrong)


def test_names_of_tables_are_found_where_sql_has_them() -> None:
    assert tables_named("SELECT 1 FROM ping p, device AS d JOIN asset a USING (x)") >= {"ping", "device", "asset"}
    assert tables_named("INSERT INTO share (a) SELECT b FROM ONLY public.feed") >= {"share", "feed"}
    assert tables_named("DELETE FROM x USING current_position c") >= {"current_position"}
    assert not tables_named("a sentence about the ping from a device")
    assert not tables_named("-- FROM ping\n")


def test_each_table_has_an_owner_among_the_rooms() -> None:
    assert set(owners().values()) <= set(order())
    assert owners()["ping"] == "telemetry"
    assert owners()["share"] == "dispatch"
