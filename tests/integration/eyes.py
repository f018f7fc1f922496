"""What somebody sees: over HTTP, and in the tables themselves with nothing but row-level security in the way."""

from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from sqlalchemy import column, select, text

from app.access.domain import Principal
from app.access.keyring import Keyring
from app.access.sight import sight_of
from app.core.database import Sight
from tests.conftest import context_of
from tests.support import Holder

_OF_ASSETS: Final = ("asset", "device_binding", "ping", "current_position")
_OF_CASES: Final = ("enforcement_case", "case_asset", "seizure_measure", "planning_assignment")
NOTHING: Final = dict.fromkeys((*_OF_ASSETS, *_OF_CASES, "entrustment"), ())
"""What a table shows to whom it shows nothing."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """Looks as somebody."""

    application: FastAPI

    async def principal(self, holder: Holder) -> Principal:
        """Return who somebody is to the application."""
        keyring = self.application.state.keyring
        assert isinstance(keyring, Keyring)
        return await keyring.principal(holder.key)

    async def sight(self, holder: Holder, case_id: int | None = None) -> Sight:
        """Return as whom somebody looks, for a case."""
        now = context_of(self.application).clock.now()
        return sight_of(await self.principal(holder), now, case_id)

    async def tables(self, holder: Holder, case_id: int | None = None) -> dict[str, tuple[int, ...]]:
        """Return which assets, and which cases, each table shows to somebody without any filter."""
        seen: dict[str, tuple[int, ...]] = {}
        async with context_of(self.application).database.reading(await self.sight(holder, case_id)) as session:
            for table in NOTHING:
                of = "asset_id" if table in {*_OF_ASSETS, "case_asset", "seizure_measure"} else "case_id"
                rows = await session.scalars(  # type: ignore[var-annotated] # a column of whatever table
                    select(column(of)).select_from(text(table)).distinct().order_by(column(of))
                )
                seen[table] = tuple(rows)
        return seen

    async def place(self, holder: Holder, case_id: int, asset_id: int) -> int:
        """Return the status of asking where an asset is, for a case."""
        answer = await holder.client.get(f"/v1/assets/{asset_id}/position", params={"case": case_id})
        return answer.status_code
