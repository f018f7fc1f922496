"""In whose territories the assets of a case are: every asset counted exactly once; pure.

Rows hold the located assets, ``unplaced`` the rest; rows and unplaced together are the totals, in every count and in
value.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.clusters.domain import PlacedAsset, Presence, RollUpLevel
from app.enforcement.domain import ReasonCode, State
from app.jurisdictions.domain import CourtInfo, DivisionLevel, TerritoryInfo
from app.tracking.domain import Confidence

NO_INTERMEDIATE_COURT: Final = (
    "No intermediate court is known for this prefecture: a municipality has several, and a unit directly under a "
    "province belongs to one that crosses divisions. A table of courts is needed."
)


@dataclass(frozen=True, slots=True)
class Division:
    """A division that assets are in."""

    level: DivisionLevel
    adcode: int
    name: str


@dataclass(frozen=True, slots=True)
class Area:
    """What a row of the answer is about.

    Attributes:
        court: The court; None in a roll-up to divisions, and where no court is known.
        division: The division; None in a roll-up to courts, save where no court is known.
        no_court_reason: Why no court is known, in a roll-up to courts.
        province: The province that it lies in.
    """

    court: CourtInfo | None
    division: Division | None
    no_court_reason: str | None
    province: Division

    @property
    def key(self) -> str:
        """What tells areas apart and orders them: the court's code or the division's."""
        return self.court.code if self.court else str(self.division.adcode) if self.division else ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and value of some assets.

    Attributes:
        n_assets: How many; fresh, stale, outside and never located add up to it, and so do the three states.
        by_presence: How many of each presence.
        by_state: How many of each state of the rule.
        by_confidence: How many located ones of each confidence.
        value_fen: Sum of the estimated values, hundredths of a yuan.
        n_without_value: How many of them nobody estimated; they add nothing to the sum.
        near_border: How many are near a county border.
        oldest_fix: The oldest of their positions, UTC; None where none has one.
        newest_fix: The newest.
    """

    n_assets: int
    by_presence: Counter[Presence]
    by_state: Counter[State]
    by_confidence: Counter[Confidence]
    value_fen: int
    n_without_value: int
    near_border: int
    oldest_fix: datetime | None
    newest_fix: datetime | None

    @property
    def n_located(self) -> int:
        """How many are in the territory of a court."""
        return sum(n for presence, n in self.by_presence.items() if presence.located)

    @property
    def value_yuan(self) -> float:
        """Sum of the estimated values, yuan."""
        return self.value_fen / 100


@dataclass(frozen=True, slots=True)
class Row:
    """The assets in one area.

    Attributes:
        area: Which.
        cross_province: Whether it is in another province than the enforcing court: that decides the procedure.
        verified: Whether a table of courts has confirmed every territory in it.
        caveats: What is doubtful about its courts.
        tally: The counts.
    """

    area: Area
    cross_province: bool
    verified: bool
    caveats: tuple[str, ...]
    tally: Tally


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many assets have a reason for a no.

    Attributes:
        state: Not seizable, or held.
        code: The reason.
        clause: The clause that it rests on, where there is one.
        n_assets: Assets that have it, perhaps among others.
        n_mainly: Assets whose main reason it is: over all reasons these add up to the state's count.
        example: The reason in words, of the asset with the lowest id.
    """

    state: State
    code: ReasonCode
    clause: str | None
    n_assets: int
    n_mainly: int
    example: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Where the assets of a case are.

    Attributes:
        level: To what they are rolled up.
        rows: One per area, most assets first.
        unplaced: Those outside every territory, and those never located.
        totals: All of them.
        located: Those in the territory of a court.
        seizable: Those that the rule lets be seized, wherever they are.
        reasons: Why assets are not to be seized.
        main_by_count: The area (of courts) with most located assets; None where none is located.
        main_by_value: The area (of courts) with most value; None where nothing located has a value.
        high_courts_to_notify: High courts of other provinces that hold assets, most assets first.
    """

    level: RollUpLevel
    rows: tuple[Row, ...]
    unplaced: dict[Presence, Tally]
    totals: Tally
    located: Tally
    seizable: Tally
    reasons: tuple[ReasonCount, ...]
    main_by_count: Row | None
    main_by_value: Row | None
    high_courts_to_notify: tuple[Row, ...]


def distribute(assets: Sequence[PlacedAsset], level: RollUpLevel, enforcing_province: int) -> Distribution:
    """Roll the assets of a case up to courts or divisions.

    Args:
        assets: Every asset of the case, in the order of their ids.
        level: To what.
        enforcing_province: Six digits of the province of the court that handles the case.
    """
    rows = _rows(assets, level, enforcing_province)
    courts = rows if level.of_courts else _rows(assets, RollUpLevel.BASIC, enforcing_province)
    high = rows if level is RollUpLevel.HIGH else _rows(assets, RollUpLevel.HIGH, enforcing_province)
    by_value = sorted(courts, key=lambda r: (-r.tally.value_fen, -r.tally.n_assets, r.area.key))
    return Distribution(
        level=level,
        rows=rows,
        unplaced={p: tally([a for a in assets if a.presence is p]) for p in Presence if not p.located},
        totals=tally(assets),
        located=tally([a for a in assets if a.presence.located]),
        seizable=tally([a for a in assets if a.seizability.state is State.SEIZABLE]),
        reasons=_count_reasons(assets),
        main_by_count=courts[0] if courts else None,
        main_by_value=by_value[0] if by_value and by_value[0].tally.value_fen else None,
        high_courts_to_notify=tuple(r for r in high if r.cross_province),
    )


