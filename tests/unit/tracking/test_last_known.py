"""What is believed of devices: rules that a user relies on, and that columns and single rows are judged alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import TrackingSettings
from app.telemetry.domain import E7, NO_TIME_US, Doubt
from app.tracking.live.last_known import NO_ASSET, DeviceFixes, LastKnown, LastKnownPositions, uncertainty_of

SETTINGS = TrackingSettings()
SHANGHAI, SUZHOU, URUMQI = (121.4241, 31.2205), (120.6196, 31.2990), (87.6168, 43.8256)
MINUTE = 60_000_000
T0 = 1_800_000_000_000_000

Fix = tuple[int, int, float, tuple[float, float]]
"""Device, asset, minutes after T0, place."""


def moves(*fixes: Fix) -> DeviceFixes:
    rows = sorted(fixes, key=lambda fix: (fix[0], fix[2]))
    return DeviceFixes(
        device_id=np.array([f[0] for f in rows], dtype=np.int32),
        asset_id=np.array([f[1] for f in rows], dtype=np.int32),
        fixed_us=np.array([T0 + round(f[2] * MINUTE) for f in rows], dtype=np.int64),
        lon_e7=np.array([round(f[3][0] * E7) for f in rows], dtype=np.int32),
        lat_e7=np.array([round(f[3][1] * E7) for f in rows], dtype=np.int32),
        uncertainty_m=np.full(len(rows), SETTINGS.noise_m),
    )


def judge(last_known: LastKnownPositions, *fixes: Fix) -> list[int]:
    """Judge and accept, as the writer does when nothing is stored; the doubts in the order of device and time."""
    group = moves(*fixes)
    last_known.unknown(group)
    verdict = last_known.judge(group)
    last_known.accept(group, verdict)
    return [int(d) for d in verdict.doubts]


def near(place: tuple[float, float], metres: float) -> tuple[float, float]:
    return place[0], place[1] + metres / 111_195


@pytest.fixture
def last_known() -> LastKnownPositions:
    return LastKnownPositions(SETTINGS)


def test_a_drive_is_believed_and_its_last_fix_is_the_head(last_known: LastKnownPositions) -> None:
    group = moves(*[(7, 1, minute, near(SHANGHAI, 1_000 * minute)) for minute in range(60)])
    last_known.unknown(group)
    verdict = last_known.judge(group)
    assert not verdict.doubts.any()
    assert verdict.current.tolist() == [59]
    assert verdict.replaced_us.tolist() == [NO_TIME_US]


def test_nothing_covers_eighty_kilometres_in_five_minutes(last_known: LastKnownPositions) -> None:
    assert judge(last_known, (7, 1, 0, SHANGHAI), (7, 1, 5, SUZHOU), (7, 1, 10, SHANGHAI)) == [0, Doubt.TOO_FAST, 0]
    assert judge(last_known, (7, 1, 70, SUZHOU)) == [0]


def test_noise_is_no_speed(last_known: LastKnownPositions) -> None:
    assert judge(last_known, (7, 1, 0, SHANGHAI), (7, 1, 1 / 60, near(SHANGHAI, 500))) == [0, 0]


def test_a_move_of_3000_km_is_a_jump_after_any_silence_and_is_believed_at_the_third_fix(
    last_known: LastKnownPositions,
) -> None:
    month = 30 * 24 * 60
    assert judge(last_known, (7, 1, 0, SHANGHAI)) == [0]
    assert judge(last_known, (7, 1, month, URUMQI)) == [Doubt.JUMP]
    assert judge(last_known, (7, 1, month + 10, near(URUMQI, 5_000))) == [Doubt.JUMP]
    assert judge(last_known, (7, 1, month + 20, near(URUMQI, 9_000)), (7, 1, month + 30, URUMQI)) == [0, 0]
    assert judge(last_known, (7, 1, month + 40, SHANGHAI)) == [Doubt.JUMP]


def test_the_same_doubted_fix_again_and_again_confirms_nothing(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI))
    for _ in range(5):
        assert judge(last_known, (7, 1, 10, URUMQI)) == [Doubt.JUMP]


def test_a_clone_that_alternates_is_never_believed(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI))
    for minute in range(2, 60, 2):
        assert judge(last_known, (7, 1, minute, URUMQI), (7, 1, minute + 1, SHANGHAI)) == [Doubt.JUMP, 0]


def test_a_fix_between_that_agrees_with_neither_begins_the_count_anew(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI))
    left_asset = (100.0, 25.0)
    got = judge(
        last_known, *[(7, 1, 10 + i, place) for i, place in enumerate([URUMQI, URUMQI, left_asset, URUMQI, URUMQI])]
    )
    assert got == [Doubt.JUMP] * 5
    assert judge(last_known, (7, 1, 20, URUMQI)) == [0]


def test_late_fixes_are_told_and_neither_doubted_nor_heads(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 100, SHANGHAI))
    group = moves((7, 1, 50, URUMQI), (7, 1, 100, SHANGHAI), (7, 1, 101, SHANGHAI))
    last_known.unknown(group)
    verdict = last_known.judge(group)
    assert verdict.late.tolist() == [True, True, False]
    assert verdict.doubts.tolist() == [0, 0, 0]
    assert verdict.current.tolist() == [2]


def test_a_candidate_outlives_the_process_as_it_is_stored(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI), (7, 1, 10, URUMQI))
    judge(last_known, (7, 1, 20, URUMQI))
    after = LastKnownPositions(SETTINGS)
    group = moves((7, 1, 30, URUMQI))
    assets, devices = after.unknown(group)
    assert (assets.tolist(), devices.tolist()) == ([1], [7])
    spot = [round(x * E7) for x in (*SHANGHAI, *URUMQI)]
    after.load([LastKnown(1, 7, T0, spot[0], spot[1], 300.0, T0 + 20 * MINUTE, spot[2], spot[3], 2)])
    assert after.judge(group).doubts.tolist() == [0]


def test_on_another_asset_a_device_begins_anew_and_late_fixes_still_count_for_the_old_one(
    last_known: LastKnownPositions,
) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI))
    assert judge(last_known, (7, 2, 10, URUMQI)) == [0]
    group = moves((7, 1, 5, SHANGHAI), (7, 2, 11, URUMQI))
    assert [len(x) for x in last_known.unknown(group)] == [0, 0]
    verdict = last_known.judge(group)
    assert (verdict.current.tolist(), verdict.left_asset.tolist()) == ([1], [0])


def test_a_device_on_nothing_is_judged_but_never_read_from_the_store(last_known: LastKnownPositions) -> None:
    group = moves((7, NO_ASSET, 0, SHANGHAI))
    assert [len(x) for x in last_known.unknown(group)] == [0, 0]
    assert judge(last_known, (7, NO_ASSET, 0, SHANGHAI), (7, NO_ASSET, 5, URUMQI)) == [0, Doubt.JUMP]


def test_the_last_fix_of_each_day_that_is_left_is_told(last_known: LastKnownPositions) -> None:
    day = 24 * 60
    group = moves(*[(7, 1, d * day + minute, SHANGHAI) for d in range(3) for minute in (0, 5)])
    last_known.unknown(group)
    verdict = last_known.judge(group)
    assert verdict.current.tolist() == [5]
    assert verdict.day_ends.tolist() == [1, 3]
    assert not verdict.crossed
    last_known.accept(group, verdict)
    later = moves((7, 1, 3 * day, SHANGHAI))
    assert last_known.judge(later).crossed


def test_forgotten_beliefs_are_read_again(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI))
    last_known.forget(np.array([7, 9_999], dtype=np.int32))
    assert last_known.unknown(moves((7, 1, 1, SHANGHAI)))[1].tolist() == [7]


def test_a_network_fix_may_be_wrong_by_kilometres() -> None:
    sources, accuracy = np.array([1, 1, 2], dtype=np.int32), np.array([np.nan, 50.0, np.nan])
    assert uncertainty_of(sources, accuracy, SETTINGS).tolist() == [300.0, 350.0, 5_300.0]


PLACES = [SHANGHAI, SUZHOU, URUMQI, near(SHANGHAI, 3_000), near(URUMQI, 20_000)]


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.just(1), st.integers(0, 3_000).map(float), st.sampled_from(PLACES)),
        max_size=40,
        unique_by=lambda fix: (fix[0], fix[2]),
    ),
    st.integers(1, 7),
)
def test_one_group_and_many_small_ones_are_judged_alike(fixes: list[Fix], size: int) -> None:
    """In the order of time, however the rows are cut into groups: the vectorised pass and the single rows agree."""
    rows = sorted(fixes, key=lambda fix: (fix[2], fix[0]))
    whole, parts = LastKnownPositions(SETTINGS), LastKnownPositions(SETTINGS)
    at_once = dict(zip(sorted((f[0], f[2]) for f in rows), judge(whole, *rows), strict=True)) if rows else {}
    piecemeal: dict[tuple[int, float], int] = {}
    for i in range(0, len(rows), size):
        part = rows[i : i + size]
        piecemeal |= dict(zip(sorted((f[0], f[2]) for f in part), judge(parts, *part), strict=True))
    assert piecemeal == at_once


def test_a_verdict_changes_nothing_until_it_is_accepted(last_known: LastKnownPositions) -> None:
    judge(last_known, (7, 1, 0, SHANGHAI))
    group = moves((7, 1, 10, URUMQI))
    first = last_known.judge(group)
    assert last_known.judge(replace(group)).doubts.tolist() == first.doubts.tolist() == [Doubt.JUMP]
