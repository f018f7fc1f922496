"""The run sheet of a planning assignment: assets, last positions and their confidence.

It is a list by court and then by place, not a route; pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import numpy as np

from app.core.clock import in_shanghai
from app.core.geo.datum import CoordSystem, Inside, from_wgs84
from app.distribution.domain import CONFIDENCES, NOT_LOCATED, PRESENCES, CaseSnapshot, Presence
from app.enforcement.seizable import State
from app.exports.digest import Cell, content_digest
from app.exports.html_reader import squeeze_spaces
from app.exports.stamp import Stamp
from app.jurisdictions.domain import TerritoryInfo
from app.telemetry.domain import doubt_names

VIN_TAIL: Final = 6
"""This many characters of a VIN distinguish trucks in a yard and suffice for a check against the papers."""
KIND_WORDS: Final[Mapping[str, str]] = {
    "heavy_truck": "重型货车 heavy truck",
    "light_truck": "轻型货车 light truck",
    "car": "轿车 car",
    "bus": "客车 bus",
    "excavator": "挖掘机 excavator",
    "crane": "起重机 crane",
    "mixer": "搅拌车 mixer",
    "loader": "装载机 loader",
    "medical_device": "医疗设备 medical device",
    "production_equipment": "生产设备 production equipment",
    "other": "其他 other",
}
_PRESENCE_WORDS: Final = {
    Presence.FRESH: "新 fresh",
    Presence.STALE: "旧 stale",
    Presence.OUTSIDE: "辖区外 outside every court's territory",
    Presence.NEVER_LOCATED: "从未定位 never located",
}
_STATE_WORDS: Final = {
    State.SEIZABLE: "可扣押 seizable",
    State.NOT_SEIZABLE: "不可扣押 not seizable",
    State.HELD: "已扣押 held",
}
_CONFIDENCE_WORDS: Final = {"high": "高 high", "medium": "中 medium", "low": "低 low"}
COLUMNS: Final = ("序号 No.", "标识 Identification", "位置 Place", "定位 Fix", "可信度 Confidence", "状态 State")
NOTES: Final = (
    "位置系定位终端的位置,时间越久越不可靠。 A position is that of the tracking device, and as old as its fix.",
    "不可扣押、已扣押的不得扣押。 Do not seize an asset that is not seizable or held.",
    "候选法院,并非裁定。 A court named here is a candidate by its territory, not a ruling.",
    "仅供上述接收人用于本案执行,不得转发。 For the named recipient and this case only; not to be passed on.",
)


@dataclass(frozen=True, slots=True)
class MapLink:
    """A link that opens a place in a map application."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """One asset."""

    state: State
    # its row, one cell per column of `COLUMNS`, each in parts that are shown separately
    cells: tuple[tuple[str, ...], ...]
    links: tuple[MapLink, ...]  # to its place in map applications; none where it was never located

    @property
    def row(self) -> tuple[str, ...]:
        """The row as text, as in the digest."""
        place = (*self.cells[2], *(link.label for link in self.links))
        return tuple(squeeze_spaces(" ".join(c)) for c in (*self.cells[:2], place, *self.cells[3:]))


@dataclass(frozen=True, slots=True)
class RunSheet:
    """The content of a run sheet."""

    heading: tuple[tuple[str, Cell], ...]  # label and value: user, recipient, case, time
    entries: tuple[SheetEntry, ...]
    notes: tuple[str, ...]  # explanations
    asset_ids: tuple[int, ...]  # the assets on it

    @property
    def mark(self) -> str:
        """The footer of every printed page: recipient, case and time of opening."""
        wanted = ("案号", "接收人", "打开时间 Opened at (Asia", "打开编号")
        return " · ".join(str(value) for label, value in self.heading if label.startswith(wanted))

    @property
    def digest(self) -> str:
        """The digest over every row of its tables."""
        head = [(label, squeeze_spaces(str(value))) for label, value in self.heading]
        notes = [(note,) for note in self.notes]
        return content_digest([*head, COLUMNS, *(e.row for e in self.entries), (squeeze_spaces(self.mark),), *notes])


def compose(
    snapshot: CaseSnapshot,
    makes: Mapping[int, str],
    inside: Inside,
    stamp: Stamp,
    *,
    recipient: str,
    window: tuple[datetime, datetime],
) -> RunSheet:
    """Build the run sheet of an assignment.

    Args:
        snapshot: The case as the sharer sees it now; withheld assets are left out.
        makes: Make and model by asset, where known.
        inside: Where the GCJ-02 offset applies, for the links.
        stamp: The sharer, and the time of opening.
        window: The assignment's first and last moment.
    """
    rows = sorted(
        (r for r in range(len(snapshot.assets)) if not snapshot.assets[r].withheld),
        key=lambda r: _order(snapshot, r),
    )
    links = _links(snapshot, rows, inside)
    entries = tuple(_entry(snapshot, row, number, makes, links[row]) for number, row in enumerate(rows, start=1))
    return RunSheet(
        _heading(snapshot, stamp, recipient, window, entries),
        entries,
        NOTES,
        tuple(snapshot.assets[row].asset_id for row in rows),
    )


def _order(snapshot: CaseSnapshot, row: int) -> tuple[object, ...]:
    """Return the sort key of an asset: court, county, then squares of about a kilometre from the north."""
    asset, territory = snapshot.assets[row], _territory(snapshot, row)
    at = asset.position
    if at is None:
        return (2, "", 0, 0, 0, 0, 0, asset.asset_id)
    court = territory.basic.code if territory and territory.basic else ""
    county = territory.county_adcode if territory else 0
    square = (-round(at.lat, 2), round(at.lon, 2))
    return (0 if territory else 1, court, county, *square, -at.lat, at.lon, asset.asset_id)


def _territory(snapshot: CaseSnapshot, row: int) -> TerritoryInfo | None:
    number = int(snapshot.assessed.territory_id[row])
    return None if number == NOT_LOCATED else snapshot.territories[number]


def _entry(
    snapshot: CaseSnapshot, row: int, number: int, makes: Mapping[int, str], links: tuple[MapLink, ...]
) -> SheetEntry:
    asset, seizability = snapshot.assets[row], snapshot.seizability[row]
    names = (
        asset.plate_no or "",
        f"VIN …{asset.vin[-VIN_TAIL:]}" if asset.vin else "",
        f"编号 {asset.serial_no}" if asset.serial_no else "",
        KIND_WORDS.get(asset.kind, asset.kind),
        makes.get(asset.asset_id, ""),
    )
    reasons = tuple(reason.text for reason in seizability.reasons)
    cells = (
        (str(number),),
        tuple(name for name in names if name),
        _where(snapshot, row),
        _when(snapshot, row),
        _how_sure(snapshot, row),
        (_STATE_WORDS[seizability.state], *reasons),
    )
    return SheetEntry(seizability.state, cells, links)


def _where(snapshot: CaseSnapshot, row: int) -> tuple[str, ...]:
    position, territory = snapshot.assets[row].position, _territory(snapshot, row)
    if position is None:
        return ("—",)
    spot = f"{position.lat:.5f}, {position.lon:.5f} (WGS-84 纬度,经度 lat, lon)"
    if territory is None:
        return ("辖区外 outside every court's territory", spot)
    names = dict.fromkeys((territory.province, territory.prefecture, territory.county))
    court = territory.basic
    text = f"{court.name} {court.code}" if court else "无已知基层法院 no basic court known"
    return (text, " ".join(names), spot)


def _when(snapshot: CaseSnapshot, row: int) -> tuple[str, ...]:
    presence = _PRESENCE_WORDS[PRESENCES[snapshot.assessed.presence[row]]]
    position = snapshot.assets[row].position
    if position is None:
        return (presence,)
    return (format_time(position.fixed_at), format_age(snapshot.moment.as_of - position.fixed_at), presence)


def _how_sure(snapshot: CaseSnapshot, row: int) -> tuple[str, ...]:
    position = snapshot.assets[row].position
    if position is None:
        return ("—",)
    confidence = int(snapshot.assessed.confidence[row])
    words = () if confidence == NOT_LOCATED else (_CONFIDENCE_WORDS[CONFIDENCES[confidence]],)
    doubts = doubt_names(position.doubts)
    text = (f"疑点 doubts: {', '.join(doubts)}",) if doubts else ()
    return (*words, *snapshot.assessed.reasons[row], *text) or ("—",)


def format_age(since: timedelta) -> str:
    """Return an age as text: minutes, then hours, then days."""
    minutes = max(0, int(since.total_seconds() // 60))
    if minutes < 60:  # noqa: PLR2004 an hour
        return f"{minutes} 分钟前 {minutes} min ago"
    hours = minutes // 60
    if hours < 48:  # noqa: PLR2004 two days
        return f"{hours} 小时前 {hours} h ago"
    return f"{hours // 24} 天前 {hours // 24} days ago"


def format_time(at: datetime) -> str:
    """Return a time as text, Asia/Shanghai."""
    return in_shanghai(at).strftime("%Y-%m-%d %H:%M")


def _links(snapshot: CaseSnapshot, rows: Sequence[int], inside: Inside) -> dict[int, tuple[MapLink, ...]]:
    """Return the links of each row; map applications use GCJ-02 and get the row number, not the plate."""
    located = [(number, row, p) for number, row in enumerate(rows, start=1) if (p := snapshot.assets[row].position)]
    links: dict[int, tuple[MapLink, ...]] = dict.fromkeys(rows, ())
    if located:
        lon, lat = (np.array([getattr(p, name) for _, _, p in located]) for name in ("lon", "lat"))
        lon, lat = from_wgs84(lon, lat, CoordSystem.GCJ02, inside)
        for (number, row, _), x, y in zip(located, lon.tolist(), lat.tolist(), strict=True):
            links[row] = map_links(x, y, f"{number}号")
    return links


def map_links(lon: float, lat: float, name: str) -> tuple[MapLink, ...]:
    """Return links that start navigation to a place (GCJ-02 degrees).

    ``name`` is the label of the place; it is sent to the map provider.
    """
    to = quote(name, safe="")
    return (
        MapLink(
            "高德 Amap",
            f"https://uri.amap.com/navigation?to={lon:.6f},{lat:.6f},{to}&mode=car&src=leasetrace&coordinate=gaode&callnative=1",
        ),
        MapLink(
            "腾讯 Tencent",
            f"https://apis.map.qq.com/uri/v1/routeplan?type=drive&tocoord={lat:.6f},{lon:.6f}&to={to}&referer=leasetrace",
        ),
    )


def _heading(
    snapshot: CaseSnapshot,
    stamp: Stamp,
    recipient: str,
    window: tuple[datetime, datetime],
    entries: Sequence[SheetEntry],
) -> tuple[tuple[str, Cell], ...]:
    by_state = ", ".join(
        f"{words} {sum(entry.state is state for entry in entries)}" for state, words in _STATE_WORDS.items()
    )
    received = snapshot.moment.data_as_of
    labels = {
        "查询人 Asked by": "分享人 Shared by",
        "导出时间": "打开时间",
        "Exported": "Opened",
        "导出编号 Export": "打开编号 Opening",
    }
    lines = []
    for label, value in stamp.lines():
        for before, after in labels.items():
            label = label.replace(before, after)  # noqa: PLW2901 the same line, in the words of an opening
        lines.append((label, value))
    return (
        ("案号 Case number", snapshot.case_number),
        ("执行法院 Enforcing court", f"{snapshot.court.name} ({snapshot.court.code})"),
        ("接收人 For", recipient),
        *lines,
        ("任务期限 Assignment (Asia/Shanghai)", f"{format_time(window[0])} – {format_time(window[1])}"),
        ("截至 As of (Asia/Shanghai)", format_time(snapshot.moment.as_of)),
        ("数据收至 Data received until (Asia/Shanghai)", format_time(received) if received else "—"),
        ("租赁物 Assets", f"{len(entries)} ({by_state})"),
    )
