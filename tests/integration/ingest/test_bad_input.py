"""What becomes of input that is wrong, hostile or odd: each line of the table in docs/formats.md."""

import asyncio
import gzip
import json
from datetime import timedelta
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
import zstandard
from fastapi import FastAPI

from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser, Principals, exchange, first_position, http_request, serving
from tests.factories.constants import CHANGNING, NOW, URUMQI
from tests.factories.pings import DEVICE, ping

BOMB = b" " * (9 * 1024 * 1024)
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
BEIJING = (116.4074, 39.9042)
"""More than 900 km from Changning."""
GUANGZHOU = (113.2644, 23.1291)
"""More than 900 km from both."""


async def post(lessor: ApiUser, *rows: object) -> dict[str, Any]:
    """Post rows and return the receipt."""
    answer = await lessor.client.post("/v1/pings", json=list(rows))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def send(lessor: ApiUser, body: bytes, headers: dict[str, str] = JSON) -> httpx.Response:
    return await lessor.client.post("/v1/pings", content=body, headers=headers)


def outcomes(receipt: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    return [(row["index"], row["status"], row["code"]) for row in receipt["results"]]


def the_one(urls: ClusterUrls, query: LiteralString) -> Any:
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def with_member(member: str) -> bytes:
    """A good ping with one more member, written by hand."""
    return (json.dumps(ping(5))[:-1] + f", {member}}}").encode()


# Bodies that cannot be read


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"[", {}, 400),
        (b"{}", {}, 422),
        (b"[]", {}, 422),
        (b"", NDJSON, 422),
        (b"x", {"Content-Type": "text/csv"}, 415),
        (b"[]", {"Content-Type": ""}, 415),
        (b"[]", {"Content-Encoding": "br"}, 415),
        (gzip.compress(b"[]")[:-4], {"Content-Encoding": "gzip"}, 400),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (zstandard.compress(b"[1,2,3]")[:-2], {"Content-Encoding": "zstd"}, 400),
        (gzip.compress(BOMB), {"Content-Encoding": "gzip"}, 413),
        (zstandard.compress(BOMB), {"Content-Encoding": "zstd"}, 413),
        (BOMB, {}, 413),
        (json.dumps([ping()] * 10_001).encode(), {}, 413),
        (b"[" * 200_000, {}, 400),
        (b"[" + with_member('"note": ' + "[" * 5000 + "]" * 5000) + b"]", {}, 400),
        (b"[" + json.dumps(ping()).replace("31.2205", "NaN").encode() + b"]", {}, 400),
        (b"[" + json.dumps(ping()).replace("31.2205", "-Infinity").encode() + b"]", {}, 400),
        (json.dumps([ping()]).encode("utf-16"), {}, 400),
        (b"[" + with_member(r'"note": "\ud800"') + b"]", {}, 400),
    ],
    ids=[
        "cut off",
        "no array",
        "empty",
        "no lines",
        "csv",
        "no type",
        "brotli",
        "gzip cut off",
        "no gzip",
        "zstd cut off",
        "gzip bomb",
        "zstd bomb",
        "too large",
        "too many rows",
        "only brackets",
        "a deep member",
        "NaN",
        "infinity",
        "UTF-16",
        "half a character",
    ],
)
async def test_a_batch_that_cannot_be_taken_is_a_problem_and_nothing_is_stored(
    lessor: ApiUser, urls: ClusterUrls, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await send(lessor, content, JSON | headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert the_one(urls, "SELECT count(*) FROM ping_batch") == 0


# Rows that cannot be read cost their neighbours nothing


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (json.dumps(ping()).replace("31.2205", "1e999").encode(), None),
        (json.dumps(ping()).replace("31.2205", "1" + "0" * 400).encode(), "lat"),
        (json.dumps(ping(lat="31.2205")).encode(), "lat"),
        (json.dumps(ping(speed_kmh="fast")).encode(), "speed_kmh"),
        (json.dumps(ping(fixed_at="2016-12-31T23:59:60Z")).encode(), "fixed_at"),
        (json.dumps(ping(fixed_at="2026-11-23T12:00:00")).encode(), "fixed_at"),
        (json.dumps(ping(fixed_at=1_795_406_400)).encode(), "fixed_at"),
        (json.dumps(ping(device_id="")).encode(), "device_id"),
        (json.dumps(ping(device_id="x" * 65)).encode(), "device_id"),
        (json.dumps(ping()).encode().replace(b"860123", b"\xff\xfe"), None),
        (with_member('"note": "').replace(b'": "}', b'": "\xff"}'), None),
        (b"17", None),
        (b"null", None),
    ],
    ids=[
        "1e999",
        "400 digits",
        "a number as text",
        "a measurement as text",
        "a leap second",
        "no offset",
        "epoch",
        "no identifier",
        "a long identifier",
        "no UTF-8",
        "no UTF-8 in an unknown member",
        "a number",
        "null",
    ],
)
async def test_a_row_that_cannot_be_read_is_rejected_and_its_neighbours_are_stored(
    lessor: ApiUser, row: bytes, field: str | None
) -> None:
    before, after = (json.dumps(ping(minutes)).encode() for minutes in (9, 8))
    receipt = (await send(lessor, b"[" + b",".join((before, row, after)) + b"]")).json()
    assert (receipt["stored"], outcomes(receipt)) == (2, [(1, "rejected", "malformed")])
    assert receipt["results"][0]["field"] == field
    again = (await send(lessor, b"\n".join((before, row, after)), NDJSON)).json()
    assert (again["duplicates"], again["rejected"]) == (2, 1)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "[" * 5000 + "]" * 5000, r'"\ud800"'])
