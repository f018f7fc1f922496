"""Errors of this room."""

from collections.abc import Sequence

from app.core.errors import InvalidInput
from app.enforcement.domain import RowFault


class RowsRefused(InvalidInput):
    """Rows of a list are invalid, so none was accepted; every fault is listed.

    Args:
        name: The list's field in the request.
        faults: At least one, in the order of the rows.
    """

    def __init__(self, name: str, faults: Sequence[RowFault]) -> None:
        first = faults[0]
        field = f"{name}.{first.index}.{first.field}"
        super().__init__(f"{field}: {first.message}", field=field)
        self.name = name
        self.faults = tuple(faults)
