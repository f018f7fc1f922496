"""Changes of bindings that are refused: a binding decides to which asset's track a stored ping belongs.

A court may need the track of an asset in an open case. Evidence under a legal hold must stay complete. The track of a
transferred asset must not become visible by moving it to another asset.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.access.service import in_open_case
from app.assets import queries
from app.assets.tables import BindingRow
from app.core.db.database import as_service
from app.core.errors import Conflict

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""The end of an open-ended binding."""


async def refuse_transferred(session: AsyncSession, visibility: Visibility, asset_id: int) -> None:
    """Raise ``Conflict`` for any binding change of a transferred asset, except by an administrator."""
    row = None if visibility.sees_everything else await queries.transfer(session, asset_id)
    if row is not None:
        raise Conflict(
            f"asset_id: the asset was transferred at {row.transferred_at.isoformat()}; its bindings are changed by a "
            "platform administrator",
            field="asset_id",
        )


async def refuse_history_loss(
    session: AsyncSession, visibility: Visibility, binding: BindingRow, kept_until: datetime, now: datetime
) -> None:
    """Refuse to remove past time from a binding whose asset's track is still needed.

    Args:
        binding: The binding before the change.
        kept_until: The end after the change; the beginning where the binding is deleted.

    Raises:
        Conflict: Past time would be lost to an asset under a legal hold or, except for an administrator who corrects
            a mistake, in an open case.
    """
    await refuse_transferred(session, visibility, binding.asset_id)
    if kept_until >= min(binding.bound_until or FOREVER, now) or binding.bound_from >= now:
        return
    async with as_service(session):
        held = await queries.is_held(session, binding.asset_id)
    if held:
        raise Conflict(
            f"asset {binding.asset_id} is under a legal hold: what its devices sent until now stays with it; "
            "a binding may end now or later",
            field="bound_until",
        )
    if not visibility.sees_everything and await in_open_case(session, binding.asset_id, now):
        raise Conflict(
            f"asset {binding.asset_id} is in an open case: a binding of it may end now or later, not earlier; "
            "a platform administrator corrects mistakes",
            field="bound_until",
        )