async def test_what_is_no_json_costs_only_its_line_of_ndjson(lessor: ApiUser, literal: str) -> None:
    lines = b"\n".join((json.dumps(ping(6)).encode(), with_member(f'"note": {literal}')))
    receipt = (await send(lessor, lines, NDJSON)).json()
    assert (receipt["stored"], outcomes(receipt)) == (1, [(1, "rejected", "malformed")])


async def test_of_a_member_that_is_there_twice_the_last_counts(lessor: ApiUser) -> None:
    row = with_member('"lat": 31.25, "lat": 31.23')
    assert (await send(lessor, b"[" + row + b"]")).json()["stored"] == 1
    assert (await first_position(lessor))["point"] == {"lon": CHANGNING[0], "lat": 31.23}


@pytest.mark.parametrize("identifier", ["860123456789012\0", "\0", "86012345678901\u0662", " " + DEVICE])
async def test_an_identifier_that_is_not_exactly_a_devices_is_an_unknown_device(
    lessor: ApiUser, identifier: str
) -> None:
    receipt = await post(lessor, ping(5, device_id=identifier), ping(4))
    assert (receipt["stored"], outcomes(receipt)) == (1, [(0, "rejected", "unknown_device")])


async def test_another_lessors_device_is_answered_like_none(lessor: ApiUser, principals: Principals) -> None:
    stranger = await principals.lessor("beishan")
    theirs, none = (await post(stranger, ping()), await post(stranger, ping(device_id="000000000000000")))
    assert theirs["results"] == none["results"]
    assert outcomes(theirs) == [(0, "rejected", "unknown_device")]


# Times


@pytest.mark.parametrize(
    ("fixed_at", "code"),
    [
        ("0001-01-01T00:00:00Z", "stale_clock"),
        ("9999-12-31T23:59:59Z", "future_fix"),
        ("1980-01-06T00:00:00Z", "stale_clock"),
        ("2026-11-23T04:20:00Z", "future_fix"),
    ],
)
async def test_an_impossible_clock_is_stored_with_its_doubt(lessor: ApiUser, fixed_at: str, code: str) -> None:
    receipt = await post(lessor, ping(fixed_at=fixed_at), ping(4))
    assert (receipt["stored"], outcomes(receipt)) == (2, [(0, "doubted", code)])
    assert (await first_position(lessor))["age_s"] == 240


