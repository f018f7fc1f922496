"""A court's case with its applicant: assets, offers, measures, entrustments, assignments, shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.api import ApiUser, Principals
from tests.factories.constants import NOW, Place

UNTIL: Final = "2026-12-23T00:00:00Z"
"""Default end of an entrustment."""

CASE = {
    "case_number": "(2025)沪0105执4321号",
    "judgment_debtor": "某运输有限公司",
    "claim_mode": "money",
    "claim_yuan": "1234567.89",
    "basis_number": "(2024)沪0105民初8876号",
    "opened_on": "2025-03-18",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A case, with an officer of its court and the applicant."""

    session: AsyncSession
    court: ApiUser
    lessor: ApiUser
    case_id: int

    @property
    def path(self) -> str:
        """The case's path in the API."""
        return f"/v1/cases/{self.case_id}"

    async def assets(self, count: int, *, first: int = 1, owner: ApiUser | None = None) -> list[int]:
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

    async def sees(self, holder: ApiUser, asset_id: int) -> bool:
        """Return whether a user sees an asset in the register of assets."""
        return (await holder.client.get(f"/v1/assets/{asset_id}")).status_code == 200


def vin(number: int) -> str:
    """Return the VIN of a truck that ``register`` makes."""
    return f"LZZ5CLVB{number:09}"


def plate(number: int) -> str:
    """Return the plate of a truck that ``register`` makes."""
    return f"沪A{number:05}"


async def register(session: AsyncSession, lessor_id: int, count: int, first: int) -> list[int]:
    """Register trucks and return their ids; five share a lease contract."""
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


async def open_case(court: ApiUser, lessor: ApiUser, **changed: Any) -> int:
    """Record a case and return its id."""
    body = CASE | {"applicant_lessor_id": lessor.subject_id} | changed
    answer = await court.client.post("/v1/cases", json=body)
    assert answer.status_code == 201, answer.text
    case_id: int = answer.json()["case_id"]
    return case_id


@dataclass(slots=True)
class CaseAssets:
    """The assets of a case: registers, binds to devices, offers, confirms and seizes them, and posts pings."""

    case: Case
    registered: int = 0

    @property
    def court(self) -> httpx.AsyncClient:
        """The officer of the court of Changning."""
        return self.case.court.client

    @property
    def lessor(self) -> httpx.AsyncClient:
        """The applicant."""
        return self.case.lessor.client

    async def add(
        self, count: int, *, seized: bool = True, value_yuan: int | None = 100_000, **order: Any
    ) -> list[int]:
        """Add assets with devices to the case and, by default, seize them on the register."""
        ids = await self.bound(count)
        await self.case.session.execute(
            text("UPDATE asset SET estimated_value_yuan = :value WHERE asset_id = ANY(:ids)"),
            {"value": value_yuan, "ids": ids},
        )
        await self.case.session.commit()
        await self.case.offer(ids)
        last = self.registered
        await self.case.confirm(*(("vin", vin(n)) for n in range(last - count + 1, last + 1)))
        if seized:
            await self.case.order(*(seizure(i, **order) for i in ids))
        return ids

    async def bound(self, count: int) -> list[int]:
        """Register assets, each with a device since the beginning of the year; ``device-<asset_id>`` sends for it."""
        ids = await register(self.case.session, self.case.lessor.subject_id, count, self.registered + 1)
        self.registered += count
        await self.case.session.execute(
            text("""
                WITH device AS (
                    INSERT INTO device (lessor_id, identifier, kind, created_at)
                    SELECT :lessor, 'device-' || id, 'wired', now() FROM unnest(CAST(:ids AS int[])) AS id
                    RETURNING device_id, identifier)
                INSERT INTO device_binding (lessor_id, device_id, asset_id, bound_from)
                SELECT :lessor, device_id, split_part(identifier, '-', 2)::int, '2026-01-01Z' FROM device"""),
            {"lessor": self.case.lessor.subject_id, "ids": ids},
        )
        await self.case.session.commit()
        return ids

    async def heard(self, asset_ids: Sequence[int], place: Place, *, ago: timedelta = timedelta(hours=1)) -> None:
        """Post a ping for each asset: 30 m apart from each other, northward from a place."""
        rows = [
            {
                "device_id": f"device-{asset_id}",
                "fixed_at": (NOW - ago).isoformat(),
                "lon": place[0],
                "lat": place[1] + number * 0.00027,
                "coord_system": "wgs84",
            }
            for number, asset_id in enumerate(asset_ids)
        ]
        receipt = (await self.lessor.post("/v1/pings", json=rows)).json()
        assert (receipt["stored"], receipt["rejected"]) == (len(rows), 0)

    async def distribution(self, client: httpx.AsyncClient | None = None, **params: Any) -> dict[str, Any]:
        """Return where the assets are, as the court (or another user) reads it."""
        answer = await self.ask_distribution(client or self.court, **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask_distribution(self, client: httpx.AsyncClient, **params: Any) -> httpx.Response:
        """Request the distribution and return the response."""
        return await client.get(f"{self.case.path}/distribution", params=params)

    async def clusters(self, client: httpx.AsyncClient | None = None, **params: Any) -> dict[str, Any]:
        """Return the clusters, as the court (or another user) reads them."""
        answer = await self.ask_clusters(client or self.court, **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask_clusters(self, client: httpx.AsyncClient, **params: Any) -> httpx.Response:
        """Request the clusters and return the response."""
        return await client.get("/v1/clusters", params={"case": self.case.case_id} | params)


async def strangers(principals: Principals) -> list[ApiUser]:
    """Return users who must not see the case."""
    return [await principals.court("沪0107"), await principals.lessor("other"), await principals.dispatcher()]


def letter(court: ApiUser, **changed: Any) -> dict[str, Any]:
    """Return the body of an entrustment of one matter to a court."""
    body = {
        "court_id": court.subject_id,
        "kind": "matter",
        "matters": "查封车辆",
        "letter_number": "(2026)沪0105执委12号",
        "ends_at": UNTIL,
    }
    return body | changed


async def entrust(case: Case, court: ApiUser, **changed: Any) -> dict[str, Any]:
    """Entrust another court and return the entrustment."""
    answer = await case.court.client.post(f"{case.path}/entrustments", json=letter(court, **changed))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def assign(case_assets: CaseAssets, dispatcher: ApiUser, *, days: int = 5) -> int:
    """Assign a dispatcher to the case and return the assignment's id."""
    body = {"dispatcher_id": dispatcher.principal_id, "ends_at": (NOW + timedelta(days=days)).isoformat()}
    answer = await case_assets.court.post(f"{case_assets.case.path}/assignments", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["assignment_id"])


async def share(client: httpx.AsyncClient, assignment_id: int, **body: Any) -> httpx.Response:
    """Share the run sheet of an assignment and return the response."""
    return await client.post(f"/v1/assignments/{assignment_id}/shares", json={"recipient": "赵六"} | body)