def tally(assets: Sequence[PlacedAsset]) -> Tally:
    """Count assets and add up their values."""
    values = [a.asset.value_fen for a in assets if a.asset.value_fen is not None]
    fixes = [a.asset.position.fixed_at for a in assets if a.asset.position is not None]
    return Tally(
        n_assets=len(assets),
        by_presence=Counter(a.presence for a in assets),
        by_state=Counter(a.seizability.state for a in assets),
        by_confidence=Counter(a.place.confidence for a in assets if a.place is not None),
        value_fen=sum(values),
        n_without_value=len(assets) - len(values),
        near_border=sum(a.near_border for a in assets),
        oldest_fix=min(fixes, default=None),
        newest_fix=max(fixes, default=None),
    )


def _rows(assets: Iterable[PlacedAsset], level: RollUpLevel, enforcing_province: int) -> tuple[Row, ...]:
    area_of = _AREA_OF[level]
    areas: dict[int, Area] = {}
    groups: dict[Area, list[tuple[PlacedAsset, TerritoryInfo]]] = {}
    for asset in assets:
        if asset.place is None:
            continue
        territory = asset.place.territory
        if territory.territory_id not in areas:
            areas[territory.territory_id] = area_of(territory)
        groups.setdefault(areas[territory.territory_id], []).append((asset, territory))
    rows = [_row(area, members, enforcing_province) for area, members in groups.items()]
    return tuple(sorted(rows, key=lambda r: (-r.tally.n_assets, -r.tally.value_fen, r.area.key)))


def _row(area: Area, members: Sequence[tuple[PlacedAsset, TerritoryInfo]], enforcing_province: int) -> Row:
    territories = {t.territory_id: t for _, t in members}.values()
    return Row(
        area=area,
        cross_province=area.province.adcode != enforcing_province,
        verified=all(t.verified for t in territories),
        caveats=tuple(dict.fromkeys(t.caveat for t in territories if t.caveat)),
        tally=tally([asset for asset, _ in members]),
    )


def county_of(t: TerritoryInfo) -> Division:
    """Return the county that a territory lies in."""
    return Division(DivisionLevel.COUNTY, t.county_adcode, t.county)


def prefecture_of(t: TerritoryInfo) -> Division:
    """Return the prefecture that a territory lies in."""
    return Division(DivisionLevel.PREFECTURE, t.prefecture_adcode, t.prefecture)


def province_of(t: TerritoryInfo) -> Division:
    """Return the province that a territory lies in."""
    return Division(DivisionLevel.PROVINCE, t.province_adcode, t.province)


def _court_area(court: CourtInfo | None, instead: Division, why_not: str, t: TerritoryInfo) -> Area:
    if court is None:
        return Area(None, instead, why_not, province_of(t))
    return Area(court, None, None, province_of(t))


_AREA_OF: Final[dict[RollUpLevel, Callable[[TerritoryInfo], Area]]] = {
    RollUpLevel.BASIC: lambda t: _court_area(t.basic, county_of(t), "No basic court is known for this county.", t),
    RollUpLevel.INTERMEDIATE: lambda t: _court_area(t.intermediate, prefecture_of(t), NO_INTERMEDIATE_COURT, t),
    RollUpLevel.HIGH: lambda t: _court_area(t.high, province_of(t), "No high court is known for this province.", t),
    RollUpLevel.COUNTY: lambda t: Area(None, county_of(t), None, province_of(t)),
    RollUpLevel.PREFECTURE: lambda t: Area(None, prefecture_of(t), None, province_of(t)),
    RollUpLevel.PROVINCE: lambda t: Area(None, province_of(t), None, province_of(t)),
}


def _count_reasons(assets: Iterable[PlacedAsset]) -> tuple[ReasonCount, ...]:
    having: Counter[tuple[State, ReasonCode]] = Counter()
    mainly: Counter[tuple[State, ReasonCode]] = Counter()
    words: dict[tuple[State, ReasonCode], tuple[str | None, str]] = {}
    for asset in assets:
        state, reasons = asset.seizability.state, asset.seizability.reasons
        for place, reason in enumerate(reasons):
            key = (state, reason.code)
            having[key] += 1
            mainly[key] += place == 0
            words.setdefault(key, (reason.clause, reason.text))
    counts = [
        ReasonCount(state, code, words[state, code][0], n, mainly[state, code], words[state, code][1])
        for (state, code), n in having.items()
    ]
    return tuple(sorted(counts, key=lambda c: (-c.n_mainly, -c.n_assets, c.code)))
