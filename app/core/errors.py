"""What can go wrong, told without HTTP: ``app.api.problems`` maps each class to a status.

The tree::

    AppError
    ├── MalformedRequest       the bytes are not what they claim to be
    ├── InvalidInput           a field has a value that cannot be
    ├── NotAuthenticated       no valid key
    ├── NotPermitted           a valid key that may not do this
    │   └── PurposeRequired    a court reads positions without naming its case
    ├── NotFound               does not exist, or is out of sight: the same answer
    ├── Conflict               contradicts what is stored
    ├── TooSlow                the request, or the rest of it, did not come in time
    ├── TooLarge               over a limit of size
    ├── AddressTooLong         the path with its query is over its limit
    ├── HeadTooLarge           the headers are over their limits
    ├── UnsupportedMedia       a content type or encoding that is not spoken
    ├── WrongHost              asked for a host whose requests are not answered here
    ├── TooManyRequests        faster than its limit: later
    └── Unavailable            for now: try again
"""

from typing import ClassVar


class AppError(Exception):
    """Something the caller can understand and mostly mend.

    Args:
        detail: One sentence for a person: what is wrong and what is expected.
        field: The parameter, column or member that is at fault, where there is one.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be answered"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class MalformedRequest(AppError):
    """The bytes are not what they claim to be: broken JSON, truncated gzip, invalid UTF-8."""

    code = "malformed"
    title = "The request cannot be read"


class InvalidInput(AppError):
    """A field has a value that cannot be; ``field`` names it."""

    code = "invalid_input"
    title = "A value cannot be accepted"


class NotAuthenticated(AppError):
    """There is no key, or it is unknown, expired or revoked."""

    code = "not_authenticated"
    title = "A valid key is needed"


class NotPermitted(AppError):
    """The key is valid, but its holder may not do this."""

    code = "not_permitted"
    title = "This key may not do that"


class PurposeRequired(NotPermitted):
    """A court reads positions and has not said for which case: add ``case=``."""

    code = "purpose_required"
    title = "Name the case for which positions are read"


class NotFound(AppError):
    """It does not exist, or is out of the caller's sight; the answer is the same."""

    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    """It contradicts what is stored: a number already taken, a binding that overlaps another."""

    code = "conflict"
    title = "This contradicts what is stored"


class TooLarge(AppError):
    """Over a limit of size."""

    code = "too_large"
    title = "The request is too large"


class TooSlow(AppError):
    """The request, or the rest of its body, did not come in time; the connection is closed."""

    code = "too_slow"
    title = "The request did not come in time"


class AddressTooLong(AppError):
    """The path with its query is over its limit."""

    code = "address_too_long"
    title = "The address is too long"


class HeadTooLarge(AppError):
    """The headers are too many or too large."""

    code = "head_too_large"
    title = "The headers are too large"


class WrongHost(AppError):
    """The ``Host`` is not one whose requests are answered here."""

    code = "wrong_host"
    title = "Another host is asked for"


class UnsupportedMedia(AppError):
    """A content type or content encoding that is not spoken here."""

    code = "unsupported_media"
    title = "This content type is not understood"


class TooManyRequests(AppError):
    """The sender is faster than its limit; the same request may be sent again, later.

    Args:
        detail: One sentence for a person.
        retry_after_s: Seconds after which it is taken.
    """

    code = "too_many_requests"
    title = "Too fast"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(AppError):
    """Not now: the database is away, or a queue is full; the same request may be sent again.

    Args:
        detail: One sentence for a person.
        retry_after_s: Seconds after which it is worth trying again.
    """

    code = "unavailable"
    title = "Not available for the moment"

    def __init__(self, detail: str, *, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
