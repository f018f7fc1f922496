"""Converts clusters to GeoJSON (RFC 7946)."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from app.distribution.clustering.clusters import Cluster, Neighbour
from app.distribution.domain import CONFIDENCES, PRESENCES, CaseSnapshot, Presence
from app.distribution.rollup.rollup import county_of, prefecture_of, province_of
from app.distribution.schemas import (
    CaseRef,
    ClusterFeatureOut,
    ClusterParametersOut,
    ClusterPropertiesOut,
    ClustersOut,
    CourtRef,
    MemberOut,
    PointGeometryOut,
    PolygonGeometryOut,
    TouchOut,
)
from app.jurisdictions.domain import CourtInfo
from app.jurisdictions.schemas import LayerOut
from app.telemetry.domain import Source

_FRESH: Final = PRESENCES.index(Presence.FRESH)
_SOURCE_NAMES: Final = {int(source): source.name.lower() for source in Source}


def clusters_out(
    snapshot: CaseSnapshot, clusters: Sequence[Cluster], parameters: ClusterParametersOut, considered: int
) -> ClustersOut:
    """Return the clusters in the given order as the response; ``considered`` counts the filtered, located assets."""
    return ClustersOut(
        type="FeatureCollection",
        features=[_feature(cluster, snapshot) for cluster in clusters],
        case=CaseRef.of(snapshot),
        as_of=snapshot.moment.as_of,
        data_as_of=snapshot.moment.data_as_of,
        computed_at=snapshot.moment.computed_at,
        parameters=parameters,
        layer=LayerOut.model_validate(snapshot.layer),
        considered=considered,
        clustered=sum(cluster.tally.n_assets for cluster in clusters),
    )


def _feature(cluster: Cluster, snapshot: CaseSnapshot) -> ClusterFeatureOut:
    geometry: PolygonGeometryOut | PointGeometryOut
    if cluster.hull is None:
        geometry = PointGeometryOut(type="Point", coordinates=cluster.centroid)
    else:
        geometry = PolygonGeometryOut(type="Polygon", coordinates=[list(cluster.hull)])
    return ClusterFeatureOut(
        type="Feature", id=cluster.cluster_id, geometry=geometry, properties=_properties(cluster, snapshot)
    )


def _properties(cluster: Cluster, snapshot: CaseSnapshot) -> ClusterPropertiesOut:
    territory, tally = cluster.territory, cluster.tally
    members = [_member(row, snapshot) for row in cluster.members]
    return ClusterPropertiesOut(
        court=_court(territory.basic),
        basis=territory.basis,
        verified=territory.verified,
        caveat=territory.caveat,
        county=county_of(territory),
        prefecture=prefecture_of(territory),
        province=province_of(territory),
        cross_province=territory.province_adcode != snapshot.court.province_adcode,
        centroid=cluster.centroid,
        n=tally.n_assets,
        kinds=dict(Counter(member.kind for member in members).most_common()),
        value_yuan=tally.value_yuan,
        n_without_value=tally.n_without_value,
        newest_fix=max(member.fixed_at for member in members),
        oldest_fix=min(member.fixed_at for member in members),
        fresh=tally.n_fresh,
        stale=tally.n_stale,
        near_border=tally.near_border,
        touches=[_touch(neighbour) for neighbour in cluster.touches],
        members=members,
    )


def _court(court: CourtInfo | None) -> CourtRef | None:
    return None if court is None else CourtRef.of(court)


def _touch(neighbour: Neighbour) -> TouchOut:
    territory = neighbour.territory
    return TouchOut(cluster_id=neighbour.cluster_id, court=_court(territory.basic), county=county_of(territory))


def _member(row: int, snapshot: CaseSnapshot) -> MemberOut:
    asset, assessed = snapshot.assets[row], snapshot.assessed
    position = asset.position
    assert position is not None  # noqa: S101 only located assets are clustered
    return MemberOut(
        asset_id=asset.asset_id,
        kind=asset.kind,
        plate_no=asset.plate_no,
        vin=asset.vin,
        serial_no=asset.serial_no,
        value_yuan=None if asset.value_fen is None else asset.value_fen / 100,
        state=snapshot.seizability[row].state,
        point=(position.lon, position.lat),
        fixed_at=position.fixed_at,
        age_s=max(0, int((snapshot.moment.as_of - position.fixed_at).total_seconds())),
        fresh=bool(assessed.presence[row] == _FRESH),
        source=_SOURCE_NAMES[position.source],
        near_border=bool(assessed.near_border[row]),
        confidence=CONFIDENCES[assessed.confidence[row]],
        reasons=assessed.reasons[row],
    )
