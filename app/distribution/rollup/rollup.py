"""Totals of the assets of a case by court or division: every asset is counted exactly once; pure.

``rows`` has the located assets, ``unplaced`` the rest. Together they are the totals, in every count and in value.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np

from app.distribution.domain import NOT_LOCATED, PRESENCES, STATES, CaseSnapshot, Presence, RollUpLevel
from app.distribution.rollup.tallies import tally_all, tally_groups
from app.distribution.schemas import (
    CaseRef,
    CourtRef,
    DistributionOut,
    DistributionRowOut,
    DivisionOfLevelRef,
    MainCourtOut,
    MainOut,
    NotifyOut,
    ParametersOut,
    ReasonCountOut,
    TallyOut,
    TotalsOut,
    UnplacedOut,
)
from app.enforcement.seizable import ReasonCode, Seizability, State
from app.jurisdictions.domain import CourtInfo, DivisionLevel, TerritoryInfo
from app.jurisdictions.schemas import LayerOut

NOTES: Final = (
    "候选法院,并非裁定。 A court named here is a candidate: its territory holds the assets; this is no ruling.",
    "总数 = 已定位(新 + 旧) + 辖区外 + 从未定位 + 不再提供。",
    "Assets = located (fresh + stale) + outside + never located + withheld.",
    "不再提供:已解除查封或案件已结。 Withheld: released, or the case is closed; its place is no longer shown.",
    "位置系定位终端的位置。 A position is that of the tracking device, and as old as its fix.",
    "旧:最近一次可信定位早于新鲜期限。 Stale: the last accepted fix is older than the freshness limit.",
    "近界:距县级界线很近,行动前须核实辖区。 Near a border: close to a county border; check the territory first.",
    "他省的,适用委托执行的规定。 In another province, the rules of entrusted enforcement apply.",
)
"""Explanations of a distribution, in both languages."""


NO_INTERMEDIATE_COURT: Final = (
    "No intermediate court is known for this prefecture: a municipality has several, and a unit directly under a "
    "province belongs to one that crosses divisions. A table of courts is needed."
)


_COUNTS: Final = tuple(field.name for field in fields(TallyOut))
_counts_of: Final = attrgetter(*_COUNTS)


class Area(NamedTuple):
    """The court or division of a row."""

    court: CourtInfo | None
    """None in a roll-up to divisions, and where no court is known."""
    division: DivisionOfLevelRef | None
    """None in a roll-up to courts, except where no court is known."""
    no_court_reason: str | None
    """Why no court is known, in a roll-up to courts."""
    province: DivisionOfLevelRef
    """The province of the court or division."""

    @property
    def key(self) -> str:
        """Identifies and orders areas of one level: the court's code or the division's."""
        return self.court.code if self.court else str(self.division.adcode) if self.division else ""


def roll_up(snapshot: CaseSnapshot, level: RollUpLevel) -> DistributionOut:
    """Roll the assets of a case up to courts or divisions."""
    assessed, moment = snapshot.assessed, snapshot.moment
    rows = _rows(snapshot, level)
    courts = rows if level.of_courts else _rows(snapshot, RollUpLevel.BASIC)
    high = rows if level is RollUpLevel.HIGH else _rows(snapshot, RollUpLevel.HIGH)
    by_value = min(courts, key=lambda r: (-r.value_yuan, -r.n_assets, _key(r)), default=None)
    located = tally_groups(assessed, np.where(assessed.located, 0, NOT_LOCATED), 1)[0]
    by_presence = dict(zip(PRESENCES, tally_groups(assessed, assessed.presence, len(PRESENCES)), strict=True))
    return DistributionOut(
        case=CaseRef.of(snapshot),
        as_of=moment.as_of,
        data_as_of=moment.data_as_of,
        computed_at=moment.computed_at,
        parameters=ParametersOut(
            level=level,
            fresh_within=snapshot.fresh_within,
            as_of=moment.as_of if moment.past else None,
            near_border_m=snapshot.near_border_m,
        ),
        layer=LayerOut.model_validate(snapshot.layer),
        totals=_totals(snapshot, by_presence, located),
        rows=rows,
        unplaced=[
            UnplacedOut(presence="outside", **_counts(by_presence[Presence.OUTSIDE])),
            UnplacedOut(presence="never_located", **_counts(by_presence[Presence.NEVER_LOCATED])),
            UnplacedOut(presence="withheld", **_counts(by_presence[Presence.WITHHELD])),
        ],
        main_court=MainCourtOut(
            by_count=_main(courts[0], courts[0].n_assets / located.n_assets) if courts else None,
            by_value=_main(by_value, by_value.value_yuan / located.value_yuan)
            if by_value and by_value.value_yuan
            else None,
        ),
        high_courts_to_notify=[
            NotifyOut(
                court=row.court,
                province=row.province,
                n_assets=row.n_assets,
                n_seizable=row.n_seizable,
                value_yuan=row.value_yuan,
            )
            for row in high
            if row.cross_province
        ],
        reasons=_count_reasons(snapshot.seizability),
        notes=list(NOTES),
    )


def _rows(snapshot: CaseSnapshot, level: RollUpLevel) -> list[DistributionRowOut]:
    """Group the located assets by territory, then territories by area; most assets first."""
    ids, of_asset = np.unique(snapshot.assessed.territory_id, return_inverse=True)
    number_of: dict[str, int] = {}
    areas: list[tuple[Area, list[TerritoryInfo]]] = []
    number = []
    for territory_id in ids.tolist():
        if territory_id == NOT_LOCATED:
            number.append(NOT_LOCATED)
            continue
        territory = snapshot.territories[territory_id]
        area = _AREA_OF[level](territory)
        at = number_of.setdefault(area.key, len(areas))
        if at == len(areas):
            areas.append((area, []))
        areas[at][1].append(territory)
        number.append(at)
    group = np.array(number, dtype=np.int64)[of_asset]
    tallies = tally_groups(snapshot.assessed, group, len(areas))
    rows = [
        DistributionRowOut(
            court=None if area.court is None else CourtRef.of(area.court),
            division=area.division,
            no_court_reason=area.no_court_reason,
            province=area.province,
            cross_province=area.province.adcode != snapshot.court.province_adcode,
            verified=all(t.verified for t in territories),
            caveats=list(dict.fromkeys(t.caveat for t in territories if t.caveat)),
            **_counts(tally),
        )
        for (area, territories), tally in zip(areas, tallies, strict=True)
    ]
    return sorted(rows, key=lambda r: (-r.n_assets, -r.value_yuan, _key(r)))


def _key(row: DistributionRowOut) -> str:
    return row.court.code if row.court else str(row.division.adcode) if row.division else ""


def _counts(tally: TallyOut) -> dict[str, Any]:
    """Return the fields of a tally, for a type with more fields."""
    return dict(zip(_COUNTS, _counts_of(tally), strict=True))


def _totals(snapshot: CaseSnapshot, by_presence: dict[Presence, TallyOut], located: TallyOut) -> TotalsOut:
    assessed = snapshot.assessed
    totals = tally_all(assessed)
    seizable = tally_groups(assessed, assessed.state, len(STATES))[STATES.index(State.SEIZABLE)]
    return TotalsOut(
        assets=totals.n_assets,
        located=located.n_assets,
        fresh=totals.n_fresh,
        stale=totals.n_stale,
        outside=by_presence[Presence.OUTSIDE].n_assets,
        never_located=by_presence[Presence.NEVER_LOCATED].n_assets,
        withheld=by_presence[Presence.WITHHELD].n_assets,
        seizable=totals.n_seizable,
        not_seizable=totals.n_not_seizable,
        held=totals.n_held,
        value_yuan=totals.value_yuan,
        value_located_yuan=located.value_yuan,
        value_seizable_yuan=seizable.value_yuan,
        without_value=totals.n_without_value,
        near_border=totals.near_border,
        confidence=totals.confidence,
        oldest_fix=totals.oldest_fix,
        newest_fix=totals.newest_fix,
    )


def _main(row: DistributionRowOut, share: float) -> MainOut:
    return MainOut(
        court=row.court,
        division=row.division,
        no_court_reason=row.no_court_reason,
        province=row.province,
        cross_province=row.cross_province,
        n_assets=row.n_assets,
        value_yuan=row.value_yuan,
        share=round(share, 4),
    )


def county_of(t: TerritoryInfo) -> DivisionOfLevelRef:
    """Return the county of a territory."""
    return DivisionOfLevelRef(level=DivisionLevel.COUNTY, adcode=t.county_adcode, name=t.county)


def prefecture_of(t: TerritoryInfo) -> DivisionOfLevelRef:
    """Return the prefecture of a territory."""
    return DivisionOfLevelRef(level=DivisionLevel.PREFECTURE, adcode=t.prefecture_adcode, name=t.prefecture)


def province_of(t: TerritoryInfo) -> DivisionOfLevelRef:
    """Return the province of a territory."""
    return DivisionOfLevelRef(level=DivisionLevel.PROVINCE, adcode=t.province_adcode, name=t.province)


def _court_area(
    t: TerritoryInfo, court: CourtInfo | None, fallback: Callable[[TerritoryInfo], DivisionOfLevelRef], reason: str
) -> Area:
    return (
        Area(None, fallback(t), reason, province_of(t)) if court is None else Area(court, None, None, province_of(t))
    )


_AREA_OF: Final[dict[RollUpLevel, Callable[[TerritoryInfo], Area]]] = {
    RollUpLevel.BASIC: lambda t: _court_area(t, t.basic, county_of, "No basic court is known for this county."),
    RollUpLevel.INTERMEDIATE: lambda t: _court_area(t, t.intermediate, prefecture_of, NO_INTERMEDIATE_COURT),
    RollUpLevel.HIGH: lambda t: _court_area(t, t.high, province_of, "No high court is known for this province."),
    RollUpLevel.COUNTY: lambda t: Area(None, county_of(t), None, province_of(t)),
    RollUpLevel.PREFECTURE: lambda t: Area(None, prefecture_of(t), None, province_of(t)),
    RollUpLevel.PROVINCE: lambda t: Area(None, province_of(t), None, province_of(t)),
}


def _count_reasons(seizability: Iterable[Seizability]) -> list[ReasonCountOut]:
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
        ReasonCountOut(
            state=state,
            code=code,
            clause=words[state, code][0],
            n_assets=n,
            n_mainly=mainly[state, code],
            example=words[state, code][1],
        )
        for (state, code), n in having.items()
    ]
    return sorted(counts, key=lambda c: (-c.n_mainly, -c.n_assets, c.code))
