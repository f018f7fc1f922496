"""Use cases of this room: the distribution and the clusters of the assets of a case."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import shapely
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.audit.notes import Note, note, note_export
from app.core.clock import Clock
from app.core.context import Context
from app.core.errors import InvalidInput
from app.core.geo.geodesy import BoolArray
from app.distribution.clustering.clusters import Cluster, clusters_of
from app.distribution.clustering.dbscan import IntArray
from app.distribution.clustering.geojson import clusters_out
from app.distribution.domain import STATES, CaseSnapshot, RollUpLevel
from app.distribution.filters import read_polygon
from app.distribution.rollup.export_table import ExportTable, compose
from app.distribution.rollup.rollup import roll_up
from app.distribution.schemas import ClusterParametersOut, ClustersOut, DistributionOut
from app.distribution.snapshot.service import snapshot_of
from app.enforcement.seizable import State
from app.exports.service import stamp_of
from app.jurisdictions.errors import CourtNotFound
from app.jurisdictions.service import ActiveLayer, court_by_id

_SEIZABLE: Final = STATES.index(State.SEIZABLE)


async def distribution_of(
    session: AsyncSession,
    visibility: Visibility,
    case_id: int,
    level: RollUpLevel,
    context: Context,
    layer: ActiveLayer,
    *,
    fresh_within: timedelta | None = None,
    as_of: datetime | None = None,
) -> DistributionOut:
    """Return the distribution of the assets of a case, now or at a past time.

    Args:
        fresh_within: An older position is stale; default: the limit in the settings.
        as_of: A past time (UTC), answered from history: positions and seizures at that time, of the assets confirmed
            today, by what is recorded today. Default: now.

    Raises:
        NotFound: No such case is visible.
        InvalidInput: ``as_of`` is in the future.
    """
    snapshot = await snapshot_of(session, visibility, case_id, context, layer, fresh_within=fresh_within, as_of=as_of)
    answer = roll_up(snapshot, level)
    past = None if as_of is None else (as_of, as_of)
    note(session, Note("distribution.read", case_id, _assets_read(snapshot), past, results=len(answer.rows)))
    return answer


async def clusters_in(
    session: AsyncSession,
    visibility: Visibility,
    case_id: int,
    context: Context,
    layer: ActiveLayer,
    parameters: ClusterParametersOut,
) -> ClustersOut:
    """Find the clusters of located assets of a case, with fresh and stale positions.

    Args:
        parameters: ``court`` (of any level) restricts the result to clusters in its area; clusters that they touch
            outside it are still named. ``within`` drops assets outside a polygon before clustering. ``state`` selects
            seizable or all assets.

    Raises:
        NotFound: No such case is visible.
        InvalidInput: The polygon is invalid, or there is no such court.
    """
    polygon = None if parameters.within is None else read_polygon(parameters.within, "within")
    snapshot = await snapshot_of(session, visibility, case_id, context, layer, fresh_within=parameters.fresh_within)
    if parameters.court is not None:
        await _court_must_exist(session, parameters.court)
    found = await asyncio.to_thread(_cluster, snapshot, parameters, polygon)
    note(session, Note("clusters.read", case_id, _assets_read(snapshot), results=len(found.features)))
    return found


def _assets_read(snapshot: CaseSnapshot) -> list[int]:
    """Return the assets whose positions contributed to an answer: all but the withheld ones."""
    return [asset.asset_id for asset in snapshot.assets if not asset.withheld]


async def export_table_of(
    session: AsyncSession, visibility: Visibility, answer: DistributionOut, file_format: str, clock: Clock
) -> ExportTable:
    """Build the export table of a distribution with the user's stamp, and record the export in the audit trail.

    ``session`` is the transaction that the answer was read in. ``file_format`` is ``csv`` or ``xlsx``.
    """
    export_table = compose(answer, await stamp_of(session, visibility.principal, clock))
    detail = f"{export_table.digest} export:{export_table.stamp.export_id} format:{file_format}"
    note_export(session, "distribution.export", detail)
    return export_table


async def _court_must_exist(session: AsyncSession, court_id: int) -> None:
    try:
        await court_by_id(session, court_id)
    except CourtNotFound as error:
        raise InvalidInput(f"court: {error.detail}", field="court") from error


def _cluster(
    snapshot: CaseSnapshot, parameters: ClusterParametersOut, polygon: shapely.Polygon | None
) -> ClustersOut:
    """Compute the clusters; it runs in a thread, so that a large case does not block other requests."""
    assessed = snapshot.assessed
    wanted = assessed.located if parameters.state == "all" else assessed.located & (assessed.state == _SEIZABLE)
    considered = _inside(snapshot, np.flatnonzero(wanted), polygon)
    found = clusters_of(snapshot, considered, radius_m=parameters.radius_m, min_assets=parameters.min_assets)
    listed = [c for c in found if parameters.court is None or _in_area_of(c, parameters.court)]
    return clusters_out(snapshot, listed, parameters, len(considered))


def _inside(snapshot: CaseSnapshot, rows: IntArray, polygon: shapely.Polygon | None) -> IntArray:
    """Return which of the located assets a polygon covers."""
    if polygon is None:
        return rows
    positions = [position for row in rows.tolist() if (position := snapshot.assets[row].position) is not None]
    shapely.prepare(polygon)
    covered: BoolArray = shapely.intersects_xy(polygon, [p.lon for p in positions], [p.lat for p in positions])
    return rows[covered]


def _in_area_of(cluster: Cluster, court_id: int) -> bool:
    """Return whether a court, of any level, has a cluster's territory in its area."""
    territory = cluster.territory
    return any(
        c is not None and c.court_id == court_id for c in (territory.basic, territory.intermediate, territory.high)
    )
