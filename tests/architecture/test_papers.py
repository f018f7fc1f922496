"""The papers name every room, import, table and policy as they are, and tests that can be run."""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from app.compliance.register import TABLES, Subject
from tests.architecture.test_sql_order import PACKAGE, built, owners

ROOT = PACKAGE.parent
POLICIES = ROOT / "migrations" / "sql" / "policies"
EVERY_ROLE = frozenset({"writer", "lessor", "grantee", "auditor", "administrator"})
WITHOUT_CLASS = frozenset({"alembic_version", "ping_default", "trail_default"})
"""Tables that no room has a class for: the revision, and the partitions of last resort."""


def paper(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows_of(text: str, columns: int) -> list[list[str]]:
    """Return the cells of the rows of all tables with a number of columns, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return [row for row in cells if len(row) == columns]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rooms() -> list[list[str]]:
    """Return the rows of the table of rooms: room, content, public modules, tables."""
    text = paper("architecture.md")
    return rows_of(text[text.index("## The rooms") : text.index("### Why this order")], 4)


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """Return of each room the other rooms that it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in PACKAGE.rglob("*.py"):
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("app."):
                found[room].add(node.module.split(".")[1])
    return {room: frozenset(others - {room}) for room, others in found.items()}


def reached(room: str, without: str) -> set[str]:
    """Return the rooms that one imports, directly or not, when one direct import is left out."""
    found: set[str] = set()
    left = set(imports().get(room, ())) - {without}
    while left:
        found.add(one := left.pop())
        left |= set(imports().get(one, ())) - found
    return found


def test_the_rooms_stand_in_their_order() -> None:
    assert [names_in(row[0])[0] for row in rooms()] == built()


def test_public_modules_of_the_rooms_exist() -> None:
    named = [f"{names_in(row[0])[0]}/{module}" for row in rooms() for module in names_in(row[2])]
    assert len(named) > 50
    assert [module for module in named if not (PACKAGE / f"{module}.py").is_file()] == []


def test_the_picture_shows_the_imports() -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", paper("architecture.md"), flags=re.DOTALL)
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", picture, flags=re.MULTILINE))
    expected = {
        (room, other) for room, others in imports().items() for other in others if other not in reached(room, other)
    }
    assert drawn == expected


def test_each_table_has_its_room_in_both_papers() -> None:
    in_rooms = {table: names_in(row[0])[0] for row in rooms() for table in names_in(row[3])}
    assert in_rooms == owners()
    by_room: dict[str, str] = {}
    for section in re.split(r"^### ", tables_by_room(), flags=re.MULTILINE)[1:]:
        by_room |= {names_in(row[0])[0]: section.partition("\n")[0] for row in rows_of(section, 3)}
    assert {table for table, room in by_room.items() if room == "No room"} == WITHOUT_CLASS
    assert {table: room for table, room in by_room.items() if room != "No room"} == owners()


def tables_by_room() -> str:
    text = paper("database.md")
    return text[text.index("\n## Tables by room") : text.index("\n## Views")]


def test_the_roles_that_see_rows_are_those_with_a_policy() -> None:
    wrong = []
    for table, _, who in rows_of(tables_by_room(), 3):
        name = names_in(table)[0]
        text = (POLICIES / f"{name}.sql").read_text(encoding="utf-8")
        in_force = set(re.findall(r"CREATE POLICY [^;]*? TO leasetrace_(\w+)", text)) - {"service"}
        said = EVERY_ROLE if who.startswith("every role") else set(re.findall(r"\*\*(\w+)\*\*", who))
        if said != in_force:
            wrong.append(f"{name}: the paper says {sorted(said)}, the policies {sorted(in_force)}")
    assert not wrong, "\n".join(wrong)


def test_every_view_and_every_function_is_described() -> None:
    tables = [row for columns in (2, 3) for row in rows_of(paper("database.md"), columns)]
    described = {name.removesuffix("()") for row in tables for name in (*names_in(row[0]), *names_in(row[-1]))}
    files = [*(ROOT / "migrations/sql/views").glob("*.sql"), *(ROOT / "migrations/sql/functions").glob("*.sql")]
    assert len(files) > 20
    assert sorted({Path(file).stem for file in files} - described) == []


def test_the_paper_names_the_tables_with_personal_data_as_the_register_does() -> None:
    text = paper("database.md")
    rows = rows_of(text[text.index("\n## Personal data") :], 4)
    for subject, column in ((Subject.LESSEE, 1), (Subject.USER, 2), (Subject.OTHER, 3)):
        named = {(table, names_in(row[0])[0]) for row in rows for table in names_in(row[column])}
        assert named == {(table, owners()[table]) for table, entry in TABLES.items() if subject in entry.whose}


def test_the_tests_that_contributing_runs_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = re.findall(r"pytest -n 0 (tests/[\w/]+\.py)(?:::(\w+))?(?: -k (\w+))?", text)
    assert len(commands) > 2
    for file, *named in commands:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert [name for name in named if name not in source] == [], file
