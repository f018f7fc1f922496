"""Polled sources over HTTP: who sees which, what may be called, and that a secret never comes out again."""

from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from app.core.clock import FixedClock
from app.ingest.aemp.poller import poll_due
from app.localdb.cluster import ClusterUrls
from tests.api import Principals, problem_fields
from tests.factories.aemp import BEARER, CLIENT_ID, SECRET, AempPolling, Maker, RecordingIngest
from tests.factories.constants import NOW


def source(own_feed_id: int, **changes: Any) -> dict[str, Any]:
    wanted = {
        "name": "Cat",
        "feed_id": own_feed_id,
        "base_url": "https://services.maker.example/telematics/iso15143",
        "auth": "oauth2",
        "client_id": CLIENT_ID,
        "token_url": "https://login.maker.example/as/token.oauth2",
        "secret": SECRET,
    }
    return {key: value for key, value in (wanted | changes).items() if value is not ...}


async def register(polling: AempPolling, **changes: Any) -> httpx.Response:
    return await polling.lessor.client.post("/v1/aemp-sources", json=source(polling.feed_id, **changes))


async def test_a_source_is_told_with_everything_but_its_secret(polling: AempPolling, urls: ClusterUrls) -> None:
    created = await register(polling, scope="read")
    assert created.status_code == 201, created.text
    assert created.json() == {
        "source_id": created.json()["source_id"],
        "lessor_id": polling.lessor.subject_id,
        "feed_id": polling.feed_id,
        "name": "Cat",
        "base_url": "https://services.maker.example/telematics/iso15143",
        "auth": "oauth2",
        "client_id": CLIENT_ID,
        "token_url": "https://login.maker.example/as/token.oauth2",
        "scope": "read",
        "min_interval": "PT15M",
        "enabled": True,
        "next_poll_at": "2026-11-23T04:00:00Z",
        "last_polled_at": None,
        "last_ok_at": None,
        "last_error": None,
        "consecutive_failures": 0,
        "last_machines": None,
        "last_new": None,
        "last_rejected": None,
        "last_unlocated": None,
        "created_at": "2026-11-23T04:00:00Z",
    }
    listed = await polling.lessor.client.get("/v1/aemp-sources")
    assert listed.json() == {"items": [created.json()], "next": None}
    assert SECRET not in created.text + listed.text
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute("SELECT s::text, secret_sealed FROM aemp_source s").fetchone()
    assert row is not None
    assert SECRET not in row[0]
    assert SECRET.encode() not in row[1]
    assert len(row[1]) == 1 + 4 + 12 + len(SECRET) + 16


async def test_a_lessor_sees_its_own_sources_and_an_administrator_all(
    polling: AempPolling, polling_principals: Principals
) -> None:
    source_id = (await register(polling)).json()["source_id"]
    stranger = await polling_principals.lessor("beishan")
    assert (await stranger.client.get("/v1/aemp-sources")).json()["items"] == []
    for where in (source_id, source_id + 1000):
        path = f"/v1/aemp-sources/{where}"
        assert (await stranger.client.patch(path, json={"enabled": False})).status_code == 404
        assert (await stranger.client.delete(path)).status_code == 404
    foreign = await stranger.client.post("/v1/aemp-sources", json=source(polling.feed_id))
    assert (foreign.status_code, problem_fields(foreign)) == (422, ["feed_id"])
    admin = await polling_principals.administrator()
    assert [one["enabled"] for one in (await admin.get("/v1/aemp-sources")).json()["items"]] == [True]
    assert (await admin.patch(f"/v1/aemp-sources/{source_id}", json={"enabled": False})).json()["enabled"] is False
    for_lessor = await admin.post("/v1/aemp-sources", json=source(polling.feed_id, name="other"))
    assert for_lessor.json()["lessor_id"] == polling.lessor.subject_id


