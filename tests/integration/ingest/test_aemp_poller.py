"""Polling makers' interfaces: what comes in, what is not sent twice, what is never lost, and who is left alone."""

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.core.encryption import new_key
from app.core.errors import Unavailable
from app.ingest.aemp.poller import MAX_BATCH, poll_due
from app.ingest.aemp.tokens import TokenCache
from app.localdb.cluster import ClusterUrls
from tests.api import Principals, services
from tests.factories.aemp import BEARER, CLIENT_ID, KEY, SECRET, AempPolling, Maker, RecordingIngest, machine
from tests.factories.constants import NOW
from tests.factories.settings import changed

LATER = NOW + timedelta(minutes=16)


async def test_a_location_of_a_maker_becomes_the_position_of_its_asset(
    polling: AempPolling, maker: Maker, application: FastAPI, principals: Principals
) -> None:
    client = (await principals.lessor()).client
    asset = await client.post(
        "/v1/assets",
        json={
            "asset_type": "construction_machinery",
            "kind": "excavator",
            "serial_no": "P1",
            "lease_contract_no": "L-1",
        },
    )
    assert asset.status_code == 201, asset.text
    device = await client.post("/v1/devices", json={"identifier": "P1", "kind": "wired"})
    bound = {"device_id": device.json()["device_id"], "asset_id": asset.json()["asset_id"]}
    await client.post("/v1/device-bindings", json=bound | {"bound_from": "2026-01-01T00:00:00Z"})
    await polling.register(maker)
    assert await poll_due(polling.context, services(application).ingest.receive_decoded, NOW) == 1
    position = (await client.get(f"/v1/assets/{asset.json()['asset_id']}/position")).json()
    assert position["fixed_at"] == "2026-11-23T03:30:00Z"
    told = await polling.source()
    assert (told["last_machines"], told["last_new"], told["last_rejected"], told["last_error"]) == (1, 1, 0, None)


@pytest.mark.parametrize("as_xml", [False, True])
async def test_all_pages_are_read_and_handed_on_with_the_bytes_they_came_in(
    polling: AempPolling, maker: Maker, as_xml: bool
) -> None:
    maker.as_xml = as_xml
    maker.pages = [[machine("P1"), machine("P2", None)], [machine("P3")], [machine("P4", Latitude="north")]]
    await polling.register(maker)
    taken = RecordingIngest()
    assert await poll_due(polling.context, taken, NOW) == 1
    assert maker.asked == [f"/iso15143/Fleet/{n}" for n in (1, 2, 3)]
    assert maker.accepted[0].startswith("application/json")
    assert taken.devices == ["P1", "P3"]
    lessor_id, feed_id, decoded, raw, content_type = taken.batches[0]
    assert (lessor_id, feed_id) == (polling.lessor.subject_id, polling.feed_id)
    assert (decoded.index, decoded.received) == ([0], 1)
    assert b"P2" in raw
    assert content_type == ("application/xml" if as_xml else "application/json")
    told = await polling.source()
    assert [told[f"last_{what}"] for what in ("machines", "new", "rejected", "unlocated")] == [4, 2, 1, 1]
    assert told["last_ok_at"] is not None


async def test_an_unchanged_location_is_not_handed_on_again_and_a_later_one_is(
    polling: AempPolling, maker: Maker
) -> None:
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert await poll_due(polling.context, taken, NOW + timedelta(minutes=1)) == 0  # the maker's interval
    maker.pages = [[machine("P1"), machine("P2")]]
    assert await poll_due(polling.context, taken, LATER) == 1
    maker.pages = [[machine("P1", "2026-11-23T04:10:00Z"), machine("P2", "2026-11-23T02:00:00Z")]]
    assert await poll_due(polling.context, taken, LATER + timedelta(minutes=16)) == 1
    assert taken.devices == ["P1", "P2", "P1"]


async def test_a_page_that_could_not_be_taken_in_is_handed_on_again(polling: AempPolling, maker: Maker) -> None:
    maker.pages = [[machine("P1")], [machine("P2")]]
    await polling.register(maker)
    taken = RecordingIngest(failures=[Unavailable("the queue is full")])
    assert await poll_due(polling.context, taken, NOW) == 1
    told = await polling.source()
    assert taken.batches == []
    assert told["last_error"] == "what was read could not be taken in (unavailable)"
    assert (told["last_ok_at"], told["consecutive_failures"]) == (None, 1)
    await poll_due(polling.context, taken, LATER)
    assert taken.devices == ["P1", "P2"]
    assert (await polling.source())["consecutive_failures"] == 0


