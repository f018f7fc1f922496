"""Synthetic territories, courts and assessed assets, without a database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from app.distribution.clustering.dbscan import IntArray
from app.distribution.domain import (
    CONFIDENCES,
    NO_FIX,
    NOT_LOCATED,
    PRESENCES,
    STATES,
    AnswerTime,
    AssessedAssets,
    CaseAsset,
    CaseSnapshot,
    LastFix,
    Presence,
)
from app.distribution.snapshot.assess import microseconds
from app.enforcement.seizable import Reason, ReasonCode, Seizability, State
from app.jurisdictions.domain import CourtInfo, CourtLevel, LayerInfo, TerritoryInfo
from app.tracking.domain import Confidence
from tests.factories.constants import NOW

SHANGHAI: Final = 310000
JIANGSU: Final = 320000

SEIZABLE: Final = Seizability(State.SEIZABLE, (), 1)
WAITING: Final = Seizability(State.NOT_SEIZABLE, (Reason(ReasonCode.RANKED_BEHIND, "It waits.", "26"),), 2)
HELD: Final = Seizability(
    State.HELD, (Reason(ReasonCode.HELD_BY_THIS_COURT, "It is here.", None), WAITING.reasons[0]), 2
)


def court_info(court_id: int, code: str, name: str, level: CourtLevel, province: int) -> CourtInfo:
    return CourtInfo(court_id, code, name, level, province, verified=False, source="naming rule", caveat=None)


def territory_info(
    number: int, adcode: int, name: str, *, intermediate: CourtInfo | None, high: CourtInfo
) -> TerritoryInfo:
    province = adcode // 10_000 * 10_000
    names = {SHANGHAI: "上海市", JIANGSU: "江苏省"}
    municipality = province == SHANGHAI
    return TerritoryInfo(
        territory_id=number,
        county_adcode=adcode,
        county=name,
        prefecture_adcode=province if municipality else adcode // 100 * 100,
        prefecture=names[province] if municipality else "苏州市",
        province_adcode=province,
        province=names[province],
        basic=court_info(number, f"{high.code}{adcode % 10_000:04}", f"{name}人民法院", CourtLevel.BASIC, province),
        intermediate=intermediate,
        high=high,
        basis="one county, one court",
        verified=number % 2 == 0,
        caveat="renamed" if number == 3 else None,
    )


SHANGHAI_HIGH: Final = court_info(90, "沪", "上海市高级人民法院", CourtLevel.HIGH, SHANGHAI)
JIANGSU_HIGH: Final = court_info(91, "苏", "江苏省高级人民法院", CourtLevel.HIGH, JIANGSU)
SUZHOU: Final = court_info(92, "苏05", "苏州市中级人民法院", CourtLevel.INTERMEDIATE, JIANGSU)
CHANGNING_COUNTY: Final = territory_info(1, 310105, "长宁区", intermediate=None, high=SHANGHAI_HIGH)
JIADING_COUNTY: Final = territory_info(2, 310114, "嘉定区", intermediate=None, high=SHANGHAI_HIGH)
KUNSHAN_COUNTY: Final = territory_info(3, 320583, "昆山市", intermediate=SUZHOU, high=JIANGSU_HIGH)
TAICANG_COUNTY: Final = territory_info(4, 320585, "太仓市", intermediate=SUZHOU, high=JIANGSU_HIGH)
TERRITORIES: Final = (CHANGNING_COUNTY, JIADING_COUNTY, KUNSHAN_COUNTY, TAICANG_COUNTY)
LAYER: Final = LayerInfo(1, "made up", "test", "1", "ab" * 32)


def case_asset(
    asset_id: int,
    *,
    at: tuple[float, float] | None = None,
    territory_id: int | None = None,
    age: timedelta = timedelta(hours=1),
    value_fen: int | None = 100_00,
    kind: str = "heavy_truck",
    withheld: bool = False,
) -> CaseAsset:
    position = None
    if at is not None:
        position = LastFix(
            fixed_at=NOW - age,
            received_at=NOW - age + timedelta(seconds=5),
            lon_e7=round(at[0] * 1e7),
            lat_e7=round(at[1] * 1e7),
            territory_id=territory_id,
            source=1,
            doubts=0,
            speed_kmh=None,
        )
    return CaseAsset(asset_id, kind, f"沪A{asset_id:05}", None, None, value_fen, withheld, position)


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """An asset of a case, its place and its state."""

    asset: CaseAsset
    where: TerritoryInfo | None
    presence: Presence
    seizability: Seizability
    near_border: bool
    confidence: Confidence


def asset_spec(
    asset_id: int,
    where: TerritoryInfo | None = None,
    *,
    presence: Presence = Presence.FRESH,
    seizability: Seizability = SEIZABLE,
    at: tuple[float, float] = (121.4, 31.2),
    value_fen: int | None = 100_00,
    near_border: bool = False,
    confidence: Confidence = Confidence.HIGH,
    kind: str = "heavy_truck",
) -> AssetSpec:
    asset = case_asset(
        asset_id,
        at=None if presence in {Presence.NEVER_LOCATED, Presence.WITHHELD} else at,
        age=timedelta(days=20) if presence is Presence.STALE else timedelta(hours=1),
        value_fen=value_fen,
        kind=kind,
        withheld=presence is Presence.WITHHELD,
        territory_id=where.territory_id if where else None,
    )
    return AssetSpec(asset, where, presence, seizability, near_border, confidence)


def case_scene(assets: Sequence[AssetSpec] = (), *, past: bool = False) -> CaseSnapshot:
    return CaseSnapshot(
        case_id=12,
        case_number="(2025)沪0105执4321号",
        court=court_info(1, "沪0105", "上海市长宁区人民法院", CourtLevel.BASIC, SHANGHAI),
        moment=AnswerTime(NOW - timedelta(days=1) if past else NOW, past, NOW, NOW),
        fresh_within=timedelta(days=7),
        near_border_m=150.0,
        layer=LAYER,
        territories={t.territory_id: t for t in TERRITORIES},
        assets=[a.asset for a in assets],
        seizability=[a.seizability for a in assets],
        assessed=AssessedAssets(
            presence=_integers(PRESENCES.index(a.presence) for a in assets),
            territory_id=_integers(a.where.territory_id if a.where else NOT_LOCATED for a in assets),
            confidence=_integers(CONFIDENCES.index(a.confidence) if a.where else NOT_LOCATED for a in assets),
            reasons=[[]] * len(assets),
            near_border=np.array([a.near_border for a in assets], dtype=np.bool_),
            state=_integers(STATES.index(a.seizability.state) for a in assets),
            value_fen=_integers(a.asset.value_fen or 0 for a in assets),
            valued=np.array([a.asset.value_fen is not None for a in assets], dtype=np.bool_),
            fixed_us=_integers(
                NO_FIX if a.asset.position is None else microseconds(a.asset.position.fixed_at) for a in assets
            ),
        ),
    )


def _integers(values: Iterable[int]) -> IntArray:
    return np.array(list(values), dtype=np.int64)
