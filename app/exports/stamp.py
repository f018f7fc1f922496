"""The stamp of an export: who took it and when."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.clock import in_shanghai
from app.exports.digest import Cell


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who took an export, and when.

    Attributes:
        export_id: Its number, random.
        asked_by: The name of who asked, with its number here.
        role: What that one does.
        acting_for: The court or the lessor, empty for others.
        at: When, aware.
    """

    export_id: str
    asked_by: str
    role: str
    acting_for: str
    at: datetime

    def lines(self) -> tuple[tuple[str, Cell], ...]:
        """Return what stands in the heading of a file: label and value."""
        return (
            ("查询人 Asked by", self.asked_by),
            ("身份 Role", self.role),
            ("所属 Acting for", self.acting_for),
            ("导出时间 Exported at (Asia/Shanghai)", in_shanghai(self.at).strftime("%Y-%m-%d %H:%M:%S")),
            ("导出时间 Exported at (UTC)", self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("导出编号 Export", self.export_id),
        )


def new_export_id() -> str:
    """Return the number of an export: 64 random bits, so that it tells nothing of others."""
    return secrets.token_hex(8)
