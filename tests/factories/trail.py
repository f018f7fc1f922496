"""The audit trail since a test began: entries of earlier tests stay, since nothing may delete them."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from app.audit.chain import Head, TrailFault, walk


@dataclass(slots=True)
class Trail:
    """Entries written since a test began, read as the owner.

    Attributes:
        begins_after: The number of the last entry before the test.
    """

    owner_url: str
    begins_after: int = 0

    def __post_init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Count from now on."""
        with psycopg.connect(self.owner_url) as connection:
            row = connection.execute("SELECT trail_no FROM trail_head").fetchone()
        self.begins_after = row[0] if row else 0

    def entries(self, action: str | None = None) -> list[dict[str, Any]]:
        """Return the entries since the start, in their order, with their assets."""
        with psycopg.connect(self.owner_url, row_factory=dict_row) as connection:
            return connection.execute(
                "SELECT t.*, coalesce(a.asset_ids, '{}') AS asset_ids FROM trail t LEFT JOIN trail_assets a"
                " USING (assets_sha256) WHERE trail_no > %s AND (%s::text IS NULL OR action = %s) ORDER BY trail_no",
                (self.begins_after, action, action),
            ).fetchall()

    def actions(self) -> list[str]:
        """Return the actions since the start, in order."""
        return [entry["action"] for entry in self.entries()]

    async def walked(
        self, *tampering: str, anchors: dict[int, bytes] | None = None, no: int = 0
    ) -> Head | TrailFault:
        """Run statements on the trail as the owner, its guards removed; walk it; then undo them.

        Args:
            tampering: Statements; ``%(no)s`` in them is ``no``.
            anchors: Links that were kept elsewhere.
            no: The number of an entry.
        """
        async with await psycopg.AsyncConnection.connect(self.owner_url) as connection:
            if tampering:
                for table in ("trail", "trail_assets"):
                    await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in tampering:
                done = await connection.execute(statement, {"no": no} if "%(" in statement else None)
                assert done.rowcount, statement
            try:
                *_, last = [step async for step in walk(connection, anchors or {})]
            finally:
                await connection.rollback()
        return last
