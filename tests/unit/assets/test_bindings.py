"""The device index in memory gives what a plain loop over the bindings gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.assets.bindings import NONE, DeviceIndex

OPEN_END_US = 2**63 - 1

Binding = tuple[int, int, int, int]  # device, from, until, asset
times = st.integers(-20, 20) | st.sampled_from([-(2**62), 2**62])


@st.composite
def bindings(draw: st.DrawFn) -> list[Binding]:
    """Bindings that do not overlap on a device, some touching, the last of a device perhaps open, in any order."""
    rows: list[Binding] = []
    for device in draw(st.sets(st.sampled_from([1, 2, 3, 7, 2**31 - 1]))):
        cuts = sorted(draw(st.sets(times, min_size=1, max_size=7)))
        for start, end in zip(cuts, [*cuts[1:], OPEN_END_US], strict=True):
            if draw(st.booleans()):
                rows.append((device, start, end, draw(st.integers(1, 2**31 - 1))))
    return draw(st.permutations(rows))


def index_of(rows: list[Binding], identifiers: dict[str, int] | None = None) -> DeviceIndex:
    devices, starts, ends, assets = ([row[k] for row in rows] for k in range(4))
    return DeviceIndex.of(1, identifiers or {}, devices, starts, ends, assets)


def naive(rows: list[Binding], device: int, at: int) -> int:
    return next((asset for d, start, end, asset in rows if d == device and start <= at < end), NONE)


@given(bindings(), st.lists(st.tuples(st.sampled_from([-1, 0, 1, 2, 3, 4, 7, 2**31 - 1]), times), max_size=40))
def test_asset_at_equals_a_plain_loop(rows: list[Binding], asked: list[tuple[int, int]]) -> None:
    device = np.array([d for d, _ in asked], dtype=np.int32)
    at = np.array([t for _, t in asked], dtype=np.int64)
    found = index_of(rows).asset_at(device, at)
    assert found.dtype == np.int32
    assert found.tolist() == [naive(rows, d, t) for d, t in asked]


def test_a_binding_holds_from_its_first_moment_until_before_its_end() -> None:
    index = index_of([(5, 100, 200, 71), (5, 200, OPEN_END_US, 72)])
    at = np.array([99, 100, 199, 200, 2**62], dtype=np.int64)
    assert index.asset_at(np.full(5, 5, dtype=np.int32), at).tolist() == [NONE, 71, 71, 72, 72]


def test_resolve_gives_minus_one_for_strangers() -> None:
    index = index_of([], {"861": 4, "862": 9})
    found = index.resolve(["862", "x", "861", "862"])
    assert found == [9, NONE, 4, 9]


def test_an_empty_register_binds_nothing() -> None:
    index = DeviceIndex.from_row((3, None, None, None, None, None, None, None))
    assert index.version == 3
    assert index.resolve([]) == []
    assert index.asset_at(np.array([-1, 4], dtype=np.int32), np.array([0, 0], dtype=np.int64)).tolist() == [
        NONE,
        NONE,
    ]


def test_the_index_cannot_be_changed() -> None:
    index = index_of([(5, 100, 200, 71)], {"861": 5})
    with pytest.raises(ValueError, match="read-only"):
        index.asset_id[0] = 1
    with pytest.raises(TypeError):
        index.device_ids["862"] = 6  # type: ignore[index]
