"""The stamp of an export: user, role and time."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.clock import in_shanghai
from app.exports.digest import Cell


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who took an export, and when."""

    export_id: str  # a random number
    asked_by: str  # the user's name and number in this service
    role: str
    acting_for: str  # the court or the lessor, empty for others
    at: datetime  # Aware

    def lines(self) -> tuple[tuple[str, Cell], ...]:
        """Return label and value of each line in the heading of a file."""
        return (
            ("查询人 Asked by", self.asked_by),
            ("身份 Role", self.role),
            ("所属 Acting for", self.acting_for),
            ("导出时间 Exported at (Asia/Shanghai)", in_shanghai(self.at).strftime("%Y-%m-%d %H:%M:%S")),
            ("导出时间 Exported at (UTC)", self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("导出编号 Export", self.export_id),
        )


def new_export_id() -> str:
    """Return an export number: 64 random bits, so that it reveals nothing about other exports."""
    return secrets.token_hex(8)
