"""The stamp of an export with the user's name and role."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.access.domain import Principal, PrincipalKind, Role
from app.assets.service import lessor_by_id
from app.core.clock import Clock
from app.exports.stamp import Stamp, new_export_id
from app.jurisdictions.service import court_by_id

ROLE_WORDS: Final[Mapping[Role, str]] = {
    Role.LESSOR_FEED: "出租人数据源 lessor's feed",
    Role.LESSOR_READER: "出租人查询员 lessor's reader",
    Role.LESSOR_MANAGER: "出租人管理员 lessor's manager",
    Role.ENFORCEMENT_OFFICER: "执行员 enforcement officer",
    Role.COURT_ADMINISTRATOR: "法院管理员 court administrator",
    Role.DISPATCHER: "调度员 dispatcher",
    Role.CREW: "现场小组 crew",
    Role.AUDITOR: "审计员 auditor",
    Role.PLATFORM_ADMINISTRATOR: "平台管理员 platform administrator",
}
"""The names of the roles on exported files."""


async def stamp_of(session: AsyncSession, principal: Principal, clock: Clock) -> Stamp:
    """Return the stamp of an export that the principal takes now."""
    name = await access.name_of(session, principal.principal_id)
    return Stamp(
        export_id=new_export_id(),
        asked_by=f"{name} (#{principal.principal_id})",
        role=ROLE_WORDS[principal.role],
        acting_for=await _acting_for(session, principal),
        at=clock.now(),
    )


async def _acting_for(session: AsyncSession, principal: Principal) -> str:
    if principal.subject_id is None:
        return ""
    if principal.kind is PrincipalKind.COURT:
        court = await court_by_id(session, principal.subject_id)
        return f"{court.name} ({court.code})"
    lessor = await lessor_by_id(session, principal.subject_id)
    return "" if lessor is None else f"{lessor.name} ({lessor.code})"
