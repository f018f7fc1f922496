"""How a group is ordered and laid out before it meets the database."""

from datetime import UTC, datetime

import numpy as np
import pytest

from app.core.geo.datum import CoordSystem
from app.telemetry.domain import Fixes, PlacedFixes
from app.telemetry.formats.ping_row import Decoded, PingRow
from app.telemetry.pings.batches import FIRST_LINK, link_of
from app.telemetry.pings.columns import to_reports
from app.telemetry.pings.pgcopy import FixedRow
from app.telemetry.pings.store import days_of, next_variant, order, variant_of

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)


def placed(*rows: tuple[int, int, float]) -> PlacedFixes:
    """A group of one batch: device, minute, longitude."""
    pings = [
        PingRow(device_id=str(device), fixed_at=AT.replace(minute=minute), lon=lon, lat=31.0)
        for device, minute, lon in rows
    ]
    reports = to_reports([Decoded(pings, list(range(len(pings))), (), len(pings))], [CoordSystem.WGS84])
    none = np.zeros(len(rows), dtype=np.int32)
    fixes = Fixes(
        batch=reports.batch,
        index=reports.index,
        device_id=np.array([row[0] for row in rows], dtype=np.int32),
        fixed_us=reports.fixed_us,
        lon_e7=np.rint(reports.lon * 1e7).astype(np.int32),
        lat_e7=np.rint(reports.lat * 1e7).astype(np.int32),
        datum=reports.datum,
        source=reports.source,
        located=reports.located,
        backfill=reports.backfill,
        more=reports.more,
        rejections=reports.rejections,
    )
    return PlacedFixes(fixes, fixes.fixed_us, none, none, none, none)


def test_a_group_is_sorted_by_device_and_time_and_a_repeated_row_is_told() -> None:
    ordered = order(placed((2, 5, 121.0), (1, 9, 121.0), (2, 5, 121.0), (2, 4, 121.0)), {})
    assert ordered.rows.tolist() == [1, 3, 0]
    assert ordered.repeated.tolist() == [2]
    assert not ordered.conflict.any()


def test_other_positions_of_one_moment_get_variants_of_their_own_and_repeat_too() -> None:
    group = placed((1, 5, 121.0), (1, 5, 121.1), (1, 5, 121.2), (1, 5, 121.1), (1, 5, 121.0), (1, 6, 121.1))
    ordered = order(group, {})
    assert ordered.rows.tolist() == [0, 1, 2, 5]
    assert ordered.repeated.tolist() == [3, 4]
    assert ordered.conflict.tolist() == [False, True, True, False]
    lat = 310_000_000
    assert ordered.variant.tolist() == [0, variant_of(1_211_000_000, lat), variant_of(1_212_000_000, lat), 0]


def test_a_row_that_contradicts_what_is_stored_keeps_the_variant_that_was_found_for_it() -> None:
    ordered = order(placed((1, 5, 121.0), (1, 6, 121.0)), {(0, 1): 77})
    assert ordered.variant.tolist() == [0, 77]
    assert ordered.conflict.tolist() == [False, True]


def test_variants_are_small_positive_and_go_round() -> None:
    for lon in range(-1_800_000_000, 1_800_000_001, 97_000_003):
        assert 1 <= variant_of(lon, -lon // 2) <= 32_767
    assert next_variant(32_767) == 1


def test_impossible_clocks_need_no_partition() -> None:
    at = [datetime(y, 1, 1, tzinfo=UTC).timestamp() * 1e6 for y in (1, 1989, 1990, 2026, 2027, 9999)]
    assert sorted(days_of(np.array(at, dtype=np.int64), AT)) == [7305, 20454]


def test_absent_values_are_null_in_a_row_of_their_own_length() -> None:
    row = FixedRow({"a": ">i4", "b": ">i2"})
    out = row.rows(2, {"a": np.array([1, 2]), "b": np.array([3, 4])}, {"b": np.array([True, False])})
    one, two = b"\0\0\0\x04\0\0\0\x01", b"\0\0\0\x04\0\0\0\x02"
    assert out == b"\0\x02" + one + b"\xff\xff\xff\xff" + b"\0\x02" + two + b"\0\0\0\x02\0\x04"
    nowhere = row.rows(1, {"a": 1, "b": 0}, {"b": np.array([True])})
    assert nowhere == b"\0\x02" + one + b"\xff\xff\xff\xff"


@pytest.mark.parametrize("change", [{"batch_id": 2}, {"lessor_id": 9}, {"body": b"x"}, {"before": b"\1" * 32}])
def test_every_fact_of_a_batch_is_in_its_link(change: dict[str, object]) -> None:
    facts: dict[str, object] = {"before": FIRST_LINK, "batch_id": 1, "lessor_id": 1, "at": AT, "body": b"y"}

    def link(facts: dict[str, object]) -> bytes:
        return link_of(*facts.values())  # type: ignore[arg-type] # in the order of its parameters

    assert link(facts) == link(dict(facts))
    assert link(facts) != link(facts | change)
