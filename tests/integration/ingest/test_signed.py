"""Feeds whose requests must be signed."""

import gzip
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from app.core.clock import FixedClock
from app.core.encryption import new_key
from app.core.ttl_cache import TtlCache
from app.ingest.http.signatures import SIGNATURE_HEADER, TIME_HEADER, signature_of
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, Principals, context_of, problem_fields, services
from tests.database import AS_SERVICE
from tests.factories.constants import CHANGNING, NOW
from tests.factories.devices import make_feed
from tests.factories.pings import DEVICE, ping
from tests.factories.settings import change_during_test

TIME = round(NOW.timestamp())
LON, LAT = CHANGNING
QUERY = f"id={DEVICE}&lat={LAT}&lon={LON}&timestamp={TIME - 300}"


@pytest.fixture(autouse=True)
def secret_keys(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service can keep secrets, and remembers nothing about feeds."""
    change_during_test(monkeypatch, context_of(application).settings, encryption={"secret_keys": new_key()})
    monkeypatch.setattr(services(application).ingest.feed_limits, "_known", TtlCache(0))


@pytest.fixture
async def feed_id(lessor: ApiUser) -> int:
    return await make_feed(lessor)


@pytest.fixture
async def signer(principals: Principals, feed_id: int) -> ApiUser:
    return await principals.lessor(feed_id=feed_id)


@pytest.fixture
async def secret(lessor: ApiUser, feed_id: int) -> str:
    made = await lessor.client.post(f"/v1/feeds/{feed_id}/hmac-secret")
    assert (made.status_code, made.json()["feed_id"]) == (201, feed_id), made.text
    return str(made.json()["secret"])


def signed(secret: str, content: bytes, at_s: int = TIME) -> dict[str, str]:
    return {TIME_HEADER: str(at_s), SIGNATURE_HEADER: signature_of(secret, str(at_s), content)}


def body_of(*rows: object) -> bytes:
    return json.dumps(rows).encode()


async def post(signer: ApiUser, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    told = {"Content-Type": "application/json", **headers}
    return await signer.client.post("/v1/pings", content=body, headers=told)


async def test_a_signed_request_is_taken_also_packed(signer: ApiUser, secret: str) -> None:
    body = body_of(ping(5))
    assert (await post(signer, body, signed(secret, body))).json()["stored"] == 1
    packed = gzip.compress(body_of(ping(4)))
    with_encoding = {"Content-Encoding": "gzip", **signed(secret, packed)}
    assert (await post(signer, packed, with_encoding)).json()["stored"] == 1


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({}, SIGNATURE_HEADER),
        ({TIME_HEADER: str(TIME)}, SIGNATURE_HEADER),
        (signed("0" * 64, body_of(ping(5))), SIGNATURE_HEADER),
        ({SIGNATURE_HEADER: "sha256=" + "0" * 64, TIME_HEADER: str(TIME - 301)}, TIME_HEADER),
        ({SIGNATURE_HEADER: "sha256=" + "0" * 64, TIME_HEADER: str(TIME + 301)}, TIME_HEADER),
        ({SIGNATURE_HEADER: "sha256=" + "0" * 64, TIME_HEADER: "yesterday"}, TIME_HEADER),
    ],
    ids=["unsigned", "no signature", "another secret", "old", "ahead", "no time"],
)
async def test_any_other_is_refused_and_nothing_is_stored(
    signer: ApiUser, secret: str, urls: ClusterUrls, headers: dict[str, str], field: str
) -> None:
    refused = await post(signer, body_of(ping(5)), headers)
    assert (refused.status_code, refused.json()["code"], problem_fields(refused)) == (401, "not_signed", [field])
    assert secret not in refused.text
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM ping_batch").fetchone() == (0,)


async def test_a_signature_of_another_body_or_an_old_one_is_refused(
    signer: ApiUser, secret: str, clock: FixedClock
) -> None:
    body = body_of(ping(5))
    assert (await post(signer, body_of(ping(4)), signed(secret, body))).status_code == 401
    clock.set(NOW + timedelta(seconds=300))
    assert (await post(signer, body, signed(secret, body))).json()["stored"] == 1
    assert (await post(signer, body, signed(secret, body))).json()["duplicates"] == 1  # a replay stores nothing
    clock.set(NOW + timedelta(seconds=301))
    assert (await post(signer, body, signed(secret, body))).status_code == 401


async def test_a_new_secret_ends_the_old_one_and_turning_it_off_ends_both(
    lessor: ApiUser, signer: ApiUser, feed_id: int, secret: str
) -> None:
    body = body_of(ping(5))
    assert (await lessor.client.get(f"/v1/feeds/{feed_id}")).json()["hmac"] is True
    assert secret not in (await lessor.client.get(f"/v1/feeds/{feed_id}")).text
    second = (await lessor.client.post(f"/v1/feeds/{feed_id}/hmac-secret")).json()["secret"]
    assert second != secret
    assert (await post(signer, body, signed(secret, body))).status_code == 401
    assert (await post(signer, body, signed(second, body))).status_code == 200
    on = await lessor.client.patch(f"/v1/feeds/{feed_id}", json={"hmac": True})
    assert (on.status_code, on.json()["hmac"]) == (200, True)
    off = await lessor.client.patch(f"/v1/feeds/{feed_id}", json={"hmac": False})
    assert (off.status_code, off.json()["hmac"]) == (200, False)
    assert (await post(signer, body, {})).status_code == 200
    refused = await lessor.client.patch(f"/v1/feeds/{feed_id}", json={"hmac": True})
    assert (refused.status_code, problem_fields(refused)) == (422, ["hmac"])


async def test_a_key_of_another_feed_needs_no_signature(lessor: ApiUser, secret: str, principals: Principals) -> None:
    other = await principals.lessor(feed_id=await make_feed(lessor, "other"))
    assert (await post(other, body_of(ping(5)), {})).status_code == 200
    assert (await post(lessor, body_of(ping(4)), {})).status_code == 200


async def test_only_its_lessor_or_an_administrator_makes_a_secret(
    lessor: ApiUser, feed_id: int, principals: Principals, admin: httpx.AsyncClient
) -> None:
    stranger = await principals.lessor("beishan")
    assert (await stranger.client.post(f"/v1/feeds/{feed_id}/hmac-secret")).status_code == 404
    assert (await stranger.client.post("/v1/feeds/999999/hmac-secret")).status_code == 404
    assert (await (await principals.court()).client.post(f"/v1/feeds/{feed_id}/hmac-secret")).status_code == 403
    assert (await admin.post(f"/v1/feeds/{feed_id}/hmac-secret")).status_code == 201


async def test_the_secret_is_sealed_and_bound_to_its_feed(
    lessor: ApiUser, signer: ApiUser, feed_id: int, secret: str, principals: Principals, urls: ClusterUrls
) -> None:
    other_id = await make_feed(lessor, "other")
    with psycopg.connect(urls.app_url, options=AS_SERVICE) as connection:
        row = connection.execute("SELECT hmac_secret_sealed FROM feed WHERE feed_id = %s", (feed_id,)).fetchone()
        assert row is not None
        assert secret.encode() not in row[0]
        connection.execute("UPDATE feed SET hmac_secret_sealed = %s WHERE feed_id = %s", (row[0], other_id))
    other = await principals.lessor(feed_id=other_id)
    body = body_of(ping(5))
    assert (await post(other, body, signed(secret, body))).status_code == 503
    assert (await post(signer, body, signed(secret, body))).status_code == 200


async def test_without_a_key_to_keep_secrets_none_is_made_and_none_is_skipped(
    application: FastAPI,
    lessor: ApiUser,
    signer: ApiUser,
    feed_id: int,
    secret: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_during_test(monkeypatch, context_of(application).settings, encryption={"secret_keys": None})
    assert (await lessor.client.post(f"/v1/feeds/{feed_id}/hmac-secret")).status_code == 503
    body = body_of(ping(5))
    for headers in (signed(secret, body), {}):
        assert (await post(signer, body, headers)).status_code == 503


async def osmand(signer: ApiUser, query: str, headers: dict[str, str], **more: Any) -> int:
    how = "POST" if more else "GET"
    answer = await signer.client.request(how, f"/v1/feeds/osmand?{query}", headers=headers, **more)
    return answer.status_code


async def test_where_the_data_stand_in_the_query_the_query_is_signed(signer: ApiUser, secret: str) -> None:
    assert await osmand(signer, QUERY, signed(secret, QUERY.encode())) == 200
    assert await osmand(signer, QUERY, {}) == 401
    assert await osmand(signer, QUERY.replace("31.2", "31.3"), signed(secret, QUERY.encode())) == 401
    assert await osmand(signer, QUERY, signed(secret, b"")) == 401


async def test_a_signature_counts_for_what_is_read_not_for_what_lies_beside_it(signer: ApiUser, secret: str) -> None:
    """Nobody gets a position of theirs past the signature of another request."""
    body = json.dumps({"device_id": DEVICE, "location": {"coords": {"latitude": LAT, "longitude": LON}}}).encode()
    forged_form = {"content": QUERY.encode()}
    assert await osmand(signer, QUERY, signed(secret, body), content=body) == 401
    as_query = body.decode().replace(" ", "").replace("#", "")
    assert await osmand(signer, as_query, signed(secret, as_query.encode()), **forged_form) == 401
    assert await osmand(signer, "", signed(secret, QUERY.encode()), **forged_form) == 200
    json_type = {"Content-Type": "application/json"}
    assert await osmand(signer, QUERY, signed(secret, QUERY.encode()) | json_type, content=body) == 401
    assert await osmand(signer, QUERY, signed(secret, body) | json_type, content=body) == 200


async def test_other_formats_sign_their_bodies(signer: ApiUser, secret: str) -> None:
    body = json.dumps({"_type": "lwt"}).encode()
    for headers, status in ((signed(secret, body), 200), ({}, 401), (signed(secret, b"{}"), 401)):
        answer = await signer.client.post("/v1/feeds/owntracks?u=jane", content=body, headers=headers)
        assert answer.status_code == status
