"""The yards in which assets stand together, each within one court territory, and those that touch across a border."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.clusters.dbscan import NOISE, Points, dbscan, touching
from app.clusters.distribution import Tally, tally
from app.clusters.domain import Place, PlacedAsset
from app.clusters.shape import centroid, cluster_id, hull_ring
from app.jurisdictions.domain import TerritoryInfo
from app.telemetry.domain import E7


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A cluster on the other side of a territory's border; together they may be one yard."""

    cluster_id: str
    territory: TerritoryInfo


class Member(NamedTuple):
    """A located asset of a cluster."""

    placed: PlacedAsset
    place: Place


@dataclass(frozen=True, slots=True)
class Cluster:
    """Assets that stand together.

    Attributes:
        cluster_id: 16 hexadecimal digits: the same parameters and members give the same id.
        territory: The court territory that holds all of them.
        members: In the order of their asset ids.
        tally: Counts and value.
        centroid: Longitude and latitude of the middle, WGS-84 degrees.
        hull: Closed ring of longitude and latitude, counter-clockwise; None where the members stand on one spot or
            in one line.
        touches: Clusters of other territories with a member within the radius of a member of this one.
    """

    cluster_id: str
    territory: TerritoryInfo
    members: tuple[Member, ...]
    tally: Tally
    centroid: tuple[float, float]
    hull: tuple[tuple[float, float], ...] | None
    touches: tuple[Neighbour, ...]


def clusters_of(assets: Sequence[PlacedAsset], *, radius_m: float, min_assets: int) -> tuple[Cluster, ...]:
    """Cluster assets within the territories that they are in.

    One radius for the whole country would chain cities together, and a crew is sent by one court: so a border parts
    what stands on both sides of it, and ``touches`` says so.

    Args:
        assets: Assets in any order; those that are not located are left out.
        radius_m: Great-circle metres.
        min_assets: How many assets, the asset itself counted, within the radius make it a core.

    Returns:
        Most members first, then most value.
    """
    located = [Member(asset, asset.place) for asset in assets if asset.place is not None]
    points = _points(located)
    label = dbscan(points, radius_m=radius_m, min_assets=min_assets).label
    members: defaultdict[int, list[Member]] = defaultdict(list)
    for row in np.argsort(points.asset_id).tolist():
        members[int(label[row])].append(located[row])
    members.pop(NOISE, None)
    ids = {c: cluster_id(radius_m, min_assets, [_id(m) for m in of]) for c, of in members.items()}
    neighbours: defaultdict[int, list[Neighbour]] = defaultdict(list)
    for one, other in touching(points, label, radius_m=radius_m).tolist():
        neighbours[one].append(Neighbour(ids[other], members[other][0].place.territory))
        neighbours[other].append(Neighbour(ids[one], members[one][0].place.territory))
    found = [_cluster(ids[c], of, neighbours[c]) for c, of in members.items()]
    return tuple(sorted(found, key=lambda c: (-c.tally.n_assets, -c.tally.value_fen, c.cluster_id)))


def _id(member: Member) -> int:
    return member.placed.asset.asset_id


def _points(located: Sequence[Member]) -> Points:
    return Points(
        lon=np.array([place.position.lon_e7 for _, place in located], dtype=np.float64) / E7,
        lat=np.array([place.position.lat_e7 for _, place in located], dtype=np.float64) / E7,
        group=np.array([place.territory.territory_id for _, place in located], dtype=np.int64),
        asset_id=np.array([_id(member) for member in located], dtype=np.int64),
    )


def _cluster(identity: str, members: Sequence[Member], touches: Sequence[Neighbour]) -> Cluster:
    lon_e7 = np.array([place.position.lon_e7 for _, place in members], dtype=np.int64)
    lat_e7 = np.array([place.position.lat_e7 for _, place in members], dtype=np.int64)
    hull = hull_ring(lon_e7, lat_e7)
    return Cluster(
        cluster_id=identity,
        territory=members[0].place.territory,
        members=tuple(members),
        tally=tally([placed for placed, _ in members]),
        centroid=centroid(lon_e7 / E7, lat_e7 / E7),
        hull=None if hull is None else tuple(hull),
        touches=tuple(sorted(touches, key=lambda n: n.cluster_id)),
    )
