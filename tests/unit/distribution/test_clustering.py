"""Clusters of a case: within territories, with identity, hull, value and neighbours."""

import json
from datetime import timedelta

import numpy as np
import pytest

from app.core.geo.geodesy import destination, distance_m
from app.distribution.clustering.clusters import Cluster, clusters_of
from app.distribution.clustering.geojson import clusters_out
from app.distribution.domain import CaseSnapshot, Presence
from app.distribution.schemas import ClusterParametersOut, to_json
from app.jurisdictions.domain import TerritoryInfo
from tests.factories.distribution import (
    CHANGNING_COUNTY,
    JIADING_COUNTY,
    KUNSHAN_COUNTY,
    WAITING,
    AssetSpec,
    asset_spec,
    case_scene,
)


def yard(
    first_id: int, n: int, where: TerritoryInfo, centre: tuple[float, float], radius_m: float = 100
) -> list[AssetSpec]:
    rng = np.random.default_rng(first_id)
    lon, lat = destination(*centre, rng.uniform(0, 360, n), rng.uniform(0, radius_m, n))
    return [
        asset_spec(first_id + i, where, at=(float(lon[i]), float(lat[i])), kind="crane" if i == 0 else "car")
        for i in range(n)
    ]


def clustered(assets: list[AssetSpec], radius_m: float = 500, min_assets: int = 5) -> tuple[Cluster, ...]:
    whole = case_scene(assets)
    return clusters_of(whole, np.flatnonzero(whole.assessed.located), radius_m=radius_m, min_assets=min_assets)


def ids_of(cluster: Cluster, whole: CaseSnapshot) -> list[int]:
    return [whole.assets[row].asset_id for row in cluster.members]


def parameters() -> ClusterParametersOut:
    return ClusterParametersOut(
        court=None,
        radius_m=500.0,
        min_assets=5,
        state="seizable",
        fresh_within=timedelta(days=7),
        within=None,
        near_border_m=150.0,
    )


def two_yards_across_a_border() -> list[AssetSpec]:
    return [
        *yard(1, 6, KUNSHAN_COUNTY, (121.10, 31.30)),
        *yard(101, 8, JIADING_COUNTY, (121.102, 31.30)),
        *yard(201, 5, CHANGNING_COUNTY, (121.40, 31.22)),
        asset_spec(301, CHANGNING_COUNTY, at=(121.45, 31.25)),
        asset_spec(302, presence=Presence.OUTSIDE, at=(121.40, 31.22)),
        asset_spec(303, presence=Presence.NEVER_LOCATED),
    ]


def test_clusters_stay_within_territories_and_name_those_they_touch() -> None:
    assets = two_yards_across_a_border()
    found = clustered(assets)
    assert [(c.territory, c.tally.n_assets) for c in found] == [
        (JIADING_COUNTY, 8),
        (KUNSHAN_COUNTY, 6),
        (CHANGNING_COUNTY, 5),
    ]
    jiading, kunshan, changning = found
    assert [(n.cluster_id, n.territory) for n in jiading.touches] == [(kunshan.cluster_id, KUNSHAN_COUNTY)]
    assert [(n.cluster_id, n.territory) for n in kunshan.touches] == [(jiading.cluster_id, JIADING_COUNTY)]
    assert changning.touches == ()
    assert ids_of(kunshan, case_scene(assets)) == [1, 2, 3, 4, 5, 6]
    assert kunshan.tally.value_yuan == 6 * 100


def test_order_of_assets_never_matters() -> None:
    assets = two_yards_across_a_border()
    found, again = clustered(assets), clustered(assets[::-1])
    assert [(c.cluster_id, c.hull, c.tally) for c in again] == [(c.cluster_id, c.hull, c.tally) for c in found]


def test_an_id_changes_with_members_and_parameters_only() -> None:
    assets = two_yards_across_a_border()
    ids = {c.territory: c.cluster_id for c in clustered(assets, 500)}
    fewer = {c.territory: c.cluster_id for c in clustered(assets[1:], 500)}
    other = {c.territory: c.cluster_id for c in clustered(assets, 501)}
    assert fewer[JIADING_COUNTY] == ids[JIADING_COUNTY]
    assert fewer[KUNSHAN_COUNTY] != ids[KUNSHAN_COUNTY]
    assert not set(other.values()) & set(ids.values())


def test_geojson_follows_the_standard() -> None:
    assets = two_yards_across_a_border()
    found = clustered(assets)
    answer = json.loads(to_json(clusters_out(case_scene(assets), found, parameters(), 20)))
    assert answer["type"] == "FeatureCollection"
    assert "crs" not in answer
    assert answer["considered"] == 20
    assert answer["clustered"] == 19
    for feature, cluster in zip(answer["features"], found, strict=True):
        assert feature["type"] == "Feature"
        assert feature["id"] == cluster.cluster_id
        assert feature["geometry"]["type"] == "Polygon"
        ring = np.array(feature["geometry"]["coordinates"][0])
        assert (ring[0] == ring[-1]).all()
        x, y = (ring - ring[0]).T
        assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0, "counter-clockwise"
        assert (np.round(ring, 7) == ring).all()
        properties = feature["properties"]
        assert properties["n"] == len(properties["members"]) == sum(properties["kinds"].values())
        assert properties["kinds"]["crane"] == 1
        assert properties["fresh"] + properties["stale"] == properties["n"]
        points = np.array([m["point"] for m in properties["members"]])
        assert (
            distance_m(properties["centroid"][0], properties["centroid"][1], points[:, 0], points[:, 1]).max() < 200
        )
    assert answer["features"][1]["properties"]["cross_province"] is True
    assert answer["features"][0]["properties"]["touches"] == [
        {
            "cluster_id": found[1].cluster_id,
            "court": {"court_id": 3, "code": "苏0583", "name": "昆山市人民法院", "level": "basic"},
            "county": {"level": "county", "adcode": 320583, "name": "昆山市"},
        }
    ]


@pytest.mark.parametrize("step", [0.0, 0.0001])
def test_assets_on_one_spot_or_line_are_a_point(step: float) -> None:
    assets = [asset_spec(i, KUNSHAN_COUNTY, at=(121.1, 31.3 + step * i), seizability=WAITING) for i in range(1, 6)]
    answer = clusters_out(case_scene(assets), clustered(assets), parameters(), 5)
    geometry = answer.features[0].geometry
    assert geometry.type == "Point"
    assert geometry.coordinates == pytest.approx((121.1, 31.3 + 3 * step), abs=1e-6)


def test_no_assets_no_clusters() -> None:
    assert clustered([]) == ()
    assert clustered([asset_spec(1, presence=Presence.NEVER_LOCATED)], 500, 2) == ()
