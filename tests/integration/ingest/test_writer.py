"""The group-commit writer: a batch that cannot be written fails alone, and the writer goes on."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.http import Context
from app.ingest.writer import GroupWriter, Submission
from app.telemetry.domain import NO_INT, NO_TIME_US, Fixes, Measurements, PlacedFixes
from tests.conftest import NOW


def submission(device_id: int) -> Submission:
    """A batch of one fix at Changning."""

    def whole(value: int) -> Any:
        return np.array([value], dtype=np.int32)

    def real() -> Any:
        return np.array([np.nan])

    more = Measurements(np.array([NO_TIME_US]), real(), real(), real(), real(), *(whole(NO_INT) for _ in range(6)))
    fixes = Fixes(
        index=whole(0),
        device_id=whole(device_id),
        fixed_us=np.array([round((NOW - timedelta(minutes=5)).timestamp() * 1e6)]),
        lon_e7=whole(1_214_241_000),
        lat_e7=whole(312_205_000),
        datum=whole(1),
        source=whole(1),
        located=np.array([True]),
        backfill=np.array([False]),
        more=more,
        rejections=(),
        received=1,
    )
    placed = PlacedFixes(fixes, whole(NO_INT), whole(0), whole(NO_INT), whole(NO_INT))
    return Submission(placed, 1, None, None, 1, NOW, "application/json", b"\0" * 32, b"", every_row=False)


def refused_by_the_database(good: Submission) -> Submission:
    return replace(good, content_type="application/\0json")


def breaking_our_own_code(good: Submission) -> Submission:
    fixes = replace(good.placed.fixes, rejections=("not a rejection",))  # type: ignore[arg-type]
    return replace(good, placed=replace(good.placed, fixes=fixes))


@pytest.mark.parametrize("poison", [refused_by_the_database, breaking_our_own_code])
async def test_a_poisoned_batch_fails_alone_and_the_writer_goes_on(application: FastAPI, poison: Any) -> None:
    context: Context = application.state.context
    async with GroupWriter(context) as writer:
        batches = [submission(1), poison(submission(2)), submission(3)]
        first, bad, third = await asyncio.gather(*map(writer.write, batches), return_exceptions=True)
        assert isinstance(bad, Exception)
        assert not isinstance(first, BaseException)
        assert not isinstance(third, BaseException)
        assert (first.stored, third.stored) == (1, 1)
        after = await asyncio.wait_for(writer.write(submission(4)), 10)
        assert after.stored == 1
    async with context.database.reading() as session:
        devices = (await session.scalars(text("SELECT device_id FROM ping ORDER BY 1"))).all()
    assert devices == [1, 3, 4]
