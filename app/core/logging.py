"""JSON log lines. They hold a request id and a route's template, never a coordinate, a query string or a key."""

import logging
import sys
from typing import Any

import structlog

_frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def _where_it_broke(exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
    """Return types and lines of an exception and its causes, without local variables and messages.

    Both can hold request data: a driver's message quotes the row with its coordinates, a frame holds the key.
    """
    return [{"type": one["exc_type"], "frames": one["frames"]} for one in _frames(exc_info)]


def configure_logging(level: str) -> None:
    """Write log records of structlog and the standard library to standard error, one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_where_it_broke),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    for client in ("httpx", "httpcore"):
        logging.getLogger(client).setLevel(logging.WARNING)  # at INFO they log each URL, query string and all