async def test_what_was_acknowledged_before_a_failure_is_not_handed_on_again(
    polling: AempPolling, maker: Maker
) -> None:
    maker.pages = [[machine("P1")], [machine("P2")]]
    maker.answers = []
    await polling.register(maker)

    class FailsSecond(RecordingIngest):
        async def __call__(self, *batch: Any) -> Any:
            if len(self.batches) == 1 and not self.failures:
                self.failures.append(RuntimeError("killed"))
            return await super().__call__(*batch)

    taken = FailsSecond()
    await poll_due(polling.context, taken, NOW)
    assert (await polling.source())["last_error"] == "an error on our side; it is in the log"
    again = RecordingIngest()
    await poll_due(polling.context, again, LATER)
    assert (taken.devices, again.devices) == (["P1"], ["P2"])


async def test_a_large_page_is_handed_on_in_batches(polling: AempPolling, maker: Maker) -> None:
    unreadable = machine("bad", "yesterday")
    maker.pages = [[unreadable, *(machine(f"P{n}") for n in range(MAX_BATCH + 5))]]
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert [len(decoded.rows) for _, _, decoded, _, _ in taken.batches] == [MAX_BATCH, 5]
    assert [len(decoded.rejections) for _, _, decoded, _, _ in taken.batches] == [1, 0]
    assert taken.batches[1][2].index == list(range(MAX_BATCH + 1, MAX_BATCH + 6))
    assert (await polling.source())["last_rejected"] == 1


async def test_a_machine_that_is_registered_later_comes_in_though_it_never_moved(
    polling: AempPolling, maker: Maker
) -> None:
    await polling.register(maker)
    taken = RecordingIngest(unknown={"P1"})
    await poll_due(polling.context, taken, NOW)
    assert (await polling.source())["last_rejected"] == 1
    taken.unknown.clear()
    await poll_due(polling.context, taken, LATER)
    assert len(taken.batches) == 1  # not at every poll
    for minutes in (70, 90):
        await poll_due(polling.context, taken, NOW + timedelta(minutes=minutes))
    assert taken.devices == ["P1", "P1"]


async def test_a_clock_that_once_ran_ahead_does_not_silence_a_machine(polling: AempPolling, maker: Maker) -> None:
    await polling.register(maker)
    taken = RecordingIngest()
    for minutes, moment in ((0, "2099-01-01T00:00:00Z"), (20, "2099-01-01T00:00:00Z"), (40, "2026-11-23T04:30:00Z")):
        maker.pages = [[machine("P1", moment)]]
        await poll_due(polling.context, taken, NOW + timedelta(minutes=minutes))
    assert [row.fixed_at.year for _, _, decoded, _, _ in taken.batches for row in decoded.rows] == [2099, 2026]


async def test_a_token_is_kept_until_shortly_before_it_expires(polling: AempPolling, maker: Maker) -> None:
    seconds = [0.0]
    tokens = TokenCache(lambda: seconds[0])
    await polling.register(maker, scope="fleet.read")
    for minutes, elapsed_s in ((0, 0), (20, 3_000), (40, 3_550)):
        seconds[0] = elapsed_s
        await poll_due(polling.context, RecordingIngest(), NOW + timedelta(minutes=minutes), tokens=tokens)
    assert len(maker.token_requests) == 2
    assert maker.token_requests[0] == {"grant_type": "client_credentials", "scope": "fleet.read"}
    assert (await polling.source())["last_error"] is None


async def test_a_token_that_is_refused_is_renewed_once(polling: AempPolling, maker: Maker) -> None:
    tokens = TokenCache()
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW, tokens=tokens)
    maker.good_tokens.clear()  # revoked
    await poll_due(polling.context, RecordingIngest(), LATER, tokens=tokens)
    assert (len(maker.token_requests), len(maker.asked)) == (2, 3)
    assert (await polling.source())["last_error"] is None


async def test_a_secret_that_is_refused_is_not_tried_for_ever(polling: AempPolling, maker: Maker) -> None:
    await polling.register(maker, secret="wrong")
    await poll_due(polling.context, RecordingIngest(), NOW)
    told = await polling.source()
    assert told["last_error"] == "token endpoint: HTTP 401 (it does not accept the secret)"
    assert len(maker.token_requests) == 2  # once in the header, once in the body
    assert maker.asked == []


async def test_a_page_that_is_always_refused_ends_the_poll(polling: AempPolling, maker: Maker) -> None:
    await polling.register(maker)
    maker.answers = [JSONResponse({}, 401) for _ in range(9)]
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert (await polling.source())["last_error"] == "page 1: HTTP 401 (it does not accept the secret)"
    assert len(maker.asked) == 2


