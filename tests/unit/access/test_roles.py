"""What each role may do stands in docs/security.md as it stands in the code."""

from pathlib import Path

from app.access.domain import Permission, Role
from app.access.roles import PERMISSIONS

ROOT = Path(__file__).resolve().parents[3]


def table() -> str:
    """The table as it must stand there: a line for each permission, a column for each role."""
    head = ["permission", *(role.value.replace("_", " ") for role in Role)]
    lines = [[f"`{one}`", *("●" if one in PERMISSIONS[role] else "" for role in Role)] for one in sorted(Permission)]
    rows = [head, ["---", *(":-:" for _ in Role)], *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def test_the_table_of_the_readers_is_that_of_the_code() -> None:
    assert table() in (ROOT / "docs" / "security.md").read_text(encoding="utf-8"), f"it must be:\n{table()}"


def test_every_role_has_a_line_and_every_permission_a_holder() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert frozenset().union(*PERMISSIONS.values()) == set(Permission)
