"""Wire shapes of feeds."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from app.core.datum import CoordSystem
from app.core.wire import Key, Wire

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00]*$")]


class FeedIn(Wire):
    """A source of pings to register."""

    name: Name
    coord_system: CoordSystem | None = None
    """The datum of rows that do not name one themselves."""
    lessor_id: Key | None = None
    """An administrator names the lessor; a lessor's key is its own."""


class Feed(BaseModel):
    """A lessor's source of pings."""

    feed_id: int
    lessor_id: int
    name: str
    coord_system: CoordSystem | None
    created_at: datetime
