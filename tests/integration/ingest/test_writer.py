"""The group-commit writer: a batch or row that cannot be written fails alone, and the writer goes on."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.context import Context
from app.core.db.database import SERVICE
from app.core.errors import AppError
from app.core.geo.datum import CoordSystem
from app.ingest.writer.batch import Batch
from app.ingest.writer.group_writer import GroupWriter
from app.telemetry.domain import RejectCode, Rejection
from app.telemetry.formats.ping_row import Decoded, PingRow
from tests.api import ApiUser, Principals, context_of, services
from tests.factories.constants import NOW
from tests.factories.settings import changed

CHANGNING = (121.4241, 31.2205)


@pytest.fixture
async def writer_lessor(principals: Principals) -> ApiUser:
    """A lessor with the devices d0 to d4, on nothing."""
    holder = await principals.lessor()
    for number in range(5):
        made = await holder.client.post("/v1/devices", json={"identifier": f"d{number}", "kind": "wired"})
        assert made.status_code == 201
    return holder


def row(device: int, minutes_ago: float = 5, **more: Any) -> PingRow:
    fixed_at = NOW - timedelta(minutes=minutes_ago)
    return PingRow(device_id=f"d{device}", fixed_at=fixed_at, lon=CHANGNING[0], lat=CHANGNING[1], **more)


def batch(writer_lessor: ApiUser, *rows: PingRow) -> Batch:
    decoded = Decoded(list(rows), list(range(len(rows))), (), len(rows))
    return Batch(decoded, writer_lessor.subject_id, None, None, CoordSystem.WGS84, NOW, "application/json", b"[]")


def refused_by_the_database(good: Batch) -> Batch:
    return replace(good, content_type="application/\0json")


def breaking_our_own_code(good: Batch) -> Batch:
    return replace(good, body="not bytes")  # type: ignore[arg-type]


@pytest.mark.parametrize("poison", [refused_by_the_database, breaking_our_own_code])
async def test_a_poisoned_batch_fails_alone_and_the_writer_goes_on(
    application: FastAPI, writer_lessor: ApiUser, poison: Any
) -> None:
    context = context_of(application)
    async with GroupWriter(context, services(application).locators) as writer:
        batches = [
            batch(writer_lessor, row(1)),
            poison(batch(writer_lessor, row(2))),
            batch(writer_lessor, row(3)),
        ]
        first, bad, third = await asyncio.gather(*map(writer.submit, batches), return_exceptions=True)
        assert isinstance(bad, Exception)
        assert not isinstance(first, BaseException)
        assert not isinstance(third, BaseException)
        assert (first.stored, third.stored) == (1, 1)
        after = await asyncio.wait_for(writer.submit(batch(writer_lessor, row(4))), 10)
        assert after.stored == 1
    assert await minutes_of_devices(context) == [("d1", 5), ("d3", 5), ("d4", 5)]


async def minutes_of_devices(context: Context) -> list[tuple[str, int]]:
    async with context.database.reading(SERVICE) as session:
        rows = await session.execute(
            text("SELECT identifier, fixed_at FROM ping JOIN device USING (device_id) ORDER BY 1, 2")
        )
        return [(identifier, round((NOW - fixed_at) / timedelta(minutes=1))) for identifier, fixed_at in rows]


async def test_a_poisoned_row_fails_by_itself_and_its_batch_is_stored(
    application: FastAPI, writer_lessor: ApiUser
) -> None:
    context = context_of(application)
    rows = [row(0, minute) for minute in range(20, 10, -1)]
    rows[3] = row(1, speed_kmh="fast")  # what a decoder with a fault would let through
    rows[7] = row(1, 6, course_deg=[])
    async with GroupWriter(context, services(application).locators) as writer:
        both = await asyncio.gather(
            writer.submit(batch(writer_lessor, *rows)), writer.submit(batch(writer_lessor, row(2)))
        )
    receipt, neighbour = both
    assert (receipt.received, receipt.stored, receipt.rejected, neighbour.stored) == (10, 8, 2, 1)
    assert [(r.index, r.status, r.code) for r in receipt.results if r.status == "rejected"] == [
        (3, "rejected", "malformed"),
        (7, "rejected", "malformed"),
    ]
    assert len(await minutes_of_devices(context)) == 9


async def test_bytes_are_bounded_too_and_batches_of_rejected_rows_count(
    application: FastAPI, writer_lessor: ApiUser
) -> None:
    context = context_of(application)
    tight = replace(context, settings=changed(context.settings, writer={"queue_bytes": 250}))
    large = replace(batch(writer_lessor, row(0)), body=b"x" * 100)
    async with GroupWriter(tight, services(application).locators) as writer:
        answers = await asyncio.gather(*(writer.submit(large) for _ in range(5)), return_exceptions=True)
        assert [isinstance(a, AppError) for a in answers] == [False] * 3 + [True] * 2
    narrow = replace(context, settings=changed(context.settings, writer={"queue_rows": 3}))
    rejections = tuple(Rejection(i, RejectCode.MALFORMED, None, "row: no object") for i in range(3))
    useless = replace(large, decoded=Decoded([], [], rejections, 3))
    async with GroupWriter(narrow, services(application).locators) as writer:
        answers = await asyncio.gather(*(writer.submit(useless) for _ in range(2)), return_exceptions=True)
    assert [isinstance(a, AppError) for a in answers] == [False, True]


async def test_past_the_bound_of_the_queue_a_batch_is_refused_and_after_closing_too(
    application: FastAPI, writer_lessor: ApiUser
) -> None:
    context = context_of(application)
    tight = replace(context, settings=changed(context.settings, writer={"queue_rows": 3}))
    async with GroupWriter(tight, services(application).locators) as writer:
        batches = [batch(writer_lessor, row(n % 5, n + 1)) for n in range(6)]
        answers = await asyncio.gather(*map(writer.submit, batches), return_exceptions=True)
        assert [isinstance(a, AppError) for a in answers] == [False] * 3 + [True] * 3
    with pytest.raises(AppError):
        await writer.submit(batch(writer_lessor, row(0)))
    assert len(await minutes_of_devices(context)) == 3
