"""Keys from the command line."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Role
from app.cli.keys import is_valid_key, make_key
from app.core.clock import FixedClock
from app.core.errors import AppError
from app.core.settings import Settings
from tests.api import Principals


async def test_a_key_opens_the_door_until_it_expires(
    session: AsyncSession, settings: Settings, clock: FixedClock, principals: Principals
) -> None:
    await principals.lessor("yuanhai")
    key = await make_key(settings, clock, Role.LESSOR_MANAGER, lessor="yuanhai", lifetime=timedelta(days=1))
    assert await is_valid_key(settings, clock, key.text)
    assert not await is_valid_key(settings, clock, key.text[:-1] + ("0" if key.text[-1] != "0" else "1"))
    clock.set(clock.now() + timedelta(days=1))
    assert not await is_valid_key(settings, clock, key.text)


async def test_a_feed_of_another_lessor_gets_no_key(
    settings: Settings, clock: FixedClock, principals: Principals
) -> None:
    own, other = await principals.lessor("yuanhai"), await principals.lessor("beishan")
    feed_id = (await own.client.post("/v1/feeds", json={"name": "gateway", "coord_system": "gcj02"})).json()[
        "feed_id"
    ]
    assert (await make_key(settings, clock, Role.LESSOR_MANAGER, lessor="yuanhai", feed_id=feed_id)).text
    for lessor, wanted in (("beishan", feed_id), ("yuanhai", feed_id + 999)):
        with pytest.raises(AppError, match="there is no feed"):
            await make_key(settings, clock, Role.LESSOR_MANAGER, lessor=lessor, feed_id=wanted)
    assert other.subject_id != own.subject_id


@pytest.mark.parametrize(
    ("kind", "whose"),
    [
        (Role.LESSOR_MANAGER, {}),
        (Role.ENFORCEMENT_OFFICER, {}),
        (Role.LESSOR_MANAGER, {"lessor": "nobody"}),
        (Role.ENFORCEMENT_OFFICER, {"court": "沪9999"}),
    ],
)
async def test_a_key_needs_somebody_who_exists(
    session: AsyncSession, settings: Settings, clock: FixedClock, kind: Role, whose: dict[str, str]
) -> None:
    with pytest.raises(AppError):
        await make_key(settings, clock, kind, lessor=whose.get("lessor"), court=whose.get("court"))