async def test_courts_and_dispatchers_have_no_business_here(
    polling: AempPolling, polling_principals: Principals
) -> None:
    for holder in (await polling_principals.court(), await polling_principals.dispatcher()):
        assert (await holder.client.get("/v1/aemp-sources")).status_code == 403
        assert (await holder.client.post("/v1/aemp-sources", json=source(polling.feed_id))).status_code == 403


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_url": "https://user:pass@maker.example"}, "base_url"),
        ({"base_url": "https://maker.example?key=abc"}, "base_url"),
        ({"base_url": "https://maker.example/#x"}, "base_url"),
        ({"base_url": "http://maker.example"}, "base_url"),
        ({"base_url": "ftp://maker.example"}, "base_url"),
        ({"base_url": "maker.example"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "https://maker.example/a b"}, "base_url"),
        ({"base_url": "https://maker.example:99999"}, "base_url"),
        ({"token_url": "http://login.maker.example"}, "token_url"),
        ({"token_url": ...}, "token_url"),
        ({"client_id": ...}, "client_id"),
        ({"auth": "bearer"}, "client_id"),
        ({"auth": "bearer", "client_id": ..., "token_url": ..., "scope": "x"}, "scope"),
        ({"auth": "bearer", "client_id": ..., "token_url": ..., "secret": "a b"}, "secret"),
        ({"auth": "basic"}, "auth"),
        ({"secret": ""}, "secret"),
        ({"secret": "line\r\nbreak"}, "secret"),
        ({"secret": "ü"}, "secret"),
        ({"secret": ...}, "secret"),
        ({"feed_id": 2**31 - 1}, "feed_id"),
        ({"min_interval": "PT1M"}, "min_interval"),
        ({"min_interval": "P2D"}, "min_interval"),
        ({"name": ""}, "name"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_field_and_without_the_secret(
    polling: AempPolling, changes: dict[str, Any], field: str
) -> None:
    refused = await register(polling, **changes)
    assert (refused.status_code, problem_fields(refused)) == (422, [field])
    assert SECRET not in refused.text


async def test_a_feed_without_a_datum_is_refused_before_every_location_would_be(polling: AempPolling) -> None:
    feed = (await polling.lessor.client.post("/v1/feeds", json={"name": "no datum"})).json()
    refused = await register(polling, feed_id=feed["feed_id"])
    assert (refused.status_code, problem_fields(refused)) == (422, ["feed_id"])


async def test_a_name_is_there_once(polling: AempPolling) -> None:
    assert (await register(polling)).status_code == 201
    again = await register(polling)
    assert (again.status_code, problem_fields(again)) == (409, ["name"])


async def test_a_lessor_has_not_any_number_of_sources(polling: AempPolling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ingest.aemp.service.MAX_SOURCES", 1)
    assert (await register(polling)).status_code == 201
    assert (await register(polling, name="another")).status_code == 409


async def test_without_a_key_nothing_is_stored_and_the_way_out_is_told(
    principals: Principals, urls: ClusterUrls
) -> None:
    lessor = await principals.lessor()
    feed = (await lessor.client.post("/v1/feeds", json={"name": "makers", "coord_system": "wgs84"})).json()
    refused = await lessor.client.post("/v1/aemp-sources", json=source(feed["feed_id"]))
    assert (refused.status_code, refused.json()["code"]) == (503, "no_secret_key")
    assert "LEASETRACE_SECRET_KEYS" in refused.json()["detail"]
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM aemp_source").fetchone() == (0,)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.1.2.3",
        "169.254.169.254",
        "[::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "db.internal",
    ],
)
async def test_our_own_network_is_refused_when_it_is_named(principals: Principals, host: str) -> None:
    from app.core.web.outbound import check_url

    with pytest.raises(ValueError, match="public"):
        check_url(f"https://{host}/iso15143", allow_private=False)


async def test_a_disabled_source_is_not_polled_and_an_enabled_one_is_again(
    polling: AempPolling, maker: Maker, clock: FixedClock
) -> None:
    source_id = (await polling.register(maker)).json()["source_id"]
    path = f"/v1/aemp-sources/{source_id}"
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert (await polling.lessor.client.patch(path, json={"enabled": False})).status_code == 200
    assert await poll_due(polling.context, RecordingIngest(), NOW + timedelta(days=1)) == 0
    enabled = await polling.lessor.client.patch(path, json={"enabled": True})
    assert enabled.json()["next_poll_at"].startswith("2026-11-23T04:15:00")  # the maker's interval holds
    clock.set(NOW + timedelta(days=1))
    enabled = await polling.lessor.client.patch(path, json={"enabled": True, "min_interval": "PT30M"})
    assert (enabled.json()["next_poll_at"], enabled.json()["min_interval"]) == ("2026-11-24T04:00:00Z", "PT30M")
    assert await poll_due(polling.context, RecordingIngest(), clock.now()) == 1


async def test_a_new_secret_takes_the_place_of_the_old_one(polling: AempPolling, maker: Maker) -> None:
    source_id = (await polling.register_bearer(maker, secret="outdated")).json()["source_id"]
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert (await polling.source())["consecutive_failures"] == 1
    changed = await polling.lessor.client.patch(f"/v1/aemp-sources/{source_id}", json={"secret": BEARER})
    assert (changed.json()["consecutive_failures"], changed.json()["last_error"]) == (0, None)
    assert BEARER not in changed.text
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW + timedelta(minutes=16))
    assert taken.devices == ["P1"]


async def test_a_bearer_token_with_spaces_is_refused_later_too(polling: AempPolling, maker: Maker) -> None:
    source_id = (await polling.register_bearer(maker)).json()["source_id"]
    refused = await polling.lessor.client.patch(f"/v1/aemp-sources/{source_id}", json={"secret": "a b"})
    assert problem_fields(refused) == ["secret"]


async def test_a_deleted_source_is_gone_with_its_secret_and_cursors(
    polling: AempPolling, maker: Maker, urls: ClusterUrls
) -> None:
    source_id = (await polling.register(maker)).json()["source_id"]
    await poll_due(polling.context, RecordingIngest(), NOW)
    gone = await polling.lessor.client.delete(f"/v1/aemp-sources/{source_id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await polling.lessor.client.delete(f"/v1/aemp-sources/{source_id}")).status_code == 404
    with psycopg.connect(urls.owner_url) as connection:
        for table in ("aemp_source", "aemp_cursor"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608


async def test_a_source_deleted_during_its_poll_breaks_nothing(polling: AempPolling, maker: Maker) -> None:
    source_id = (await polling.register(maker)).json()["source_id"]

    class Deletes(RecordingIngest):
        async def __call__(self, *batch: Any) -> Any:
            await polling.lessor.client.delete(f"/v1/aemp-sources/{source_id}")
            return await super().__call__(*batch)

    assert await poll_due(polling.context, Deletes(), NOW) == 1
    assert (await polling.lessor.client.get("/v1/aemp-sources")).json()["items"] == []