async def test_a_token_endpoint_that_wants_the_secret_in_the_body_gets_it_there(
    polling: AempPolling, maker: Maker
) -> None:
    maker.takes_basic, maker.expires_in = False, "60"
    seconds = [0.0]
    tokens = TokenCache(lambda: seconds[0])
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW, tokens=tokens)
    assert taken.devices == ["P1"]
    assert [form.get("client_id") for form in maker.token_requests] == [None, CLIENT_ID]
    seconds[0] = 3_600
    await poll_due(polling.context, taken, LATER, tokens=tokens)
    assert len(maker.token_requests) == 3  # it is known now


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"access_token": "t", "token_type": "mac"}),
        JSONResponse({"access_token": "evil\r\nX: y"}),
        JSONResponse({"token": "t"}),
        Response("<html>", media_type="text/html"),
        Response(b"x" * 70_000),
    ],
)
async def test_what_is_no_token_is_not_sent(polling: AempPolling, maker: Maker, answer: Response) -> None:
    maker.token_answers = [answer]
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert maker.asked == []
    assert (await polling.source())["consecutive_failures"] == 1


async def test_a_bearer_token_is_sent_as_it_is(polling: AempPolling, maker: Maker) -> None:
    await polling.register_bearer(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert taken.devices == ["P1"]
    assert maker.token_requests == []


async def test_a_short_wait_is_waited_for(polling: AempPolling, maker: Maker) -> None:
    await polling.register(maker)
    maker.answers = [Response(status_code=429, headers={"Retry-After": "0"}) for _ in range(2)]
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert (taken.devices, len(maker.asked)) == (["P1"], 3)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7200"}, timedelta(hours=2)),
        (
            {"Date": "Mon, 23 Nov 2026 04:00:00 GMT", "Retry-After": "Mon, 23 Nov 2026 05:30:00 GMT"},
            timedelta(hours=1.5),
        ),
        ({"Retry-After": "99999999999999"}, timedelta(days=1)),
        ({"Retry-After": "soon"}, timedelta(minutes=15)),
        ({"Retry-After": "-5"}, timedelta(minutes=15)),
        ({}, timedelta(minutes=15)),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_maker_that_asks_to_be_left_alone_is_left_alone(
    polling: AempPolling, maker: Maker, urls: ClusterUrls, status: int, headers: dict[str, str], wait: timedelta
) -> None:
    await polling.register(maker)
    maker.answers = [Response(status_code=status, headers=headers)]
    await poll_due(polling.context, RecordingIngest(), NOW)
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute("SELECT next_poll_at, last_error FROM aemp_source").fetchone()
    assert row is not None
    assert timedelta(0) <= row[0] - (NOW + wait) < timedelta(seconds=10)
    assert row[1].startswith(f"page 1: HTTP {status}")
    assert len(maker.asked) == 1


def is_due(next_poll_at: str, now: datetime) -> bool:
    return next_poll_at[:19] <= now.isoformat()[:19]


async def test_failures_in_a_row_are_waited_out_longer_up_to_six_hours(polling: AempPolling, maker: Maker) -> None:
    await polling.register(maker)
    now, waits = NOW, []
    for failures in range(1, 9):
        maker.answers = [Response(status_code=500)]
        assert await poll_due(polling.context, RecordingIngest(), now) == 1
        told = await polling.source()
        assert told["consecutive_failures"] == failures
        waits.append(next(m for m in range(0, 400, 5) if is_due(told["next_poll_at"], now + timedelta(minutes=m))))
        now += timedelta(minutes=waits[-1], seconds=1)
    assert waits == [15, 30, 60, 120, 240, 360, 360, 360]
    await poll_due(polling.context, RecordingIngest(), now)
    assert (await polling.source())["consecutive_failures"] == 0


async def test_a_link_to_another_host_gets_no_request_and_no_secret(
    polling: AempPolling, maker: Maker, other_maker: Maker
) -> None:
    maker.links = {1: [{"rel": "next", "href": f"{other_maker.address}/steal?cursor=abc"}]}
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert other_maker.asked == []
    assert taken.devices == ["P1"]
    assert "another host" in (await polling.source())["last_error"]


async def test_a_numbered_link_to_another_host_is_asked_for_at_our_own_address(
    polling: AempPolling, maker: Maker, other_maker: Maker
) -> None:
    maker.pages = [[machine("P1")], [machine("P2")]]
    maker.links = {1: [{"rel": "next", "href": f"{other_maker.address}/iso15143/Fleet/2"}]}
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert (taken.devices, other_maker.asked) == (["P1", "P2"], [])
    assert (await polling.source())["last_error"] is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    polling: AempPolling, maker: Maker, other_maker: Maker, status: int
) -> None:
    maker.answers = [RedirectResponse(f"{other_maker.address}/x", status)]
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert other_maker.asked == []
    assert "redirect" in (await polling.source())["last_error"]


