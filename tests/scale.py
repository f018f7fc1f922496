"""How far the large proofs go: whole with ``CI=true`` (as in ``.ci/run``), smaller on a developer's machine."""

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """The extent of the proofs that take minutes.

    Attributes:
        contract_examples: Generated requests for each operation of the OpenAPI document, each sent by three users.
        reads: Attempts at reading, allowed and refused, of the stateful test of access.
        least_allowed: Of each kind of read, the share that must be allowed at least: few histories vary more.
        faults: The faults that are injected under load, by name; None for every one.
    """

    contract_examples: int
    reads: int
    least_allowed: float
    faults: frozenset[str] | None


WHOLE: Final = Scale(contract_examples=10, reads=10_000, least_allowed=0.05, faults=None)
SMALL: Final = Scale(
    contract_examples=1, reads=1_000, least_allowed=0.02, faults=frozenset({"service_kill", "database_kill"})
)
SCALE: Final = WHOLE if os.environ.get("CI", "").lower() in {"1", "true"} else SMALL
