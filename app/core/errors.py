"""Application errors, independent of HTTP: ``app.api.problems`` maps each class to a status."""

from typing import ClassVar


class AppError(Exception):
    """Base of all errors that a caller can understand and mostly correct.

    ``detail`` is one sentence for a person: what is wrong and what is expected. ``field`` is the parameter, column or
    member at fault, if there is one.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be answered"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class MalformedRequest(AppError):
    """The body is broken JSON, truncated gzip or invalid UTF-8."""

    code = "malformed"
    title = "The request cannot be read"


class InvalidInput(AppError):
    """A field has an invalid value; ``field`` names it."""

    code = "invalid_input"
    title = "A value cannot be accepted"


class NotAuthenticated(AppError):
    """There is no key, or it is unknown, expired or revoked."""

    code = "not_authenticated"
    title = "A valid key is needed"


class NotPermitted(AppError):
    """The key is valid but lacks the permission."""

    code = "not_permitted"
    title = "This key may not do that"


class PurposeRequired(NotPermitted):
    """A court reads positions without stating the case: add ``case=``."""

    code = "purpose_required"
    title = "Name the case for which positions are read"


class NotFound(AppError):
    """It does not exist, or the caller may not see it; the answer is the same."""

    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    """It contradicts what is stored: a number already taken, an overlapping binding."""

    code = "conflict"
    title = "This contradicts what is stored"


class TooLarge(AppError):
    """Over a size limit."""

    code = "too_large"
    title = "The request is too large"


class TooSlow(AppError):
    """The request or its body did not arrive in time; the connection is closed."""

    code = "too_slow"
    title = "The request did not come in time"


class AddressTooLong(AppError):
    """Path and query are over their limit."""

    code = "address_too_long"
    title = "The address is too long"


class HeadTooLarge(AppError):
    """There are too many headers, or they are too large."""

    code = "head_too_large"
    title = "The headers are too large"


class WrongHost(AppError):
    """The ``Host`` header is not an allowed one."""

    code = "wrong_host"
    title = "Another host is asked for"


class UnsupportedMedia(AppError):
    """An unsupported content type or content encoding."""

    code = "unsupported_media"
    title = "This content type is not understood"


class TooManyRequests(AppError):
    """The sender is over its rate limit; it may send the same request again after ``retry_after_s`` seconds."""

    code = "too_many_requests"
    title = "Too fast"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(AppError):
    """The database is unavailable or a queue is full; retry after ``retry_after_s`` seconds."""

    code = "unavailable"
    title = "Not available for the moment"

    def __init__(self, detail: str, *, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
