"""History judges as memory does when pings come in, and knows what followed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import TrackingSettings
from app.telemetry.domain import BLOCKING, E7, Doubt
from app.tracking.history.judge import FixHistory, judge_history
from app.tracking.live.last_known import DeviceFixes, LastKnownPositions
from app.tracking.speed_gate import SpeedGate

SETTINGS = TrackingSettings()
REACH = SpeedGate.of(SETTINGS)
MINUTE_US = 60_000_000
CHANGNING, PUDONG, BEIJING, NANJING = (121.4241, 31.2205), (121.544, 31.221), (116.3974, 39.9093), (118.78, 32.06)
JUMP, TOO_FAST = int(Doubt.JUMP), int(Doubt.TOO_FAST)

Fix = tuple[int, tuple[float, float], int]
"""Minute, place, asset."""


def past(fixes: Sequence[Fix]) -> FixHistory:
    return FixHistory(
        asset_id=np.array([asset for _, _, asset in fixes], dtype=np.int32),
        fixed_us=np.array([minute * MINUTE_US for minute, _, _ in fixes], dtype=np.int64),
        lon_e7=np.array([round(at[0] * E7) for _, at, _ in fixes], dtype=np.int32),
        lat_e7=np.array([round(at[1] * E7) for _, at, _ in fixes], dtype=np.int32),
        uncertainty_m=np.full(len(fixes), 300.0),
    )


def judged(*fixes: tuple[int, tuple[float, float]]) -> list[int]:
    return [int(d) for d in judge_history(past([(minute, at, 1) for minute, at in fixes]), REACH).doubts]


def test_a_fix_that_fits_nowhere_is_doubted_and_its_neighbours_are_not() -> None:
    assert judged((0, CHANGNING), (5, BEIJING), (10, CHANGNING)) == [0, JUMP, 0]
    assert judged((0, CHANGNING), (5, NANJING), (10, CHANGNING)) == [0, TOO_FAST, 0]
    assert judged((0, CHANGNING), (180, NANJING), (360, CHANGNING)) == [0, 0, 0]


def test_what_followed_confirms_a_place() -> None:
    assert judged((0, CHANGNING), (5, BEIJING), (10, BEIJING), (15, BEIJING)) == [0, 0, 0, 0]
    assert judged((0, CHANGNING), (5, BEIJING), (10, BEIJING)) == [0, JUMP, JUMP]
    assert judged((0, CHANGNING), (5, BEIJING), (10, BEIJING), (15, PUDONG), (20, BEIJING)) == [
        0,
        JUMP,
        JUMP,
        0,
        JUMP,
    ]


def test_places_that_do_not_agree_confirm_nothing() -> None:
    fixes = [(0, CHANGNING), (5, BEIJING), (10, (100.0, 25.0)), (15, BEIJING), (20, (100.0, 25.0))]
    assert judged(*fixes) == [0, JUMP, JUMP, JUMP, JUMP]


def test_on_another_asset_a_device_begins_anew() -> None:
    fixes: list[Fix] = [(0, CHANGNING, 1), (5, BEIJING, 2), (10, BEIJING, 2), (15, CHANGNING, 2)]
    assert judge_history(past(fixes), REACH).doubts.tolist() == [0, 0, 0, JUMP]


def test_nothing_is_judged_without_complaint() -> None:
    assert judge_history(past([]), REACH).doubts.tolist() == []


places = st.sampled_from([CHANGNING, PUDONG, BEIJING, NANJING, (120.15, 30.28)])
tracks = st.lists(st.tuples(st.integers(1, 300), places, st.sampled_from([1, 1, 1, 2])), min_size=1, max_size=25).map(
    lambda steps: [
        (sum(step[0] for step in steps[: n + 1]), place, asset) for n, (_, place, asset) in enumerate(steps)
    ]
)


def judged_as_it_comes(fixes: Sequence[Fix]) -> list[int]:
    """Judge a track fix by fix as it comes in, in order."""
    last_known = LastKnownPositions(SETTINGS)
    doubts: list[int] = []
    whole = past(fixes)
    for n, (_, _, asset) in enumerate(fixes):
        if n and fixes[n - 1][2] != asset:
            last_known.forget(np.array([1], dtype=np.int32))
        moves = DeviceFixes(
            device_id=np.array([1], dtype=np.int32),
            asset_id=whole.asset_id[n : n + 1],
            fixed_us=whole.fixed_us[n : n + 1],
            lon_e7=whole.lon_e7[n : n + 1],
            lat_e7=whole.lat_e7[n : n + 1],
            uncertainty_m=whole.uncertainty_m[n : n + 1],
        )
        last_known.unknown(moves)
        verdict = last_known.judge(moves)
        last_known.accept(moves, verdict)
        doubts += verdict.doubts.tolist()
    return doubts


@given(tracks)
def test_history_doubts_nothing_that_was_believed_when_it_came_in_order(fixes: list[Fix]) -> None:
    at_once = judged_as_it_comes(fixes)
    later = judge_history(past(fixes), REACH).doubts.tolist()
    assert all(late in {0, doubt} for late, doubt in zip(later, at_once, strict=True))
    assert BLOCKING & (JUMP | TOO_FAST) == JUMP | TOO_FAST


@given(tracks, st.data())
def test_from_a_settled_fix_on_the_rest_is_judged_the_same(fixes: list[Fix], data: st.DataObject) -> None:
    whole = judge_history(past(fixes), REACH)
    start = data.draw(st.sampled_from(np.flatnonzero(whole.settled).tolist()))
    rest = judge_history(past(fixes[start:]), REACH)
    assert rest.doubts.tolist() == whole.doubts[start:].tolist()
    assert rest.settled.tolist() == whole.settled[start:].tolist()


@given(tracks)
def test_the_quick_look_finds_what_the_long_walk_finds(fixes: list[Fix]) -> None:
    """A track without a step too far is believed whole; one more asset at its end forces nothing."""
    whole = judge_history(past(fixes), REACH)
    wide = judge_history(past(fixes), replace(REACH, jump_m=1e12, metres_per_us=1.0))
    assert not wide.doubts.any()
    assert (whole.doubts[~whole.settled] != 0).all()
    assert (whole.doubts[whole.settled] == 0).all()
