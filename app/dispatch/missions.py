"""Missions: a crew may see the assets of its stops for a period, on the right of who sends it.

So far a mission is its number; the grants rest on it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.access.domain import Role, Visibility
from app.audit.notes import Note, note
from app.core.clock import MICROSECOND
from app.core.errors import InvalidInput, NotFound
from app.enforcement.delegation.service import check_window
from app.enforcement.service import keep_case_open, sees_whole_case, visible_case


async def grant_stops(
    session: AsyncSession,
    visibility: Visibility,
    case_id: int,
    crew_id: int,
    asset_ids: Sequence[int],
    mission_id: int,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> None:
    """Let a crew see the positions of its stops' assets for a period; it sees no case and no other asset.

    The sender must see the assets until the mission ends. When the sender's right ends earlier, the crew's ends too.

    Args:
        session: A writing transaction.
        visibility: The officer or dispatcher who sends the crew.
        crew_id: A principal with the role ``crew``.
        mission_id: What the grants rest on; ``end_stops`` ends them by it.

    Raises:
        NotFound: The case or an asset is not visible, now or until the mission ends.
        Conflict: The case is closed.
        InvalidInput: No such crew, or a window that has passed.
    """
    case = await visible_case(session, visibility, case_id, now)
    await keep_case_open(session, case_id)
    check_window(starts_at, ends_at, now)
    if not await access.is_in_role(session, crew_id, Role.CREW):
        raise InvalidInput("crew_id: there is no such crew", field="crew_id")
    for_case, stops = Visibility(visibility.principal, case_id), dict.fromkeys(asset_ids)
    since = max(starts_at, now)
    for moment in (now, since, ends_at - MICROSECOND):
        unseen = stops.keys() - await access.visible_assets(session, for_case, stops, moment)
        if unseen:
            raise NotFound(
                f"asset_ids: {min(unseen)} is not visible to you until the mission ends", field="asset_ids"
            )
    right = _right_of(visibility, case.court_id)
    grants = [
        access.Grant("principal", crew_id, case_id, a, "mission", since, ends_at, mission_id, right) for a in stops
    ]
    await access.write_grants(session, grants, visibility.principal)
    detail = f"mission {mission_id} of crew {crew_id}"
    note(session, Note("mission.grant", case_id, list(stops), (since, ends_at), detail=detail))


def _right_of(visibility: Visibility, court_id: int) -> tuple[str, int]:
    """Return the grantee whose grants the sender sees by: for a superior court the court that handles the case."""
    if visibility.court_id is None:
        return "principal", visibility.principal.principal_id
    return "court", court_id if sees_whole_case(visibility, court_id) else visibility.court_id


async def end_stops(session: AsyncSession, case_id: int, mission_id: int, now: datetime) -> None:
    """End the grants of a mission: the crew is back, or does not go."""
    await access.end_grants(session, case_id, now, ground=("mission", mission_id))
    note(session, Note("mission.end", case_id, detail=f"mission {mission_id}"))
