"""Reads the assets of a case at one moment and assesses the place of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets.transfers import transferred
from app.core.context import Context
from app.core.errors import InvalidInput
from app.distribution.domain import NOT_LOCATED, AnswerTime, CaseAsset, CaseSnapshot, LastFix
from app.distribution.snapshot import queries
from app.distribution.snapshot.assess import assess
from app.enforcement.service import seizability_of_case, visible_case
from app.jurisdictions.service import ActiveLayer, court_by_id
from app.tracking.service import positions_as_of


async def snapshot_of(
    session: AsyncSession,
    visibility: Visibility,
    case_id: int,
    context: Context,
    layer: ActiveLayer,
    *,
    fresh_within: timedelta | None = None,
    as_of: datetime | None = None,
) -> CaseSnapshot:
    """Return the assets of a case with their places and states at a moment.

    ``fresh_within`` and ``as_of`` are as in ``distribution_of``, and so are the errors.
    """
    now = context.clock.now()
    at = now if as_of is None else as_of
    if at > now:
        raise InvalidInput("as_of: must not be in the future; leave it out for now", field="as_of")
    case = await visible_case(session, visibility, case_id, now)
    whole = case.court_id in visibility.courts
    assets = await queries.case_assets(session, visibility, case_id, now, whole=whole)
    hidden_since = await transferred(session, visibility, [asset.asset_id for asset in assets])
    hidden = {asset_id for asset_id, since in hidden_since.items() if since <= at}
    if hidden:
        assets = [a._replace(withheld=True, position=None) if a.asset_id in hidden else a for a in assets]
    if as_of is not None:
        assets = await _with_positions_at(session, assets, as_of)
    limit = context.settings.tracking.fresh_within if fresh_within is None else fresh_within
    near_border_m = context.settings.jurisdictions.border_near_m
    states = await seizability_of_case(session, case_id, at)
    seizability = [states[asset.asset_id] for asset in assets]
    assessed = assess(assets, seizability, layer, at, limit, near_border_m)
    received = [asset.position.received_at for asset in assets if asset.position is not None]
    return CaseSnapshot(
        case_id=case.case_id,
        case_number=case.case_number,
        court=await court_by_id(session, case.court_id),
        moment=AnswerTime(at, as_of is not None, now, max(received, default=None)),
        fresh_within=limit,
        near_border_m=near_border_m,
        layer=layer.info,
        territories={i: layer.territory(i) for i in np.unique(assessed.territory_id).tolist() if i != NOT_LOCATED},
        assets=assets,
        seizability=seizability,
        assessed=assessed,
    )


async def _with_positions_at(session: AsyncSession, assets: Sequence[CaseAsset], as_of: datetime) -> list[CaseAsset]:
    """Return assets with their positions at a past time."""
    positions = await positions_as_of(session, [asset.asset_id for asset in assets if not asset.withheld], as_of)
    then = {p.asset_id: LastFix._make(attrgetter(*LastFix._fields)(p)) for p in positions}
    return [asset._replace(position=then.get(asset.asset_id)) for asset in assets]
