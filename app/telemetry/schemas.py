"""Wire shapes of feeds."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.datum import CoordSystem

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00]*$")]


class FeedIn(BaseModel):
    """A source of pings to register."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    coord_system: CoordSystem | None = None
    """The datum of rows that do not name one themselves."""
    lessor_id: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    """An administrator names the lessor; a lessor's key is its own."""


class Feed(BaseModel):
    """A lessor's source of pings."""

    feed_id: int
    lessor_id: int
    name: str
    coord_system: CoordSystem | None
    created_at: datetime
