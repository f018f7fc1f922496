"""Permission aliases that several routers of this room use."""

from typing import Annotated

from fastapi import Depends

from app.access.domain import Permission, Principal
from app.identity.dependencies import RequirePermission

MayWriteRegisters = Annotated[Principal, Depends(RequirePermission(Permission.REGISTERS_WRITE))]
MayReadFleet = Annotated[Principal, Depends(RequirePermission(Permission.FLEET_READ))]