async def test_a_link_without_a_number_is_followed_at_the_same_origin(polling: AempPolling, maker: Maker) -> None:
    maker.pages = [[machine("P1")], [machine("P2")]]
    maker.links = {
        1: [{"rel": "next", "href": "/iso15143/Fleet/2?cursor=abc"}],
        2: [{"rel": "next", "href": f"{maker.address}/iso15143/Fleet/1?cursor=abc"}],  # around and around
    }
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert taken.devices[:2] == ["P1", "P2"]
    assert len(maker.asked) <= 4


async def test_a_last_page_that_calls_itself_the_next_is_the_last(polling: AempPolling, maker: Maker) -> None:
    maker.links = {1: [{"rel": rel, "href": f"{maker.base_url}/Fleet/0"} for rel in ("self", "next", "last")]}
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert len(maker.asked) == 1


async def test_without_links_a_full_page_is_followed_until_nothing_new_comes(
    polling: AempPolling, maker: Maker
) -> None:
    full = [machine(f"P{n}") for n in range(100)]
    maker.links, maker.pages = {}, [full, full, full]
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert len(maker.asked) == 2
    maker.pages = [full]
    await poll_due(polling.context, RecordingIngest(), LATER)
    assert maker.asked[2:] == ["/iso15143/Fleet/1", "/iso15143/Fleet/2"]  # 404: it was a guess
    assert (await polling.source())["last_error"] is None


async def test_a_page_over_the_limit_is_not_read(polling: AempPolling, maker: Maker) -> None:
    maker.answers = [Response(b" " * (8 * 1024 * 1024 + 1), media_type="application/json")]
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert (await polling.source())["last_error"] == "page 1: the answer is over 8192 KiB"


async def test_a_page_that_unpacks_without_end_is_not_read(polling: AempPolling, maker: Maker) -> None:
    import gzip

    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    maker.answers = [Response(bomb, media_type="application/json", headers={"Content-Encoding": "gzip"})]
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert "gzip" in (await polling.source())["last_error"]


async def test_a_packed_page_is_read(polling: AempPolling, maker: Maker) -> None:
    import gzip

    packed = gzip.compress(json.dumps({"Equipment": [machine("P7")]}).encode())
    maker.answers = [Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})]
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert taken.devices == ["P7"]


async def test_more_pages_than_the_limit_are_told(
    polling: AempPolling, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.aemp.client.MAX_PAGES", 3)
    maker.pages = [[machine(f"P{n}")] for n in range(5)]
    await polling.register(maker)
    taken = RecordingIngest()
    await poll_due(polling.context, taken, NOW)
    assert taken.devices == ["P0", "P1", "P2"]
    assert "more than 3 pages" in (await polling.source())["last_error"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response("<html>Sign in</html>", media_type="text/html"), "expected JSON or XML"),
        (Response("{", media_type="application/json"), "not valid JSON"),
        (Response('<!DOCTYPE f [<!ENTITY a "b">]><Fleet/>', media_type="application/xml"), "entities"),
        (JSONResponse({"error": "quota"}), "no Fleet"),
    ],
)
async def test_a_page_that_cannot_be_read_is_told(
    polling: AempPolling, maker: Maker, answer: Response, words: str
) -> None:
    maker.answers = [answer]
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert words in (await polling.source())["last_error"]


async def test_one_source_that_fails_stops_no_other(polling: AempPolling, maker: Maker, other_maker: Maker) -> None:
    await polling.register(maker, base_url="http://127.0.0.1:1/nobody", name="nobody listens")
    await polling.register(maker, token_url="http://127.0.0.1:1/nobody", name="nobody gives tokens")
    maker.answers = [Response("{", media_type="application/json")]
    await polling.register(maker, name="broken")
    await polling.register_bearer(other_maker, name="good")
    taken = RecordingIngest()
    assert await poll_due(polling.context, taken, NOW, at_once=1) == 4
    assert taken.devices == ["P1"]
    told = (await polling.lessor.client.get("/v1/aemp-sources")).json()["items"]
    assert [one["consecutive_failures"] for one in told] == [1, 1, 1, 0]
    assert told[0]["last_error"].startswith("page 1: no connection")
    assert told[1]["last_error"].startswith("token endpoint: no connection")


