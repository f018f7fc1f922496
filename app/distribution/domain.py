"""Frozen types of this room; pure."""

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
    """The level of the totals: courts of one level, or divisions of one level."""

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
    """What is known of an asset's place."""

    FRESH = "fresh"
    STALE = "stale"
    OUTSIDE = "outside"
    NEVER_LOCATED = "never_located"
    WITHHELD = "withheld"
    """Its case no longer makes it visible: it is released, or the case is closed."""

    @property
    def located(self) -> bool:
        """Whether the asset is in the territory of a court."""
        return self in {Presence.FRESH, Presence.STALE}


class LastFix(NamedTuple):
    """The last accepted fix of an asset; a compact type, since a case has one for every asset."""

    fixed_at: datetime
    """Satellite time, UTC."""
    received_at: datetime
    """When the service received it, UTC."""
    lon_e7: int
    """WGS-84 degrees east, times 1e7."""
    lat_e7: int
    """WGS-84 degrees north, times 1e7."""
    territory_id: int | None
    """The court territory, None outside."""
    source: int
    """The ``Source`` of the position."""
    doubts: int
    """Bits of ``Doubt``."""
    speed_kmh: float | None
    """Kilometres per hour, None where not sent."""

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
    """For example ``heavy_truck``."""
    plate_no: str | None
    vin: str | None
    serial_no: str | None
    value_fen: int | None
    """Estimated value in hundredths of a yuan, None where there is no estimate."""
    withheld: bool
    """Whether the caller may know that it is in the case, but not where it is."""
    position: LastFix | None
    """Its last accepted fix at the time asked about, None where there is none or it is withheld."""


PRESENCES: Final = tuple(Presence)
STATES: Final = tuple(State)
CONFIDENCES: Final = tuple(Confidence)
NOT_LOCATED: Final = -1
"""The territory and the confidence of an asset that is not located."""
NO_FIX: Final = np.iinfo(np.int64).min
"""The time of a missing fix."""


@dataclass(frozen=True, slots=True)
class AssessedAssets:
    """Place and state of assets: columns of length n, one row per asset."""

    presence: IntArray  # index into `PRESENCES`
    territory_id: IntArray  # the court territory of a located asset, otherwise `NOT_LOCATED` (-1)
    confidence: IntArray  # index into `CONFIDENCES` for the place of a located asset, otherwise `NOT_LOCATED`
    reasons: Sequence[Sequence[str]]  # why the confidence is not higher
    near_border: BoolArray  # whether another county is so near that a small error changes the territory
    state: IntArray  # index into `STATES`, the result of the seizability rule
    value_fen: IntArray  # estimated value in hundredths of a yuan, 0 where there is no estimate
    valued: BoolArray  # whether there is an estimate
    fixed_us: IntArray  # time of the fix in microseconds since 1970, `NO_FIX` without one

    @property
    def located(self) -> BoolArray:
        """Which assets are in the territory of a court."""
        return np.asarray(self.territory_id != NOT_LOCATED)


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """The time that an answer is about, and the time of its computation."""

    as_of: datetime  # the time asked about, UTC
    past: bool  # whether a past time was asked for, answered from history
    computed_at: datetime  # UTC
    data_as_of: datetime | None  # when the newest data behind the answer was received, UTC; None where there is none


@dataclass(frozen=True, slots=True)
class CaseSnapshot:
    """The assets of a case at a moment: the input of every answer of this room."""

    case_id: int
    case_number: str
    court: CourtInfo  # the court that handles the case
    moment: AnswerTime
    fresh_within: timedelta  # an older position is stale
    near_border_m: float  # metres within which a county border counts as near
    layer: LayerInfo
    territories: Mapping[int, TerritoryInfo]  # the court territories that contain assets, by id
    assets: Sequence[CaseAsset]  # every confirmed asset that counts for the caller, ordered by id
    seizability: Sequence[Seizability]  # the result of the seizability rule, in the same order
    assessed: AssessedAssets  # place and state, in the same order
