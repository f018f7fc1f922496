"""The frozen types of this room; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.enforcement.domain import Seizability
from app.jurisdictions.domain import CourtInfo, LayerInfo, TerritoryInfo
from app.tracking.domain import Confidence, Position


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
    """What is known of an asset's place; exactly one of four."""

    FRESH = "fresh"
    STALE = "stale"
    OUTSIDE = "outside"
    NEVER_LOCATED = "never_located"

    @property
    def located(self) -> bool:
        """Whether the asset is in the territory of a court."""
        return self in {Presence.FRESH, Presence.STALE}


@dataclass(frozen=True, slots=True)
class CaseAsset:
    """A confirmed asset of a case, with its position.

    Attributes:
        asset_id: The asset.
        kind: ``heavy_truck``, ``excavator``, ...
        plate_no: Its plate, where it has one.
        vin: Its frame number, where known.
        serial_no: Its serial number, where it has one.
        value_fen: Estimated value in hundredths of a yuan, None where nobody estimated it.
        position: Its last good position at the moment asked about, None where there is none.
    """

    asset_id: int
    kind: str
    plate_no: str | None
    vin: str | None
    serial_no: str | None
    value_fen: int | None
    position: Position | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a located asset is.

    Attributes:
        position: Its position.
        territory: The court territory that covers it.
        age: How old the position is, zero at least.
        confidence: How sure the place is.
        reasons: Why not more sure.
    """

    position: Position
    territory: TerritoryInfo
    age: timedelta
    confidence: Confidence
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlacedAsset:
    """An asset of a case with everything that is said of its place and its state.

    Attributes:
        asset: The asset.
        presence: What is known of its place.
        place: Where it is; None exactly when it is not located.
        near_border: Whether another county is so near that a small error changes the territory.
        seizability: What the rule says of it.
    """

    asset: CaseAsset
    presence: Presence
    place: Place | None
    near_border: bool
    seizability: Seizability


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
class CaseScene:
    """The assets of a case at a moment: what every answer of this room is made from.

    Attributes:
        case_id: The case.
        case_number: Its number 案号.
        court: The court that handles it.
        moment: The time spoken about.
        fresh_within: An older position is stale.
        near_border_m: Metres within which a county border counts as near.
        layer: The boundary layer in use.
        assets: Every confirmed asset in the caller's sight, in the order of their ids.
    """

    case_id: int
    case_number: str
    court: CourtInfo
    moment: Moment
    fresh_within: timedelta
    near_border_m: float
    layer: LayerInfo
    assets: tuple[PlacedAsset, ...]