async def test_two_pollers_at_once_poll_a_source_once(polling: AempPolling, maker: Maker, other_maker: Maker) -> None:
    maker.page_delay_s = other_maker.page_delay_s = 0.2
    await polling.register(maker)
    await polling.register_bearer(other_maker, name="other")
    taken = RecordingIngest()
    counts = await asyncio.gather(*(poll_due(polling.context, taken, NOW) for _ in range(3)))
    assert sum(counts) == 2
    assert (len(maker.asked), len(other_maker.asked)) == (1, 1)


async def test_a_poll_that_is_cancelled_leaves_the_source_to_the_next_worker(
    polling: AempPolling, maker: Maker
) -> None:
    maker.page_delay_s = 1
    await polling.register(maker)
    taken = RecordingIngest()
    task = asyncio.create_task(poll_due(polling.context, taken, NOW))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    maker.page_delay_s = 0
    assert await poll_due(polling.context, taken, NOW + timedelta(minutes=14)) == 0  # the lease still holds
    assert await poll_due(polling.context, taken, LATER) == 1
    assert taken.devices == ["P1"]


async def test_a_poll_without_end_is_ended(
    polling: AempPolling, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.aemp.poller.POLL_LIMIT", timedelta(seconds=0.2))
    maker.page_delay_s = 0.6
    await polling.register(maker)
    await poll_due(polling.context, RecordingIngest(), NOW)
    assert (await polling.source())["last_error"].startswith("not finished within")


async def test_a_host_inside_our_network_is_not_called(polling: AempPolling, maker: Maker) -> None:
    await polling.register(maker)
    careful = replace(polling.context, settings=changed(polling.context.settings, aemp={"allow_private": False}))
    await poll_due(careful, RecordingIngest(), NOW)
    assert (maker.asked, maker.token_requests) == ([], [])
    assert "not public" in (await polling.source())["last_error"]


async def test_neither_secret_nor_token_is_in_any_log(
    polling: AempPolling, maker: Maker, other_maker: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await polling.register(maker)
    await polling.register_bearer(other_maker, name="other")
    await poll_due(polling.context, RecordingIngest(), NOW)
    maker.token_answers = [JSONResponse({"error": "invalid_client", "you_sent": SECRET}, 400)] * 2
    other_maker.good_tokens.clear()
    await poll_due(polling.context, RecordingIngest(), LATER)
    for _ in range(2):
        taken = RecordingIngest(failures=[RuntimeError(SECRET)])
        other_maker.good_tokens.add(BEARER)
        maker.pages = other_maker.pages = [[machine("P9")]]
        await poll_due(polling.context, taken, LATER + timedelta(days=1))
    lines = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    for hidden in (SECRET, BEARER, "token-1", "Basic "):
        assert hidden not in lines


async def test_with_another_key_the_error_is_clear_and_with_both_the_secret_is_sealed_anew(
    polling: AempPolling, maker: Maker, urls: ClusterUrls
) -> None:
    def keyed(keys: str) -> Any:
        where = changed(polling.context.settings, encryption={"secret_keys": keys})
        return replace(polling.context, settings=where)

    await polling.register(maker)
    newer, taken = new_key(), RecordingIngest()
    await poll_due(keyed(newer), taken, NOW)
    assert "LEASETRACE_SECRET_KEYS" in (await polling.source())["last_error"]
    await poll_due(keyed(f"{newer},{KEY}"), taken, LATER)
    await poll_due(keyed(newer), taken, LATER + timedelta(minutes=16))
    assert (await polling.source())["last_error"] is None
    assert taken.devices == ["P1"]
    with psycopg.connect(urls.owner_url) as connection:
        row = connection.execute("SELECT secret_sealed FROM aemp_source").fetchone()
    assert row is not None
    assert SECRET.encode() not in row[0]


async def test_a_secret_given_anew_during_a_poll_is_not_undone_by_its_failure(
    polling: AempPolling, maker: Maker
) -> None:
    source_id = (await polling.register(maker)).json()["source_id"]

    class ChangesMeanwhile(RecordingIngest):
        async def __call__(self, *_: Any) -> Any:
            await polling.lessor.client.patch(f"/v1/aemp-sources/{source_id}", json={"secret": SECRET})
            raise RuntimeError

    await poll_due(polling.context, ChangesMeanwhile(), NOW)
    told = await polling.source()
    assert (told["last_error"], told["consecutive_failures"]) == (None, 0)
    assert told["next_poll_at"].startswith("2026-11-23T04:15:00")
