"""Clusters of assets within one court territory, and clusters that touch across a border."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.distribution.clustering.dbscan import NOISE, IntArray, Points, dbscan, touching
from app.distribution.clustering.geometry import centroid, cluster_id, hull_ring
from app.distribution.domain import CaseSnapshot
from app.distribution.rollup.tallies import tally_groups
from app.distribution.schemas import TallyOut
from app.jurisdictions.domain import TerritoryInfo
from app.telemetry.domain import E7


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A cluster on the other side of a territory's border; together they may be one yard."""

    cluster_id: str
    territory: TerritoryInfo


@dataclass(frozen=True, slots=True)
class Cluster:
    """Assets that are close together."""

    cluster_id: str  # 16 hexadecimal digits: the same parameters and members give the same id
    territory: TerritoryInfo  # the court territory of all members
    members: tuple[int, ...]  # indices into `CaseSnapshot.assets`, ascending
    tally: TallyOut
    centroid: tuple[float, float]  # longitude and latitude, WGS-84 degrees
    # closed ring of longitude and latitude, counter-clockwise; None where the members are on one point or line
    hull: tuple[tuple[float, float], ...] | None
    # clusters of other territories with a member within the radius of a member of this one
    touches: tuple[Neighbour, ...]


def clusters_of(
    snapshot: CaseSnapshot, considered: IntArray, *, radius_m: float, min_assets: int
) -> tuple[Cluster, ...]:
    """Cluster assets within their territories; most members first, then most value.

    Without borders, one radius for the whole country would chain cities together; also, one court sends each crew. So
    a border separates assets on both sides, and ``touches`` shows it.

    Args:
        considered: Indices into ``CaseSnapshot.assets`` of the located assets to cluster, ascending.
        radius_m: Great-circle metres.
        min_assets: Assets within the radius, the asset itself included, that make it a core.
    """
    lon_e7, lat_e7 = _coordinates(snapshot, considered)
    asset_id = np.array([snapshot.assets[row].asset_id for row in considered.tolist()], dtype=np.int64)
    points = Points(lon_e7 / E7, lat_e7 / E7, snapshot.assessed.territory_id[considered], asset_id)
    clustering = dbscan(points, radius_m=radius_m, min_assets=min_assets)
    label = clustering.label
    order = np.argsort(label, kind="stable")
    ends = np.searchsorted(label[order], np.arange(clustering.count + 1))
    members = [order[start:end] for start, end in pairwise(ends.tolist())]
    ids = [cluster_id(radius_m, min_assets, asset_id[rows].tolist()) for rows in members]
    territories = [snapshot.territories[int(points.group[rows[0]])] for rows in members]
    touches: list[list[Neighbour]] = [[] for _ in members]
    for one, other in touching(points, label, radius_m=radius_m).tolist():
        touches[one].append(Neighbour(ids[other], territories[other]))
        touches[other].append(Neighbour(ids[one], territories[one]))
    group = np.full(len(snapshot.assets), NOISE, dtype=np.int64)
    group[considered] = label
    tallies = tally_groups(snapshot.assessed, group, len(members))
    found = [
        Cluster(
            cluster_id=ids[number],
            territory=territories[number],
            members=tuple(considered[rows].tolist()),
            tally=tallies[number],
            centroid=centroid(points.lon[rows], points.lat[rows]),
            hull=hull_ring(lon_e7[rows], lat_e7[rows]),
            touches=tuple(sorted(touches[number], key=lambda n: n.cluster_id)),
        )
        for number, rows in enumerate(members)
    ]
    return tuple(sorted(found, key=lambda c: (-c.tally.n_assets, -c.tally.value_yuan, c.cluster_id)))


def _coordinates(snapshot: CaseSnapshot, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return longitudes and latitudes of located assets, WGS-84 degrees times 1e7."""
    positions = [position for row in rows.tolist() if (position := snapshot.assets[row].position) is not None]
    lon_e7 = np.array([position.lon_e7 for position in positions], dtype=np.int64)
    lat_e7 = np.array([position.lat_e7 for position in positions], dtype=np.int64)
    return lon_e7, lat_e7
