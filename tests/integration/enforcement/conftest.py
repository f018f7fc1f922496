"""A court, an applicant, a case between them."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import Doors, Holder

CASE = {
    "case_number": "(2025)沪0105执4321号",
    "judgment_debtor": "某运输有限公司",
    "claim_mode": "money",
    "claim_yuan": "1234567.89",
    "basis_number": "(2024)沪0105民初8876号",
    "opened_on": "2025-03-18",
}


@dataclass(frozen=True, slots=True)
class Matter:
    """A case with the two who work on it."""

    session: AsyncSession
    court: Holder
    lessor: Holder
    case_id: int

    @property
    def path(self) -> str:
        """Where the case is."""
        return f"/v1/cases/{self.case_id}"

    async def assets(self, count: int, *, first: int = 1, owner: Holder | None = None) -> list[int]:
        """Register trucks of the applicant (or of another lessor) and return their ids; five share a contract."""
        return await register(self.session, (owner or self.lessor).subject_id, count, first)

    async def offer(self, ids: list[int]) -> dict[str, Any]:
        """Offer assets to the case."""
        answer = await self.lessor.client.post(f"{self.path}/offers", json={"asset_ids": ids})
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def confirm(self, *identifiers: tuple[str, str]) -> dict[str, Any]:
        """Confirm assets by identifiers."""
        rows = [{"matched_by": kind, "value": value} for kind, value in identifiers]
        answer = await self.court.client.post(f"{self.path}/confirmations", json={"rows": rows})
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def confirmed(self, count: int, *, first: int = 1) -> list[int]:
        """Register, offer and confirm trucks."""
        ids = await self.assets(count, first=first)
        await self.offer(ids)
        report = await self.confirm(*(("vin", vin(n)) for n in range(first, first + count)))
        assert report["assets_confirmed"] == count
        return ids

    async def order(self, *measures: dict[str, Any]) -> list[int]:
        """Record measures."""
        answer = await self.court.client.post(f"{self.path}/measures", json={"measures": measures})
        assert answer.status_code == 201, answer.text
        ids: list[int] = answer.json()["measure_ids"]
        return ids

    async def states(self) -> dict[int, tuple[str, list[str]]]:
        """Return the state of each asset, as the court reads it, with the codes of its reasons."""
        answer = await self.court.client.get(f"{self.path}/assets", params={"limit": 1000})
        assert answer.status_code == 200, answer.text
        return {
            row["asset_id"]: (row["seizability"]["state"], [r["code"] for r in row["seizability"]["reasons"]])
            for row in answer.json()["items"]
        }

    async def sees(self, holder: Holder, asset_id: int) -> bool:
        """Tell whether somebody sees an asset in the register of assets."""
        return (await holder.client.get(f"/v1/assets/{asset_id}")).status_code == 200


def vin(number: int) -> str:
    """Return the VIN of a truck that ``register`` makes."""
    return f"LZZ5CLVB{number:09}"


def plate(number: int) -> str:
    """Return the plate of a truck that ``register`` makes."""
    return f"沪A{number:05}"


async def register(session: AsyncSession, lessor_id: int, count: int, first: int) -> list[int]:
    """Put trucks into the register and return their ids; five share a lease contract."""
    ids = await session.scalars(
        text("""
            INSERT INTO asset (lessor_id, asset_type, kind, plate_no, vin, lease_contract_no, essential_to_production,
                               created_at, changed_at)
            SELECT :lessor, 'vehicle', 'heavy_truck', '沪A' || lpad(n::text, 5, '0'),
                   'LZZ5CLVB' || lpad(n::text, 9, '0'), 'ZL-' || (n - 1) / 5, false, now(), now()
            FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
            ORDER BY n RETURNING asset_id"""),
        {"lessor": lessor_id, "first": first, "last": first + count - 1},
    )
    made = list(ids)
    await session.commit()
    return made


def seizure(asset_id: int, **changed: Any) -> dict[str, Any]:
    """Return a register seizure, ranked first and in force today."""
    order = {"asset_id": asset_id, "kind": "register_seizure", "starts_on": "2025-12-01", "ends_on": "2027-11-30"}
    return order | changed


async def open_case(court: Holder, lessor: Holder, **changed: Any) -> int:
    """Record a case and return its id."""
    body = CASE | {"applicant_lessor_id": lessor.subject_id} | changed
    answer = await court.client.post("/v1/cases", json=body)
    assert answer.status_code == 201, answer.text
    case_id: int = answer.json()["case_id"]
    return case_id


@pytest.fixture
async def matter(doors: Doors, session: AsyncSession) -> Matter:
    """The case of the Changning court on the application of a lessor."""
    court, lessor = await doors.court(), await doors.lessor()
    return Matter(session, court, lessor, await open_case(court, lessor))
