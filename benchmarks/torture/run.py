"""A torture: faults at random moments under load, then the comparison."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from benchmarks.torture.faults import Fault, Scene, inject
from benchmarks.torture.verdict import Verdict, compare

SETTLE_S: Final = 120
_MORE_OFTEN: Final = (Fault.SERVICE_KILL, *[Fault.DATABASE_KILL] * 3)  # the moment matters, so there are many
_QUIET_S: Final = (0.2, 2.5)
_SECONDS_A_MINUTE: Final = 60


def torture(scene: Scene, owner_url: str, minutes: float, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Inject faults for so long, let the clients bring in the rest, and compare.

    Args:
        scene: Everything up, clients posting.
        owner_url: The database.
        minutes: How long faults go on; every kind comes in turn, in an order drawn anew each time.
        seed: Of the order and the moments.
        tell: Told each fault as it comes.

    Returns:
        The numbers: faults by kind, what was posted, answers by status, the verdict, findings, seconds.

    Raises:
        TimeoutError: The clients were not acknowledged within two minutes after a fault.
    """
    draw, began = random.Random(seed), time.monotonic()
    kinds = [fault for fault in (*Fault, *_MORE_OFTEN) if fault is not Fault.DISK_FULL or scene.disk is not None]
    done: Counter[str] = Counter()
    deck: list[Fault] = []
    while time.monotonic() - began < minutes * _SECONDS_A_MINUTE:
        deck = deck or draw.sample(kinds, len(kinds))
        time.sleep(draw.uniform(*_QUIET_S))
        fault = deck.pop()
        tell(f"{time.monotonic() - began:6.1f} s  {fault}")
        inject(scene, fault)
        done[fault] += 1
    with scene.crowd.settled(SETTLE_S):
        verdict = compare(owner_url, scene.crowd.plan, scene.crowd.posted(), scene.crowd.acknowledged())
    return _numbers(scene, done, verdict, time.monotonic() - began)


def _numbers(scene: Scene, done: Counter[str], verdict: Verdict, seconds: float) -> dict[str, Any]:
    skipped = {} if scene.disk is not None else {str(Fault.DISK_FULL): scene.no_disk}
    return {
        "faults": {str(fault): done[fault] for fault in Fault},
        "skipped": skipped,
        "clients": scene.crowd.posting,
        "batches": len(scene.crowd.posted()),
        **asdict(verdict),
        "answers": dict(scene.crowd.outcomes().most_common()),
        "bodies_cut": scene.cut,
        "drained_at_clean_stops": scene.drained,
        "findings": scene.findings,
        "seconds": round(seconds, 1),
    }


def is_sound(numbers: dict[str, Any]) -> bool:
    """Tell whether nothing is lost, doubled or otherwise broken."""
    return not numbers["findings"] and not any(numbers[name] for name in Verdict.must_be_zero())
