"""From a distribution, as it was found, to what is sent."""

from typing import Any, Final

import msgspec

from app.clusters.distribution import Distribution, Division, Row
from app.clusters.domain import CaseScene, Presence
from app.clusters.schemas import (
    CaseRef,
    ConfidenceOut,
    CourtRef,
    DistributionOut,
    DistributionRowOut,
    DivisionOfLevelRef,
    MainCourtOut,
    MainOut,
    NotifyOut,
    ParametersOut,
    ReasonCountOut,
    TotalsOut,
    UnplacedOut,
)
from app.clusters.tallies import Tally
from app.jurisdictions.domain import CourtInfo
from app.jurisdictions.schemas import LayerOut

NOTES: Final = (
    "候选法院,并非裁定。 A court named here is a candidate: its territory holds the assets; this is no ruling.",
    "总数 = 已定位(新 + 旧) + 辖区外 + 从未定位 + 不再提供。",
    "Assets = located (fresh + stale) + outside + never located + withheld.",
    "不再提供:已解除查封或案件已结。 Withheld: released, or the case is closed; its place is not told any more.",
    "位置系定位终端的位置。 A position is that of the tracking device, and as old as its fix.",
    "旧:最近一次可信定位早于新鲜期限。 Stale: the last fix that can be believed is older than the freshness limit.",
    "近界:距县级界线很近,行动前须核实辖区。 Near a border: close to a county border; check the territory first.",
    "他省的,适用委托执行的规定。 In another province, the rules of entrusted enforcement apply.",
)
"""How to read a distribution, in both languages."""


def distribution_out(scene: CaseScene, found: Distribution) -> DistributionOut:
    """Return the distribution of a case as it is sent."""
    moment = scene.moment
    return DistributionOut(
        case=case_out(scene),
        as_of=moment.as_of,
        data_as_of=moment.data_as_of,
        computed_at=moment.computed_at,
        parameters=ParametersOut(
            level=found.level,
            fresh_within=scene.fresh_within,
            as_of=moment.as_of if moment.past else None,
            near_border_m=scene.near_border_m,
        ),
        layer=layer_out(scene),
        totals=_totals(found),
        rows=[_row(row) for row in found.rows],
        unplaced=[
            UnplacedOut(presence="outside", **_counts(found.unplaced[Presence.OUTSIDE])),
            UnplacedOut(presence="never_located", **_counts(found.unplaced[Presence.NEVER_LOCATED])),
            UnplacedOut(presence="withheld", **_counts(found.unplaced[Presence.WITHHELD])),
        ],
        main_court=MainCourtOut(
            by_count=_main(found.main_by_count, found.located, by_value=False),
            by_value=_main(found.main_by_value, found.located, by_value=True),
        ),
        high_courts_to_notify=[_notify(row) for row in found.high_courts_to_notify],
        reasons=[
            ReasonCountOut(
                state=r.state,
                code=r.code,
                clause=r.clause,
                n_assets=r.n_assets,
                n_mainly=r.n_mainly,
                example=r.example,
            )
            for r in found.reasons
        ],
        notes=list(NOTES),
    )


def to_json(answer: object) -> bytes:
    """Encode an answer: times as RFC 3339, durations as ISO 8601."""
    return msgspec.json.encode(answer, enc_hook=vars)


def case_out(scene: CaseScene) -> CaseRef:
    """Return the case that an answer is about."""
    return CaseRef(case_id=scene.case_id, case_number=scene.case_number, court=_court_out(scene.court))


def layer_out(scene: CaseScene) -> LayerOut:
    """Return the boundary layer of an answer."""
    return LayerOut.model_validate(scene.layer)


def court_out(court: CourtInfo | None) -> CourtRef | None:
    """Return a court as it is sent, None where it is not known."""
    return None if court is None else _court_out(court)


def _court_out(court: CourtInfo) -> CourtRef:
    return CourtRef(court_id=court.court_id, code=court.code, name=court.name, level=court.level)


def division_out(division: Division) -> DivisionOfLevelRef:
    """Return a division as it is sent."""
    return DivisionOfLevelRef(level=division.level, adcode=division.adcode, name=division.name)


def _counts(tally: Tally) -> dict[str, Any]:
    """The members of ``TallyOut``."""
    return {
        "n_assets": tally.n_assets,
        "n_fresh": tally.n_fresh,
        "n_stale": tally.n_stale,
        "n_seizable": tally.n_seizable,
        "n_not_seizable": tally.n_not_seizable,
        "n_held": tally.n_held,
        "value_yuan": tally.value_yuan,
        "n_without_value": tally.n_without_value,
        "near_border": tally.near_border,
        "confidence": _confidence(tally),
        "oldest_fix": tally.oldest_fix,
        "newest_fix": tally.newest_fix,
    }


def _confidence(tally: Tally) -> ConfidenceOut:
    return ConfidenceOut(high=tally.n_high, medium=tally.n_medium, low=tally.n_low)


def _totals(found: Distribution) -> TotalsOut:
    totals = found.totals
    return TotalsOut(
        assets=totals.n_assets,
        located=totals.n_located,
        fresh=totals.n_fresh,
        stale=totals.n_stale,
        outside=totals.n_outside,
        never_located=totals.n_never_located,
        withheld=totals.n_withheld,
        seizable=totals.n_seizable,
        not_seizable=totals.n_not_seizable,
        held=totals.n_held,
        value_yuan=totals.value_yuan,
        value_located_yuan=found.located.value_yuan,
        value_seizable_yuan=found.seizable.value_yuan,
        without_value=totals.n_without_value,
        near_border=totals.near_border,
        confidence=_confidence(totals),
        oldest_fix=totals.oldest_fix,
        newest_fix=totals.newest_fix,
    )


def _row(row: Row) -> DistributionRowOut:
    area = row.area
    return DistributionRowOut(
        court=court_out(area.court),
        division=None if area.division is None else division_out(area.division),
        no_court_reason=area.no_court_reason,
        province=division_out(area.province),
        cross_province=row.cross_province,
        verified=row.verified,
        caveats=list(row.caveats),
        **_counts(row.tally),
    )


def _main(row: Row | None, located: Tally, *, by_value: bool) -> MainOut | None:
    if row is None:
        return None
    share = row.tally.value_fen / located.value_fen if by_value else row.tally.n_assets / located.n_assets
    return MainOut(
        court=court_out(row.area.court),
        division=None if row.area.division is None else division_out(row.area.division),
        no_court_reason=row.area.no_court_reason,
        province=division_out(row.area.province),
        cross_province=row.cross_province,
        n_assets=row.tally.n_assets,
        value_yuan=row.tally.value_yuan,
        share=round(share, 4),
    )


def _notify(row: Row) -> NotifyOut:
    return NotifyOut(
        court=court_out(row.area.court),
        province=division_out(row.area.province),
        n_assets=row.tally.n_assets,
        n_seizable=row.tally.n_seizable,
        value_yuan=row.tally.value_yuan,
    )
