"""The entrances of other systems over HTTP: stored like any ping, and answered as each sender expects."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
import zstandard
from fastapi import FastAPI

from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, Principals, first_position
from tests.factories.constants import CHANGNING, NOW
from tests.factories.devices import make_feed
from tests.factories.messages import FLESPI, OSMAND, OWNTRACKS, TRACCAR
from tests.factories.pings import DEVICE

FIXED_AT = NOW - timedelta(minutes=5)
EPOCH = round(FIXED_AT.timestamp())
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LON, LAT = CHANGNING


@pytest.fixture
async def gateway(principals: Principals, lessor: ApiUser) -> ApiUser:
    """A key of a feed that declares WGS-84."""
    return await principals.lessor(feed_id=await make_feed(lessor))


@pytest.fixture
async def phone(application: FastAPI, principals: Principals, lessor: ApiUser) -> AsyncIterator[httpx.AsyncClient]:
    """A sender that can send no header: its key, which can only post, stands in the path."""
    holder = await principals.lessor(feed_id=await make_feed(lessor, "phones"), post_only=True)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://leasetrace.test/v1/feeds/osmand/{holder.key}"
    ) as opened:
        yield opened


def traccar(device: str = DEVICE) -> dict[str, Any]:
    return {
        "position": TRACCAR["position"] | {"fixTime": FIXED_AT.isoformat(), "network": None, "speed": 10.0},
        "device": TRACCAR["device"] | {"uniqueId": device},
    }


def owntracks(**more: Any) -> dict[str, Any]:
    return OWNTRACKS | {"topic": f"owntracks/{DEVICE}", "tst": EPOCH, "created_at": EPOCH} | more


def osmand(**more: Any) -> dict[str, Any]:
    return {"id": DEVICE, "lat": LAT, "lon": LON, "timestamp": EPOCH, **more}


async def assert_at_changning(lessor: ApiUser, speed_kmh: float | None = None) -> None:
    found = await first_position(lessor)
    assert (found["point"], found["age_s"]) == ({"lon": LON, "lat": LAT}, 300)
    assert found["speed_kmh"] == (None if speed_kmh is None else pytest.approx(speed_kmh, abs=0.06))


def stored(urls: ClusterUrls) -> int:
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute("SELECT count(*) FROM ping").fetchone()
    assert row is not None
    return int(row[0])


async def test_what_traccar_forwards_is_stored_and_answered_with_a_receipt(lessor: ApiUser, gateway: ApiUser) -> None:
    answer = await gateway.client.post("/v1/feeds/traccar", json=traccar())
    assert (answer.status_code, answer.json()["stored"]) == (200, 1)
    await assert_at_changning(lessor, speed_kmh=18.52)  # 10 knots
    again = await gateway.client.post("/v1/feeds/traccar", json=traccar())
    assert (again.status_code, again.json()["duplicates"]) == (200, 1)


async def test_traccar_is_not_made_to_send_for_ever_what_cannot_be_stored(gateway: ApiUser) -> None:
    unknown = await gateway.client.post("/v1/feeds/traccar", json=traccar("nobody"))
    assert (unknown.status_code, unknown.json()["results"][0]["code"]) == (200, "unknown_device")
    event = {"event": {"id": 1, "type": "deviceOnline"}, "device": traccar()["device"]}
    answer = await gateway.client.post("/v1/feeds/traccar", json=event)
    assert (answer.status_code, answer.json()["rejected"]) == (200, 1)


async def test_flespis_stream_is_taken_row_by_row(lessor: ApiUser, gateway: ApiUser) -> None:
    good = FLESPI | {
        "ident": DEVICE,
        "timestamp": EPOCH,
        "position.timestamp": EPOCH,
        "position.longitude": LON,
        "position.latitude": LAT,
        "server.timestamp": EPOCH + 1,
    }
    nowhere = {name: value for name, value in good.items() if not name.startswith("position.")}
    answer = await gateway.client.post("/v1/feeds/flespi", json=[good, nowhere, good | {"ident": "nobody"}])
    assert answer.status_code == 200
    receipt = answer.json()
    assert (receipt["received"], receipt["stored"], receipt["rejected"]) == (3, 1, 2)
    assert [row["index"] for row in receipt["results"] if row["status"] == "rejected"] == [1, 2]
    found = await first_position(lessor)
    assert found["point"] == {"lon": LON, "lat": LAT}


@pytest.mark.parametrize("how", ["GET", "POST with a query", "form", "JSON"])
async def test_osmand_is_spoken_in_its_four_ways(lessor: ApiUser, phone: httpx.AsyncClient, how: str) -> None:
    told = osmand(speed=10)
    if how == "GET":
        answer = await phone.get("", params=told)
    elif how == "POST with a query":
        answer = await phone.post("", params=told)
    elif how == "form":
        answer = await phone.post("", data=told)
    else:
        coords = OSMAND["location"]["coords"] | {"longitude": LON, "latitude": LAT, "speed": 10 * 1852 / 3600}
        location = OSMAND["location"] | {"timestamp": FIXED_AT.isoformat(), "coords": coords}
        answer = await phone.post("", json={"device_id": DEVICE, "location": location})
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    await assert_at_changning(lessor, speed_kmh=18.52)


async def test_osmand_is_told_404_for_an_unknown_device_and_400_without_one(
    phone: httpx.AsyncClient, urls: ClusterUrls
) -> None:
    unknown = await phone.get("", params=osmand(id="nobody"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    for without_rows in (
        await phone.get("", params={"lat": LAT, "lon": LON}),
        await phone.get(""),
        await phone.post("", data={"lat": LAT}),
        await phone.post("", json={"location": {}}),
        await phone.post("", content=b"{", headers={"Content-Type": "application/json"}),
    ):
        assert without_rows.status_code == 400, without_rows.text
    assert stored(urls) == 0


async def test_osmand_with_cells_only_is_acknowledged_and_rejected(
    phone: httpx.AsyncClient, urls: ClusterUrls
) -> None:
    answer = await phone.get("", params={"id": DEVICE, "cell": "460,0,1,2", "timestamp": EPOCH})
    assert (answer.status_code, answer.content) == (200, b"")
    assert stored(urls) == 0


async def test_of_a_get_the_query_is_the_raw_body_and_holds_no_key(
    phone: httpx.AsyncClient, urls: ClusterUrls
) -> None:
    await phone.get("", params=osmand())
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute("SELECT content_type, body_zstd FROM raw_body").fetchone()
    assert row is not None
    assert row[0] == "application/x-www-form-urlencoded"
    assert zstandard.decompress(row[1]).decode() == f"id={DEVICE}&lat={LAT}&lon={LON}&timestamp={EPOCH}"


async def test_owntracks_comes_with_basic_and_gets_a_list_of_no_commands(
    lessor: ApiUser, gateway: ApiUser, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/feeds/owntracks", json=owntracks(vel=54), auth=("jane", gateway.key))
    assert (answer.status_code, answer.json()) == (200, [])
    await assert_at_changning(lessor, speed_kmh=54)


@pytest.mark.parametrize(
    "body",
    [
        owntracks(topic="owntracks/nobody/phone"),
        {"_type": "encrypted", "data": "AAAA"},
        {"_type": "lwt", "tst": EPOCH},
        owntracks(lat=None),
        None,
    ],
    ids=["unknown device", "encrypted", "another type", "no latitude", "nothing"],
)
async def test_owntracks_is_answered_the_same_whatever_becomes_of_it(
    gateway: ApiUser, client: httpx.AsyncClient, urls: ClusterUrls, body: dict[str, Any] | None
) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    answer = await client.post("/v1/feeds/owntracks", content=content, auth=("x", gateway.key))
    assert (answer.status_code, answer.json()) == (200, [])
    assert stored(urls) == 0


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"jane").decode(),
        "Basic " + base64.b64encode(b"jane:").decode(),
        "Basic " + base64.b64encode(b"jane:wrong").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Digest x",
    ],
)
@pytest.mark.parametrize("name", ["traccar", "osmand", "owntracks", "flespi"])
async def test_without_a_key_nothing_is_taken(client: httpx.AsyncClient, name: str, credentials: str | None) -> None:
    headers = {} if credentials is None else {"Authorization": credentials}
    answer = await client.post(f"/v1/feeds/{name}", content=b"[]", headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_key_that_is_no_lessors_posts_nothing(admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/v1/feeds/traccar", json=traccar())).status_code == 403


async def test_a_feed_that_declares_no_datum_has_its_rows_rejected(principals: Principals, lessor: ApiUser) -> None:
    silent = await principals.lessor(feed_id=await make_feed(lessor, "undeclared", coord_system=None))
    answer = await silent.client.post("/v1/feeds/traccar", json=traccar())
    assert (answer.status_code, answer.json()["results"][0]["code"]) == (200, "datum_missing")


async def test_a_packed_body_is_read_and_a_bomb_is_not(gateway: ApiUser) -> None:
    packed = {"Content-Encoding": "zstd"}
    good = zstandard.compress(json.dumps(traccar()).encode())
    assert (await gateway.client.post("/v1/feeds/traccar", content=good, headers=packed)).json()["stored"] == 1
    bomb = zstandard.compress(b" " * 9_000_000)
    assert (await gateway.client.post("/v1/feeds/traccar", content=bomb, headers=packed)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/feeds/flespi/x"), ("PUT", "/v1/feeds/osmand"), ("GET", "/v1/feeds/aprs/x")]
)
async def test_what_is_no_entrance_is_none(gateway: ApiUser, method: str, path: str) -> None:
    assert (await gateway.client.request(method, path)).status_code == (404 if "aprs" in path else 405)
