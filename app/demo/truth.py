"""What is really so about the demo fleet: where each asset stands, in which county, and what was done to its data."""

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
        reference: Its plate or serial number.
        kind: Kind of asset.
        lon: True longitude at its last ping, degrees, WGS-84.
        lat: True latitude at its last ping.
        county_adcode: The county that holds the point, by construction; None outside every county.
        court_code: Code of that county's basic court by rule; None outside.
        border_m: Metres to the nearest point of the county's outline, None outside.
        place: Number of the yard, depot or site where several stand together; None where it stands alone.
        state: What a true answer says about it with ``fresh_within`` of seven days.
        last_ping_at: Fix time of its last ping, UTC, duplicates and wrong clocks aside; None if never heard of.
        under_way: It was moving at the demo's moment.
        defects: What was done to the data of its devices.
    """

    reference: str
    kind: str
    lon: float
    lat: float
    county_adcode: int | None
    court_code: str | None
    border_m: float | None
    place: int | None
    state: State
    last_ping_at: datetime | None
    under_way: bool
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The truth about the whole fleet.

    Attributes:
        seed: Of the generator.
        made_for: The moment at which the pings end, UTC.
        assets: One entry an asset, in the order of the fleet.
        rows: Rows by defect, and ``all``: what the receipts should add up to.
    """

    seed: int
    made_for: datetime
    assets: tuple[TrueAsset, ...]
    rows: Mapping[str, int]

    def count(self, state: State) -> int:
        """Return how many assets are in a state."""
        return sum(asset.state == state for asset in self.assets)

    def to_json(self) -> bytes:
        """Return the truth as JSON, UTF-8."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)
