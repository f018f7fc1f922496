"""Field types and base classes of request and response models."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

MAX_ID: Final = 2**31 - 1
"""Ids are PostgreSQL integers."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _check_single_line(text: str) -> str:
    if _CONTROL.search(text):
        msg = "expected one line of text without control characters"
        raise ValueError(msg)
    return text


def _check_utf8(secret: SecretStr) -> SecretStr:
    if _SURROGATE.search(secret.get_secret_value()):
        msg = "expected text without lone surrogates"
        raise ValueError(msg)
    return secret


def _check_iso_date(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    msg = "expected a date written as YYYY-MM-DD"
    raise ValueError(msg)


SINGLE_LINE: Final[tuple[Any, ...]] = (
    AfterValidator(_check_single_line),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"}),
)
"""One line without control characters (PostgreSQL cannot store NUL); for text of another length than ``Text``."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), *SINGLE_LINE]
"""One line of text, at most 200 characters."""

VALID_UTF8: Final = AfterValidator(_check_utf8)
"""Secret text without lone surrogates; pydantic checks this itself for text that is not secret."""

Day = Annotated[date, BeforeValidator(_check_iso_date)]
"""A date; only YYYY-MM-DD is accepted."""

Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
"""An id in a request body."""

Key = Annotated[int, Field(ge=1, le=MAX_ID)]
"""An id in a path or a query."""

Duration = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=36_500))]
"""A duration, ISO 8601, for example P7D or PT12H; at most 100 years."""


class RequestModel(BaseModel):
    """Base of every request body; unknown members are refused. Names of subclasses end in ``In``."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """Base of every response; accepts objects with the same attributes. Names of subclasses end in ``Out``.

    A small type that only references another thing inside a response ends in ``Ref``.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True)
