"""What a lessor may no longer change of bindings: they say whose track a stored ping is part of.

A court may need the track of an asset in an open case, evidence under a legal hold must stay whole, and the track of
an asset that went to somebody else must not become visible by moving it to another asset.
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
"""The end of a binding that has none."""


async def refuse_transferred(session: AsyncSession, visibility: Visibility, asset_id: int) -> None:
    """Refuse any change of the bindings of an asset that was transferred, save by an administrator.

    Raises:
        Conflict: It was transferred.
    """
    row = None if visibility.sees_everything else await queries.transfer(session, asset_id)
    if row is not None:
        raise Conflict(
            f"asset_id: the asset was transferred at {row.transferred_at.isoformat()}; its bindings are changed by a "
            "platform administrator",
            field="asset_id",
        )


async def refuse_loss(
    session: AsyncSession, visibility: Visibility, binding: BindingRow, kept_until: datetime, now: datetime
) -> None:
    """Refuse to take time that has passed away from an asset whose track a court or the law still needs.

    Args:
        session: A writing transaction.
        visibility: Who changes the binding.
        binding: The binding as it stands.
        kept_until: Until when it will hold after the change; its beginning where it is taken back.
        now: The present.

    Raises:
        Conflict: A part of its past would be lost to an asset under a legal hold or, save for an administrator who
            corrects a mistake, in an open case.
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
