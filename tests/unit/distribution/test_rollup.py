"""Every asset is counted exactly once, at every level, whatever is known of it."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.core.web.examples import load_example
from app.distribution.domain import Presence, RollUpLevel
from app.distribution.rollup.rollup import roll_up
from app.distribution.schemas import ClustersOut, CourtRef, DistributionOut, DistributionRowOut, TallyOut, to_json
from app.enforcement.seizable import ReasonCode, State
from app.tracking.domain import Confidence
from tests.factories.constants import NOW
from tests.factories.distribution import (
    CHANGNING_COUNTY,
    HELD,
    JIADING_COUNTY,
    JIANGSU_HIGH,
    KUNSHAN_COUNTY,
    SEIZABLE,
    SHANGHAI,
    SUZHOU,
    TAICANG_COUNTY,
    TERRITORIES,
    WAITING,
    AssetSpec,
    asset_spec,
    case_scene,
)


@st.composite
def cases(draw: st.DrawFn) -> list[AssetSpec]:
    """A case of up to 60 assets in every combination of place and state."""
    n = draw(st.integers(0, 60))
    assets = []
    for asset_id in range(1, n + 1):
        presence = draw(st.sampled_from(Presence))
        assets.append(
            asset_spec(
                asset_id,
                draw(st.sampled_from(TERRITORIES)) if presence.located else None,
                presence=presence,
                seizability=draw(st.sampled_from([SEIZABLE, WAITING, HELD])),
                value_fen=draw(st.none() | st.integers(0, 10**9)),
                near_border=draw(st.booleans()),
                confidence=draw(st.sampled_from(Confidence)),
            )
        )
    return assets


def key(row: DistributionRowOut) -> str:
    return row.court.code if row.court else str(row.division.adcode) if row.division else ""


def sums(parts: Sequence[TallyOut]) -> dict[str, int]:
    """Everything of tallies that adds up: all but the times of fixes; values in hundredths of a yuan."""
    counts = ("n_assets", "n_fresh", "n_stale", "n_seizable", "n_not_seizable", "n_held", "n_without_value")
    return {name: sum(getattr(p, name) for p in parts) for name in (*counts, "near_border")} | {
        "value_fen": sum(round(p.value_yuan * 100) for p in parts),
        "high": sum(p.confidence.high for p in parts),
        "medium": sum(p.confidence.medium for p in parts),
        "low": sum(p.confidence.low for p in parts),
    }


@given(cases(), st.sampled_from(RollUpLevel))
def test_rows_and_unplaced_add_up_to_the_totals(assets: list[AssetSpec], level: RollUpLevel) -> None:
    answer = roll_up(case_scene(assets), level)
    totals = answer.totals
    parts: list[TallyOut] = [*answer.rows, *answer.unplaced]
    assert sums(parts) == {
        "n_assets": totals.assets,
        "n_fresh": totals.fresh,
        "n_stale": totals.stale,
        "n_seizable": totals.seizable,
        "n_not_seizable": totals.not_seizable,
        "n_held": totals.held,
        "n_without_value": totals.without_value,
        "near_border": totals.near_border,
        "value_fen": round(totals.value_yuan * 100),
        "high": totals.confidence.high,
        "medium": totals.confidence.medium,
        "low": totals.confidence.low,
    }
    assert totals.located == totals.fresh + totals.stale == sum(r.n_assets for r in answer.rows)
    assert totals.located == totals.confidence.high + totals.confidence.medium + totals.confidence.low
    assert totals.located + totals.outside + totals.never_located + totals.withheld == totals.assets == len(assets)
    assert totals.seizable + totals.not_seizable + totals.held == totals.assets
    assert [p.n_assets for p in answer.unplaced] == [totals.outside, totals.never_located, totals.withheld]
    assert len({key(row) for row in answer.rows}) == len(answer.rows)
    mainly = {s: sum(r.n_mainly for r in answer.reasons if r.state is s) for s in State}
    assert mainly == {State.SEIZABLE: 0, State.NOT_SEIZABLE: totals.not_seizable, State.HELD: totals.held}
    abroad = sum(r.n_assets for r in answer.rows if r.cross_province)
    assert sum(n.n_assets for n in answer.high_courts_to_notify) == abroad


@given(cases(), st.sampled_from(RollUpLevel))
def test_totals_count_what_is_there(assets: list[AssetSpec], level: RollUpLevel) -> None:
    totals = roll_up(case_scene(assets), level).totals
    assert totals.held == sum(a.seizability is HELD for a in assets)
    for presence, counted in {
        Presence.FRESH: totals.fresh,
        Presence.STALE: totals.stale,
        Presence.OUTSIDE: totals.outside,
        Presence.NEVER_LOCATED: totals.never_located,
        Presence.WITHHELD: totals.withheld,
    }.items():
        assert counted == sum(a.presence is presence for a in assets)
    assert totals.confidence.low == sum(a.confidence is Confidence.LOW and a.where is not None for a in assets)
    assert totals.near_border == sum(a.near_border for a in assets)
    assert totals.without_value == sum(a.asset.value_fen is None for a in assets)
    located = [a for a in assets if a.where is not None]
    seizable = [a for a in assets if a.seizability is SEIZABLE]
    assert totals.value_yuan == fen(assets) / 100
    assert totals.value_located_yuan == fen(located) / 100
    assert totals.value_seizable_yuan == fen(seizable) / 100
    fixes = [a.asset.position.fixed_at for a in assets if a.asset.position]
    assert totals.newest_fix == max(fixes, default=None)
    assert totals.oldest_fix == min(fixes, default=None)


def fen(assets: Iterable[AssetSpec]) -> int:
    return sum(a.asset.value_fen or 0 for a in assets)


@given(cases(), st.sampled_from(RollUpLevel), st.randoms(use_true_random=False))
def test_order_of_assets_never_matters(assets: list[AssetSpec], level: RollUpLevel, random: object) -> None:
    shuffled = assets.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis hands in a random.Random
    found, again = (roll_up(case_scene(a), level) for a in (assets, shuffled))
    assert again.rows == found.rows


def one_of_each() -> list[AssetSpec]:
    return [
        asset_spec(1, CHANGNING_COUNTY, value_fen=500_000_00),
        asset_spec(2, JIADING_COUNTY, seizability=WAITING, presence=Presence.STALE),
        asset_spec(3, KUNSHAN_COUNTY),
        asset_spec(4, KUNSHAN_COUNTY, near_border=True, value_fen=None),
        asset_spec(5, TAICANG_COUNTY, seizability=HELD),
        asset_spec(6, presence=Presence.OUTSIDE),
        asset_spec(7, presence=Presence.NEVER_LOCATED, value_fen=7),
    ]


def test_basic_courts_most_assets_first() -> None:
    found = roll_up(case_scene(one_of_each()), RollUpLevel.BASIC)
    assert [(key(r), r.n_assets) for r in found.rows] == [
        ("苏0583", 2),
        ("沪0105", 1),
        ("沪0114", 1),
        ("苏0585", 1),
    ]
    assert [r.cross_province for r in found.rows] == [True, False, False, True]
    assert [r.verified for r in found.rows] == [False, False, True, True]
    assert [r.caveats for r in found.rows] == [["renamed"], [], [], []]
    assert found.rows[0].near_border == 1
    assert found.rows[0].n_without_value == 1


def test_a_municipality_has_no_intermediate_court_by_rule_and_still_counts() -> None:
    found = roll_up(case_scene(one_of_each()), RollUpLevel.INTERMEDIATE)
    suzhou, shanghai = found.rows
    assert suzhou.court == CourtRef.of(SUZHOU)
    assert suzhou.n_assets == 3
    assert shanghai.court is None
    assert shanghai.division is not None
    assert shanghai.division.adcode == SHANGHAI
    assert "table of courts" in str(shanghai.no_court_reason)
    assert shanghai.n_assets == 2


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        (RollUpLevel.HIGH, ["苏", "沪"]),
        (RollUpLevel.COUNTY, ["320583", "310105", "310114", "320585"]),
        (RollUpLevel.PREFECTURE, ["320500", "310000"]),
        (RollUpLevel.PROVINCE, ["320000", "310000"]),
    ],
)
def test_other_levels(level: RollUpLevel, keys: list[str]) -> None:
    found = roll_up(case_scene(one_of_each()), level)
    assert [key(r) for r in found.rows] == keys
    assert all((r.court is not None) == level.of_courts for r in found.rows)
    assert found.main_court.by_count is not None
    assert found.main_court.by_count.court is not None, "the main location is a court at every level"


def test_main_court_by_count_and_by_value_differ() -> None:
    found = roll_up(case_scene(one_of_each()), RollUpLevel.BASIC)
    assert found.main_court.by_count is not None
    assert found.main_court.by_value is not None
    assert found.main_court.by_count.court is not None
    assert found.main_court.by_value.court is not None
    assert found.main_court.by_count.court.code == "苏0583"
    assert found.main_court.by_value.court.code == "沪0105"


def test_nothing_located_or_nothing_valued_has_no_main_court() -> None:
    found = roll_up(case_scene([asset_spec(1, presence=Presence.OUTSIDE)]), RollUpLevel.BASIC)
    assert found.main_court.by_count is None
    assert found.main_court.by_value is None
    found = roll_up(case_scene([asset_spec(1, KUNSHAN_COUNTY, value_fen=None)]), RollUpLevel.BASIC)
    assert found.main_court.by_count is not None
    assert found.main_court.by_value is None


def test_high_courts_of_other_provinces_are_to_be_notified_at_every_level() -> None:
    for level in RollUpLevel:
        found = roll_up(case_scene(one_of_each()), level)
        assert [(r.court, r.n_assets) for r in found.high_courts_to_notify] == [(CourtRef.of(JIANGSU_HIGH), 3)]


def test_reasons_say_how_many_and_how_many_mainly() -> None:
    found = roll_up(
        case_scene([*one_of_each(), asset_spec(8, JIADING_COUNTY, seizability=WAITING)]), RollUpLevel.BASIC
    )
    assert {(r.state, r.code): (r.n_assets, r.n_mainly) for r in found.reasons} == {
        (State.NOT_SEIZABLE, ReasonCode.RANKED_BEHIND): (2, 2),
        (State.HELD, ReasonCode.HELD_BY_THIS_COURT): (1, 1),
        (State.HELD, ReasonCode.RANKED_BEHIND): (1, 0),
    }


def test_values_are_exact_to_the_fen() -> None:
    assets = [asset_spec(n, KUNSHAN_COUNTY, value_fen=10) for n in range(1, 1001)]
    answer = roll_up(case_scene(assets), RollUpLevel.BASIC)
    assert answer.totals.value_yuan == 100.0


def test_a_case_without_assets_has_an_answer() -> None:
    answer = roll_up(case_scene(), RollUpLevel.BASIC)
    assert answer.totals.assets == 0
    assert answer.rows == []
    assert answer.as_of == NOW
    assert answer.parameters.fresh_within == timedelta(days=7)


def test_the_examples_of_the_page_are_what_is_sent() -> None:
    example = load_example("app.distribution", "distribution")
    distribution = TypeAdapter(DistributionOut).validate_python(example)
    assert json.loads(to_json(distribution)) == example
    assert distribution.notes == roll_up(case_scene(), RollUpLevel.BASIC).notes
    totals = distribution.totals
    assert totals.assets == sum(p.n_assets for p in [*distribution.rows, *distribution.unplaced])
    assert totals.seizable == sum(p.n_seizable for p in [*distribution.rows, *distribution.unplaced])
    example = load_example("app.distribution", "clusters")
    clusters = TypeAdapter(ClustersOut).validate_python(example)
    assert json.loads(to_json(clusters)) == example
    assert clusters.clustered == clusters.features[0].properties.n == len(clusters.features[0].properties.members)
