"""Reads the answer of the main job with the court's key and compares it with the ground truth."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.demo.client import ApiClient
from app.demo.truth import GroundTruth, TrueAsset

TRUE_SHARE: Final = 0.99
"""Least share of located assets that must be in the true court."""

_AT_ONCE: Final = 8
_LISTED_CLUSTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A located asset that the service places in another court than the true one, with the source of its fix."""

    truth: TrueAsset
    court: str | None
    source: str | None
    accuracy_m: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The service's answer about the case, compared with the truth.

    Attributes:
        wrong_state: Assets whose state differs from the truth: reference, true state, answered state.
    """

    distribution: dict[str, Any]  # ``GET /v1/cases/{case_id}/distribution``, by basic courts
    clusters: dict[str, Any]  # ``GET /v1/clusters`` of the case
    in_true_court: int  # number of located assets in the true court; ``misplaced`` holds the others
    misplaced: tuple[Misplaced, ...]
    wrong_state: tuple[tuple[str, str, str], ...]
    expected: int  # number of assets of the fleet

    @property
    def totals(self) -> dict[str, Any]:
        """Totals of the distribution."""
        totals: dict[str, Any] = self.distribution["totals"]
        return totals

    def adds_up(self) -> bool:
        """Check that every asset is counted exactly once, over states and over courts."""
        totals = self.totals
        rows = self.distribution["rows"]
        return (
            totals["assets"] == self.expected
            and totals["fresh"] + totals["stale"] == totals["located"] == sum(row["n_assets"] for row in rows)
            and totals["located"] + totals["outside"] + totals["never_located"] == totals["assets"]
            and all(row["n_fresh"] + row["n_stale"] == row["n_assets"] for row in rows)
        )

    def passes(self) -> bool:
        """Check that the totals add up and ``TRUE_SHARE`` of the located assets are in the true court."""
        located = int(self.totals["located"])
        return self.adds_up() and located > 0 and self.in_true_court >= TRUE_SHARE * located


async def ask(court: ApiClient, case_id: int, asset_ids: dict[str, int], truth: GroundTruth) -> Answer:
    """Request distribution, clusters and positions (asset ids by reference); compare each asset with the truth."""
    distribution = await court.get(f"/cases/{case_id}/distribution", level="basic", fresh_within="P7D")
    clusters = await court.get("/clusters", case=case_id, radius_m=500, min_assets=5)
    positions = await _positions(court, case_id, asset_ids)
    right, misplaced, wrong_state = 0, [], []
    for asset in truth.assets:
        position = positions[asset.reference]
        if position["state"] != asset.state:
            wrong_state.append((asset.reference, asset.state, str(position["state"])))
        if position["state"] in {"fresh", "stale"}:
            if _in_true_court(position, asset):
                right += 1
            else:
                misplaced.append(Misplaced(asset, _court_name(position), position["source"], position["accuracy_m"]))
    return Answer(distribution, clusters, right, tuple(misplaced), tuple(wrong_state), len(truth.assets))


async def _positions(court: ApiClient, case_id: int, asset_ids: dict[str, int]) -> dict[str, Any]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def position(asset_id: int) -> Any:
        async with gate:
            return await court.get(f"/assets/{asset_id}/position", case=case_id)

    found = await asyncio.gather(*(position(asset_id) for asset_id in asset_ids.values()))
    return dict(zip(asset_ids, found, strict=True))


def _in_true_court(position: dict[str, Any], asset: TrueAsset) -> bool:
    court = position["court"]
    return (
        court is not None and court["code"] == asset.court_code and position["county_adcode"] == asset.county_adcode
    )


def _court_name(position: dict[str, Any]) -> str | None:
    return None if position["court"] is None else str(position["court"]["name"])


def as_json(answer: Answer, truth: GroundTruth) -> dict[str, Any]:
    """Return the content of ``answer.json``."""
    totals = answer.totals
    distribution = answer.distribution
    return {
        "case_id": distribution["case"]["case_id"],
        "case_number": distribution["case"]["case_number"],
        "computed_at": distribution["computed_at"],
        "data_as_of": distribution["data_as_of"],
        **{name: totals[name] for name in ("assets", "fresh", "stale", "located", "outside", "never_located")},
        "in_true_court": answer.in_true_court,
        "passed": answer.passes(),
        "value_yuan": totals["value_yuan"],
        "expected": {state: truth.count(state) for state in ("fresh", "stale", "outside", "never_located")},
        "courts": [_court_of_row(row) for row in distribution["rows"]],
        "clusters": [_cluster(feature) for feature in answer.clusters["features"]],
        "misplaced": [
            {"asset": m.truth.reference, "true_court": m.truth.court_code, "court": m.court, "source": m.source}
            for m in answer.misplaced
        ],
    }


def _court_of_row(row: dict[str, Any]) -> dict[str, Any]:
    court = row["court"] or {"code": None, "name": None}
    return {
        "code": court["code"],
        "name": court["name"],
        "province": row["province"]["name"],
        "cross_province": row["cross_province"],
        "assets": row["n_assets"],
        "fresh": row["n_fresh"],
        "stale": row["n_stale"],
        "seizable": row["n_seizable"],
        "value_yuan": row["value_yuan"],
    }


def _cluster(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature["properties"]
    court = properties["court"] or {"code": None, "name": None}
    return {
        "id": feature["id"],
        "court_code": court["code"],
        "court": court["name"],
        "place": place_of(properties),
        "centroid": properties["centroid"],
        "members": properties["n"],
        "value_yuan": properties["value_yuan"],
        "kinds": properties["kinds"],
        "touches": [touch["cluster_id"] for touch in properties["touches"]],
    }


def place_of(properties: dict[str, Any]) -> str:
    """Return the divisions of a cluster in one line. A municipality is its own prefecture; its name appears once."""
    names = [str(properties[level]["name"]) for level in ("province", "prefecture", "county")]
    return " ".join(dict.fromkeys(names))


def largest_clusters(answer: Answer) -> Sequence[dict[str, Any]]:
    """Return the largest clusters, most members first, then smaller ones that continue across a border."""
    features: list[dict[str, Any]] = answer.clusters["features"]
    rest = features[_LISTED_CLUSTERS:]
    return features[:_LISTED_CLUSTERS] + [feature for feature in rest if feature["properties"]["touches"]]


def data_as_of(answer: Answer) -> datetime | None:
    """Return the arrival time of the newest data in the answer."""
    newest = answer.distribution["data_as_of"]
    return None if newest is None else datetime.fromisoformat(newest)
