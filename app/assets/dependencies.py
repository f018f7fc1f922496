"""Permission aliases that several routers of this room use."""

from typing import Annotated

from fastapi import Depends

from app.access.domain import Permission, Principal
from app.identity.dependencies import May

MayWriteRegisters = Annotated[Principal, Depends(May(Permission.REGISTERS_WRITE))]
MayReadFleet = Annotated[Principal, Depends(May(Permission.FLEET_READ))]
