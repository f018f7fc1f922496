"""Ground truth of the demo fleet: place and county of each asset, and the defects in its data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

State = Literal["fresh", "stale", "outside", "never_located"]


@dataclass(frozen=True, slots=True)
class TrueAsset:
    """The truth about one asset.

    Attributes:
        last_ping_at: Fix time of its last ping, UTC, without duplicates and wrong clocks; None if it never reported.
    """

    reference: str  # its plate or serial number
    kind: str
    lon: float  # true longitude at its last ping, degrees, WGS-84
    lat: float  # true latitude at its last ping, degrees, WGS-84
    county_adcode: int | None  # the county that holds the point, by construction; None outside every county
    court_code: str | None  # code of that county's basic court by rule; None outside
    border_m: float | None  # metres to the nearest point of the county's outline, None outside
    place: int | None  # number of the shared yard, depot or site; None where it is alone
    state: State  # state in a true answer with ``fresh_within`` of seven days
    last_ping_at: datetime | None
    under_way: bool  # it was moving at the demo's moment
    defects: tuple[str, ...]  # defects in the data of its devices


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The truth about the whole fleet."""

    seed: int
    made_for: datetime  # the moment at which the pings end, UTC
    assets: tuple[TrueAsset, ...]  # in the order of the fleet
    rows: Mapping[str, int]  # rows by defect, and ``all``: the expected sums of the receipts

    def count(self, state: State) -> int:
        """Return the number of assets in a state."""
        return sum(asset.state == state for asset in self.assets)

    def to_json(self) -> bytes:
        """Return the truth as JSON, UTF-8."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)