@pytest.mark.parametrize("fixed_at", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
async def test_a_time_outside_the_years_1_to_9999_in_utc_is_out_of_range(lessor: ApiUser, fixed_at: str) -> None:
    receipt = await post(lessor, ping(fixed_at=fixed_at), ping(4))
    assert (receipt["stored"], outcomes(receipt)) == (1, [(0, "rejected", "out_of_range")])
    assert receipt["results"][0]["field"] == "fixed_at"


@pytest.mark.parametrize("sent_at", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
async def test_an_impossible_time_of_sending_costs_nothing_but_itself(lessor: ApiUser, sent_at: str) -> None:
    assert (await post(lessor, ping(5, sent_at=sent_at)))["doubted"] == 0
    asset_id = (await first_position(lessor))["asset_id"]
    window = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}
    track = await lessor.client.get(f"/v1/assets/{asset_id}/track", params=window)
    assert (track.status_code, len(track.json()["points"])) == (200, 1)
    assert track.json()["points"][0]["sent_at"] is None


async def test_a_measurement_that_cannot_be_is_left_out(lessor: ApiUser, urls: ClusterUrls) -> None:
    impossible: dict[str, Any] = {
        "satellites": 10**30,
        "course_deg": 720,
        "battery_pct": -1,
        "altitude_m": 1e300,
        "hdop": 1e9,
    }
    assert (await post(lessor, ping(5, **impossible)))["doubted"] == 0
    query = "SELECT num_nonnulls(satellites, course_deg, battery_pct, altitude_m, hdop) FROM ping"
    assert the_one(urls, query) == 0


# Unknown members


async def test_an_unknown_member_is_kept_within_2048_bytes(lessor: ApiUser, urls: ClusterUrls) -> None:
    assert (await post(lessor, ping(5, fuel={"l": 80}, note="as it came")))["stored"] == 1
    assert the_one(urls, "SELECT extra FROM ping_extra") == {"fuel": {"l": 80}, "note": "as it came"}


@pytest.mark.parametrize(
    "more",
    [
        {"note": "x" * 2048},
        {"extra": {"note": "x" * 2048}},
        {"note": "a\0b"},
        {"extra": {"a\0b": 1}},
        {"alarms": ["a\0b"]},
    ],
    ids=["long", "long extra", "NUL", "NUL in a name", "NUL in an alarm"],
)
async def test_what_cannot_be_kept_beside_a_ping_never_costs_the_ping(
    lessor: ApiUser, urls: ClusterUrls, more: dict[str, Any]
) -> None:
    receipt = await post(lessor, ping(5, **more), ping(4))
    assert (receipt["stored"], receipt["results"]) == (2, [])
    assert the_one(urls, "SELECT count(*) FROM ping_extra") == 0


@pytest.mark.parametrize(
    "member",
    ['"note": ' + "[" * 800 + "]" * 800, '"extra": ' + '{"a":' * 300 + "1" + "}" * 300],
    ids=["unknown", "extra"],
)
async def test_a_deep_member_is_not_kept_and_never_costs_the_ping(
    lessor: ApiUser, urls: ClusterUrls, member: str
) -> None:
    receipt = (await send(lessor, b"[" + with_member(member) + b"]")).json()
    assert (receipt["stored"], receipt["results"]) == (1, [])
    assert the_one(urls, "SELECT count(*) FROM ping_extra") == 0


# Places


async def test_swapped_coordinates_inside_the_range_are_stored_as_a_jump(lessor: ApiUser) -> None:
    await post(lessor, ping(60, at=URUMQI))
    receipt = await post(lessor, ping(5, at=(URUMQI[1], URUMQI[0])))
    assert (receipt["stored"], outcomes(receipt)) == (1, [(0, "doubted", "jump")])
    assert (await first_position(lessor))["point"] == {"lon": URUMQI[0], "lat": URUMQI[1]}


async def test_an_asset_that_moved_900_km_while_silent_is_believed_at_the_third_fix(lessor: ApiUser) -> None:
    await post(lessor, ping(60 * 24 * 5))
    codes = []
    for minutes in (9, 8, 7, 6):
        receipt = await post(lessor, ping(minutes, at=BEIJING))
        codes.append([code for _, _, code in outcomes(receipt)])
    assert codes == [["jump"], ["jump"], [], []]
    assert (await first_position(lessor))["age_s"] == 360


async def test_the_same_doubted_fix_sent_again_is_not_believed(lessor: ApiUser) -> None:
    await post(lessor, ping(60 * 24 * 5))
    receipts = [await post(lessor, ping(9, at=BEIJING)) for _ in range(4)]
    assert [(r["stored"], r["duplicates"]) for r in receipts] == [(1, 0), (0, 1), (0, 1), (0, 1)]
    assert (await first_position(lessor))["point"]["lon"] == CHANGNING[0]
    three_at_once = await post(lessor, *[ping(8, at=GUANGZHOU)] * 3)
    assert (three_at_once["stored"], three_at_once["duplicates"]) == (1, 2)
    assert (await first_position(lessor))["point"]["lon"] == CHANGNING[0]


@pytest.mark.parametrize("places", [(BEIJING, GUANGZHOU), (BEIJING, CHANGNING)], ids=["both away", "one at home"])
async def test_two_clones_that_alternate_are_never_believed_away(
    lessor: ApiUser, places: tuple[tuple[float, float], ...]
) -> None:
    await post(lessor, ping(60 * 24))
    away = [place for place in places if place != CHANGNING]
    for minute in range(30, 10, -1):
        place = places[minute % 2]
        receipt = await post(lessor, ping(minute, at=place))
        assert outcomes(receipt) == ([(0, "doubted", "jump")] if place in away else [])
    batch = await post(lessor, *(ping(minute, at=places[minute % 2]) for minute in range(9, 1, -1)))
    assert batch["doubted"] == 4 * len(away)
    assert (await first_position(lessor))["point"] == {"lon": CHANGNING[0], "lat": CHANGNING[1]}


# Order and size


async def test_a_batch_of_one_device_in_reverse_order_is_as_good_as_in_order(lessor: ApiUser) -> None:
    along = [(CHANGNING[0] + 0.001 * n, CHANGNING[1]) for n in range(50)]  # 95 m a minute
    receipt = await post(lessor, *(ping(50 - n, at=along[n]) for n in reversed(range(50))))
    assert (receipt["stored"], receipt["results"]) == (50, [])
    assert (await first_position(lessor))["point"]["lon"] == pytest.approx(along[49][0])


async def test_ten_thousand_rows_of_one_device_are_one_batch(lessor: ApiUser, urls: ClusterUrls) -> None:
    receipt = await post(lessor, *(ping(n / 300) for n in range(10_000)))
    assert (receipt["received"], receipt["stored"], receipt["results"]) == (10_000, 10_000, [])
    assert the_one(urls, "SELECT count(DISTINCT fixed_at) FROM ping") == 10_000
    assert (await first_position(lessor))["age_s"] == 0


# Connections


def whole(lessor: ApiUser, *rows: object, target: str = "/v1/pings") -> bytes:
    body = json.dumps(rows).encode()
    return http_request("POST", target, body, Authorization=f"Bearer {lessor.key}", Content_Type="application/json")


async def test_a_body_that_stops_half_way_stores_nothing(
    application: FastAPI, lessor: ApiUser, urls: ClusterUrls
) -> None:
    sent = whole(lessor, *(ping(n) for n in range(1, 50)))
    ndjson = b"\n".join(json.dumps(ping(n)).encode() for n in range(1, 50))
    lines = http_request(
        "POST", "/v1/pings", ndjson, Authorization=f"Bearer {lessor.key}", **{"Content-Type": NDJSON["Content-Type"]}
    )
    async with serving(application) as port:
        for half in (sent[: len(sent) // 2], sent[:-1], lines[:-100]):
            await exchange(port, half, close=True)
        other = await exchange(port, whole(lessor, ping(4)))
        assert b'"stored":1' in other
    assert the_one(urls, "SELECT count(*) FROM ping") == 1


async def test_a_client_that_never_reads_its_answer_holds_nobody_up(
    application: FastAPI, lessor: ApiUser, urls: ClusterUrls
) -> None:
    large = whole(lessor, *(ping(n / 300) for n in range(10_000)), target="/v1/pings?results=all")
    async with serving(application) as port:
        deaf = [await asyncio.open_connection("127.0.0.1", port, limit=1) for _ in range(3)]
        for _, writer in deaf:
            writer.write(large)
            await writer.drain()
        for minute in range(100, 105):
            assert b'"stored":1' in await exchange(port, whole(lessor, ping(minute)))
        for _, writer in deaf:
            writer.close()
    assert the_one(urls, "SELECT count(*) FROM ping") == 10_005


async def test_the_same_batch_from_two_connections_at_once_is_stored_once(
    application: FastAPI, lessor: ApiUser, urls: ClusterUrls
) -> None:
    sent = whole(lessor, *(ping(n / 10) for n in range(500)))
    async with serving(application) as port:
        answers = await asyncio.gather(*(exchange(port, sent) for _ in range(2)))
    receipts = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert sorted((r["stored"], r["duplicates"]) for r in receipts) == [(0, 500), (500, 0)]
    assert the_one(urls, "SELECT count(*) FROM ping") == 500
