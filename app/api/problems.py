"""Errors as problem documents (RFC 9457): the only place that gives an error its HTTP status."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from app.core import errors
from app.core.db.database import violated_constraint
from app.core.web.schema_types import ResponseModel

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[type[errors.AppError], int]] = {
    errors.MalformedRequest: 400,
    errors.NotAuthenticated: 401,
    errors.NotPermitted: 403,
    errors.PurposeRequired: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooSlow: 408,
    errors.TooLarge: 413,
    errors.AddressTooLong: 414,
    errors.UnsupportedMedia: 415,
    errors.WrongHost: 421,
    errors.InvalidInput: 422,
    errors.TooManyRequests: 429,
    errors.HeadTooLarge: 431,
    errors.Unavailable: 503,
}
"""HTTP status of each class of error; a class without entry gives 500."""

_KINDS: Final = {status: kind for kind, status in STATUS.items() if kind.__base__ is errors.AppError}
"""Class whose texts are used for an error of the framework, by status."""
_log = structlog.get_logger("leasetrace.problems")


class FieldProblemOut(ResponseModel):
    """One invalid field."""

    field: str
    """Name of the parameter or member, with its path."""
    message: str
    """What is expected."""


class ProblemOut(ResponseModel):
    """A problem document."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblemOut]
    request_id: str


def problem_response(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    fields: list[FieldProblemOut] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem document with the request id, which also is in its log lines."""
    body = ProblemOut(
        type=f"urn:leasetrace:problem:{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        errors=fields or [],
        request_id=getattr(request.state, "request_id", ""),
    )
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def status_of(kind: type[errors.AppError]) -> int | None:
    """Return the status of a class of error, its own or that of its nearest parent with one."""
    return next((STATUS[c] for c in kind.__mro__ if c in STATUS), None)


async def _app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.AppError)  # noqa: S101 registered for this class only
    status = status_of(type(error))
    if status is None:
        return await _unexpected(request, error)
    headers = {}
    if status == STATUS[errors.NotAuthenticated]:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    fields = [FieldProblemOut(field=error.field, message=error.detail)] if error.field else []
    return problem_response(request, status, error.code, error.title, error.detail, fields, headers)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 registered for this class only
    found = error.errors()
    if any(e["type"] == "json_invalid" for e in found):
        detail = "The body is not valid JSON."
        return problem_response(request, 400, "malformed", errors.MalformedRequest.title, detail)
    messages = [(".".join(str(part) for part in e["loc"][1:]) or str(e["loc"][0]), e["msg"]) for e in found]
    fields = [
        FieldProblemOut(field=f, message=m) for f, m in dict.fromkeys(messages)
    ]  # shared dependencies report it twice
    detail = "; ".join(f"{f.field}: {f.message}" for f in fields[:3])
    return problem_response(request, 422, "invalid_input", errors.InvalidInput.title, detail, fields)


async def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 registered for this class only
    kind = _KINDS.get(error.status_code, errors.AppError)
    return problem_response(
        request, error.status_code, kind.code, kind.title, f"{kind.title}.", headers=error.headers
    )


def _says_unavailable(error: DBAPIError | PoolTimeout | psycopg.Error | OSError) -> bool:
    if isinstance(error, PoolTimeout | OSError):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None) or ""
    # 57: shutdown or cancel; 53: out of resources; 08: connection; 40: rolled back, may be tried again
    no_answer = not state and isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return no_answer or state[:2] in {"57", "53", "08", "40"} or state == "55P03"


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError | PoolTimeout | psycopg.Error | ConnectionError)  # noqa: S101
    if isinstance(error, IntegrityError):
        constraint = violated_constraint(error)
        detail = f"The change contradicts what is stored ({constraint})."
        return problem_response(request, 409, "conflict", errors.Conflict.title, detail)
    if _says_unavailable(error):
        _log.warning("database_unavailable", error=type(error).__name__)
        unavailable = errors.Unavailable("The database does not answer; send the same request again.")
        return await _app_error(request, unavailable)
    return await _unexpected(request, error)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected_error", error=type(error).__name__, exc_info=error)
    detail = "Something went wrong here, not with your request; the request id leads to the reason."
    return problem_response(request, 500, "internal", "Internal error", detail)


async def answer_error(request: Request, error: Exception) -> Response:
    """Return the problem document of an error, as FastAPI's own routes answer it."""
    handler = next((h for kind, h in _HANDLERS.items() if isinstance(error, kind)), _unexpected)
    return await handler(request, error)


_HANDLERS: Final[Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = {
    errors.AppError: _app_error,
    RequestValidationError: _validation,
    StarletteHTTPException: _http_exception,
    DBAPIError: _database_error,
    PoolTimeout: _database_error,
    psycopg.Error: _database_error,
    ConnectionError: _database_error,
    Exception: _unexpected,
}


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
