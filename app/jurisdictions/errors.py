"""Errors of boundaries, divisions and courts."""

from app.core.errors import InvalidInput, NotFound, Unavailable


class BoundaryFileRefused(InvalidInput):
    """A boundary file cannot be read or fails a check; nothing was loaded."""

    code = "boundary_file_refused"
    title = "The boundary file cannot be accepted"


class DatumMismatch(BoundaryFileRefused):
    """The coordinates of a boundary file are not in the declared coordinate system."""

    code = "boundary_datum_mismatch"
    title = "The boundary file is in another coordinate system"


class DivisionNotFound(NotFound):
    """No division of that code and level is known."""

    code = "division_not_found"


class CourtNotFound(NotFound):
    """No court of that number is known."""

    code = "court_not_found"


class BoundariesNotLoaded(Unavailable):
    """No boundary layer is active yet: load one first."""

    code = "boundaries_not_loaded"
    title = "No boundaries are loaded yet"


class BoundariesChanged(Unavailable):
    """Another process has activated a layer that this process has not loaded yet: retry shortly."""

    code = "boundaries_changed"
    title = "The boundaries have just changed"
