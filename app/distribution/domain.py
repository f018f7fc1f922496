"""The frozen types of this room; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from app.core.geo.geodesy import BoolArray
from app.distribution.clustering.dbscan import IntArray
from app.enforcement.seizable import Seizability, State
from app.jurisdictions.domain import CourtInfo, LayerInfo, TerritoryInfo
from app.telemetry.domain import E7
from app.tracking.domain import Confidence


class RollUpLevel(StrEnum):
    """To what assets are rolled up: courts of one level, or divisions of one level."""

    BASIC = "basic"
    INTERMEDIATE = "intermediate"
    HIGH = "high"
    COUNTY = "county"
    PREFECTURE = "prefecture"
    PROVINCE = "province"

    @property
    def of_courts(self) -> bool:
        """Whether it is a level of courts."""
        return self in {RollUpLevel.BASIC, RollUpLevel.INTERMEDIATE, RollUpLevel.HIGH}


class Presence(StrEnum):
    """What is known of an asset's place; exactly one of five."""

    FRESH = "fresh"
    STALE = "stale"
    OUTSIDE = "outside"
    NEVER_LOCATED = "never_located"
    WITHHELD = "withheld"
    """Its case gives the court no sight of it any more: it is released, or the case is closed."""

    @property
    def located(self) -> bool:
        """Whether the asset is in the territory of a court."""
        return self in {Presence.FRESH, Presence.STALE}


class LastFix(NamedTuple):
    """Where an asset was last, as much of it as this room needs; there is one for every asset of a case."""

    fixed_at: datetime
    """Satellite time, UTC."""
    received_at: datetime
    """When the service got it, UTC."""
    lon_e7: int
    """WGS-84 degrees east, times 1e7."""
    lat_e7: int
    """WGS-84 degrees north, times 1e7."""
    territory_id: int | None
    """The court territory, None outside."""
    source: int
    """What it was derived from."""
    doubts: int
    """Bits of ``Doubt``."""
    speed_kmh: float | None
    """Kilometres an hour, where told."""

    @property
    def lon(self) -> float:
        """WGS-84 degrees east."""
        return self.lon_e7 / E7

    @property
    def lat(self) -> float:
        """WGS-84 degrees north."""
        return self.lat_e7 / E7


class CaseAsset(NamedTuple):
    """A confirmed asset of a case, with its position."""

    asset_id: int
    kind: str
    """``heavy_truck``, ``excavator``, ..."""
    plate_no: str | None
    vin: str | None
    serial_no: str | None
    value_fen: int | None
    """Estimated value in hundredths of a yuan, None where nobody estimated it."""
    withheld: bool
    """Whether the one who looks may know that it is in the case, but not where it is."""
    position: LastFix | None
    """Its last good position at the moment asked about, None where there is none or it is withheld."""


PRESENCES: Final = tuple(Presence)
STATES: Final = tuple(State)
CONFIDENCES: Final = tuple(Confidence)
NOWHERE: Final = -1
"""The territory of an asset that is not located, and its confidence."""
NO_FIX: Final = np.iinfo(np.int64).min
"""The time of a fix that there is not."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What is said of the place and the state of assets: columns of length n, one row per asset.

    Attributes:
        presence: Index into ``PRESENCES``.
        territory_id: The court territory of a located asset, ``NOWHERE`` (-1) for any other.
        confidence: Index into ``CONFIDENCES``, how sure the place of a located asset is; ``NOWHERE`` for any other.
        reasons: Why not more sure, for each asset.
        near_border: Whether another county is so near that a small error changes the territory.
        state: Index into ``STATES``, what the rule says of the asset.
        value_fen: Estimated value in hundredths of a yuan, 0 where nobody estimated it.
        valued: Whether somebody did.
        fixed_us: Time of the fix in microseconds since 1970, ``NO_FIX`` without one.
    """

    presence: IntArray
    territory_id: IntArray
    confidence: IntArray
    reasons: Sequence[Sequence[str]]
    near_border: BoolArray
    state: IntArray
    value_fen: IntArray
    valued: BoolArray
    fixed_us: IntArray

    @property
    def located(self) -> BoolArray:
        """Which assets are in the territory of a court."""
        return np.asarray(self.territory_id != NOWHERE)


@dataclass(frozen=True, slots=True)
class Moment:
    """About what time an answer speaks, and when it was made.

    Attributes:
        as_of: The moment asked about, UTC.
        past: Whether it was asked for, and so answered from history.
        computed_at: When the answer was made, UTC.
        data_as_of: When the newest data that it rests on was received, UTC; None where there is none.
    """

    as_of: datetime
    past: bool
    computed_at: datetime
    data_as_of: datetime | None


@dataclass(frozen=True, slots=True)
class CaseSnapshot:
    """The assets of a case at a moment: what every answer of this room is made from.

    Attributes:
        case_id: The case.
        case_number: Its number 案号.
        court: The court that handles it.
        moment: The time spoken about.
        fresh_within: An older position is stale.
        near_border_m: Metres within which a county border counts as near.
        layer: The boundary layer in use.
        territories: The court territories that assets are in, by id.
        assets: Every confirmed asset that counts for the caller, in the order of their ids.
        seizability: What the rule says of each, in the same order.
        placed: What is said of the place and the state of each, in the same order.
    """

    case_id: int
    case_number: str
    court: CourtInfo
    moment: Moment
    fresh_within: timedelta
    near_border_m: float
    layer: LayerInfo
    territories: Mapping[int, TerritoryInfo]
    assets: Sequence[CaseAsset]
    seizability: Sequence[Seizability]
    placed: Placed
