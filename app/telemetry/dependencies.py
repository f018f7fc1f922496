"""Permissions that several routers of telemetry check."""

from typing import Annotated

from fastapi import Depends

from app.access.domain import Permission, Principal
from app.identity.dependencies import RequirePermission

MayReadFeeds = Annotated[Principal, Depends(RequirePermission(Permission.FEEDS_READ))]
MayWriteFeeds = Annotated[Principal, Depends(RequirePermission(Permission.FEEDS_WRITE))]
