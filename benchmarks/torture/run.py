"""Runs faults at random moments under load, then compares."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from benchmarks.torture.faults import Fault, FaultTargets, inject
from benchmarks.torture.verdict import Verdict, compare

SETTLE_S: Final = 120
_MORE_OFTEN: Final = (Fault.SERVICE_KILL, *[Fault.DATABASE_KILL] * 3)  # the moment matters, so there are many
_QUIET_S: Final = (0.2, 2.5)
_SECONDS_A_MINUTE: Final = 60


def torture(
    targets: FaultTargets, owner_url: str, minutes: float, seed: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """Inject faults for some minutes, let the clients finish, and compare.

    Args:
        owner_url: The database.
        minutes: Duration of the faults; every kind comes in turn, in an order drawn anew each time.
        seed: Of the order and the moments.
        report: Called with each fault.

    Returns:
        The numbers: faults by kind, what was posted, answers by status, the verdict, findings, seconds.

    Raises:
        TimeoutError: The clients were not acknowledged within two minutes after a fault.
    """
    draw, began = random.Random(seed), time.monotonic()
    kinds = [fault for fault in (*Fault, *_MORE_OFTEN) if fault is not Fault.DISK_FULL or targets.disk is not None]
    done: Counter[str] = Counter()
    deck: list[Fault] = []
    while time.monotonic() - began < minutes * _SECONDS_A_MINUTE:
        deck = deck or draw.sample(kinds, len(kinds))
        time.sleep(draw.uniform(*_QUIET_S))
        fault = deck.pop()
        report(f"{time.monotonic() - began:6.1f} s  {fault}")
        inject(targets, fault)
        done[fault] += 1
    with targets.client_pool.settled(SETTLE_S):
        verdict = compare(
            owner_url, targets.client_pool.plan, targets.client_pool.posted(), targets.client_pool.acknowledged()
        )
    return _numbers(targets, done, verdict, time.monotonic() - began)


def _numbers(targets: FaultTargets, done: Counter[str], verdict: Verdict, seconds: float) -> dict[str, Any]:
    skipped = {} if targets.disk is not None else {str(Fault.DISK_FULL): targets.no_disk}
    return {
        "faults": {str(fault): done[fault] for fault in Fault},
        "skipped": skipped,
        "clients": targets.client_pool.posting,
        "batches": len(targets.client_pool.posted()),
        **asdict(verdict),
        "answers": dict(targets.client_pool.outcomes().most_common()),
        "bodies_cut": targets.cut,
        "drained_at_clean_stops": targets.drained,
        "findings": targets.findings,
        "seconds": round(seconds, 1),
    }


def is_sound(numbers: dict[str, Any]) -> bool:
    """Return whether nothing is lost, duplicated or otherwise broken."""
    return not numbers["findings"] and not any(numbers[name] for name in Verdict.must_be_zero())
