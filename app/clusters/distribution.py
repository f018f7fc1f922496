"""In whose territories the assets of a case are: every asset counted exactly once; pure.

Rows hold the located assets, ``unplaced`` the rest; rows and unplaced together are the totals, in every count and in
value.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from app.clusters.domain import NOWHERE, PRESENCES, STATES, CaseScene, Presence, RollUpLevel
from app.clusters.tallies import Tally, tally_all, tally_groups
from app.enforcement.domain import ReasonCode, Seizability, State
from app.jurisdictions.domain import CourtInfo, DivisionLevel, TerritoryInfo

NO_INTERMEDIATE_COURT: Final = (
    "No intermediate court is known for this prefecture: a municipality has several, and a unit directly under a "
    "province belongs to one that crosses divisions. A table of courts is needed."
)


class Division(NamedTuple):
    """A division that assets are in."""

    level: DivisionLevel
    adcode: int
    name: str


class Area(NamedTuple):
    """What a row of the answer is about."""

    court: CourtInfo | None
    """The court; None in a roll-up to divisions, and where no court is known."""
    division: Division | None
    """The division; None in a roll-up to courts, save where no court is known."""
    no_court_reason: str | None
    """Why no court is known, in a roll-up to courts."""
    province: Division
    """The province that it lies in."""

    @property
    def key(self) -> str:
        """What tells areas of one level apart and orders them: the court's code or the division's."""
        return self.court.code if self.court else str(self.division.adcode) if self.division else ""


class Row(NamedTuple):
    """The assets in one area."""

    area: Area
    cross_province: bool
    """Whether it is in another province than the enforcing court: that decides the procedure."""
    verified: bool
    """Whether a table of courts has confirmed every territory in it."""
    caveats: tuple[str, ...]
    """What is doubtful about its courts."""
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
        example: The reason in words, of the first asset that has it.
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
    unplaced: Mapping[Presence, Tally]
    totals: Tally
    located: Tally
    seizable: Tally
    reasons: tuple[ReasonCount, ...]
    main_by_count: Row | None
    main_by_value: Row | None
    high_courts_to_notify: tuple[Row, ...]


def distribute(scene: CaseScene, level: RollUpLevel) -> Distribution:
    """Roll the assets of a case up to courts or divisions."""
    placed = scene.placed
    rows = _rows(scene, level)
    courts = rows if level.of_courts else _rows(scene, RollUpLevel.BASIC)
    high = rows if level is RollUpLevel.HIGH else _rows(scene, RollUpLevel.HIGH)
    by_value = min(courts, key=lambda r: (-r.tally.value_fen, -r.tally.n_assets, r.area.key), default=None)
    by_presence = tally_groups(placed, placed.presence, len(PRESENCES))
    return Distribution(
        level=level,
        rows=rows,
        unplaced={p: t for p, t in zip(PRESENCES, by_presence, strict=True) if not p.located},
        totals=tally_all(placed),
        located=tally_groups(placed, np.where(placed.located, 0, NOWHERE), 1)[0],
        seizable=tally_groups(placed, placed.state, len(STATES))[STATES.index(State.SEIZABLE)],
        reasons=_count_reasons(scene.seizability),
        main_by_count=courts[0] if courts else None,
        main_by_value=by_value if by_value and by_value.tally.value_fen else None,
        high_courts_to_notify=tuple(row for row in high if row.cross_province),
    )


def _rows(scene: CaseScene, level: RollUpLevel) -> tuple[Row, ...]:
    """Group the located assets: first by territory, then territories by area."""
    ids, of_asset = np.unique(scene.placed.territory_id, return_inverse=True)
    number_of: dict[str, int] = {}
    areas: list[tuple[Area, list[TerritoryInfo]]] = []
    number = []
    for territory_id in ids.tolist():
        if territory_id == NOWHERE:
            number.append(NOWHERE)
            continue
        territory = scene.territories[territory_id]
        area = _AREA_OF[level](territory)
        at = number_of.setdefault(area.key, len(areas))
        if at == len(areas):
            areas.append((area, []))
        areas[at][1].append(territory)
        number.append(at)
    group = np.array(number, dtype=np.int64)[of_asset]
    tallies = tally_groups(scene.placed, group, len(areas))
    rows = [
        Row(
            area=area,
            cross_province=area.province.adcode != scene.court.province_adcode,
            verified=all(t.verified for t in territories),
            caveats=tuple(dict.fromkeys(t.caveat for t in territories if t.caveat)),
            tally=tallies[at],
        )
        for at, (area, territories) in enumerate(areas)
    ]
    return tuple(sorted(rows, key=lambda r: (-r.tally.n_assets, -r.tally.value_fen, r.area.key)))


def county_of(t: TerritoryInfo) -> Division:
    """Return the county that a territory lies in."""
    return Division(DivisionLevel.COUNTY, t.county_adcode, t.county)


def prefecture_of(t: TerritoryInfo) -> Division:
    """Return the prefecture that a territory lies in."""
    return Division(DivisionLevel.PREFECTURE, t.prefecture_adcode, t.prefecture)


def province_of(t: TerritoryInfo) -> Division:
    """Return the province that a territory lies in."""
    return Division(DivisionLevel.PROVINCE, t.province_adcode, t.province)


def _court_area(
    t: TerritoryInfo, court: CourtInfo | None, instead: Callable[[TerritoryInfo], Division], why_not: str
) -> Area:
    return (
        Area(None, instead(t), why_not, province_of(t)) if court is None else Area(court, None, None, province_of(t))
    )


_AREA_OF: Final[dict[RollUpLevel, Callable[[TerritoryInfo], Area]]] = {
    RollUpLevel.BASIC: lambda t: _court_area(t, t.basic, county_of, "No basic court is known for this county."),
    RollUpLevel.INTERMEDIATE: lambda t: _court_area(t, t.intermediate, prefecture_of, NO_INTERMEDIATE_COURT),
    RollUpLevel.HIGH: lambda t: _court_area(t, t.high, province_of, "No high court is known for this province."),
    RollUpLevel.COUNTY: lambda t: Area(None, county_of(t), None, province_of(t)),
    RollUpLevel.PREFECTURE: lambda t: Area(None, prefecture_of(t), None, province_of(t)),
    RollUpLevel.PROVINCE: lambda t: Area(None, province_of(t), None, province_of(t)),
}


def _count_reasons(seizability: Iterable[Seizability]) -> tuple[ReasonCount, ...]:
    having: Counter[tuple[State, ReasonCode]] = Counter()
    mainly: Counter[tuple[State, ReasonCode]] = Counter()
    words: dict[tuple[State, ReasonCode], tuple[str | None, str]] = {}
    for of_asset in seizability:
        for place, reason in enumerate(of_asset.reasons):
            key = (of_asset.state, reason.code)
            having[key] += 1
            mainly[key] += place == 0
            words.setdefault(key, (reason.clause, reason.text))
    counts = [
        ReasonCount(state, code, words[state, code][0], n, mainly[state, code], words[state, code][1])
        for (state, code), n in having.items()
    ]
    return tuple(sorted(counts, key=lambda c: (-c.n_mainly, -c.n_assets, c.code)))
