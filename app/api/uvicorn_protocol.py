"""Timeouts and size limits of a connection, below the application.

uvicorn waits without limit for the end of a request head, and for a client that does not read. It also keeps a head
of any size. Here a head has a timeout and a size limit, and a body has a timeout. Bytes around a body (chunk
extensions, trailers) have a size limit. A response that the client does not read is aborted. Connections are counted.
A refused request gets the same problem document as elsewhere. ``app.api.request_limits`` limits the size of bodies.
"""

import asyncio
from typing import Any, ClassVar, Final, cast

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.api.problems import MEDIA_TYPE, STATUS, ProblemOut
from app.api.request_limits import security_headers
from app.core.errors import AddressTooLong, AppError, HeadTooLarge, MalformedRequest, TooSlow, Unavailable
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.core.web.parameters import CoreServices, services_of

_LINGER_S: Final = 1.0
_CLOSE_WITHIN_S: Final = 5.0
_GRACE_S: Final = 8
"""Seconds that a stop waits for requests: a client that sends no body or does not read would block it until the
supervisor kills it (containers: after 10 s). What the writer has already is stored all the same.
"""
_FRAME_BYTES: Final = 16
"""Bytes around each piece of a body that count as its framing."""
_log = structlog.get_logger("leasetrace.connections")


class Connection(HttpToolsProtocol):
    """One connection of a client; ``connection_type`` makes the class that uvicorn is given."""

    settings: ClassVar[Settings]
    metrics: ClassVar[Metrics]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._chunk_bytes = self._head_bytes = 0
        self._in_head = self._in_body = self._refused = False
        self._body_bytes = self._around_body = self._since_body = 0
        self._one_too_many = False
        self._timer: asyncio.TimerHandle | None = None
        self._body_until = 0.0
        self._answer_timer: asyncio.TimerHandle | None = None
        self._left_to_send = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Start the timeout of the first head."""
        super().connection_made(transport)
        self._one_too_many = len(self.connections) > self.settings.limits.max_connections
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_waiting()
        self._stop(self._answer_timer)
        self._answer_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes and set the timeout of what must follow."""
        if self._is_over():
            return
        self._chunk_bytes = len(data)
        if self._in_head:
            self._head_bytes += self._chunk_bytes
        body_goes_on, self._body_bytes = self._in_body, 0
        super().data_received(data)
        if self._is_over():
            return
        if body_goes_on and self._in_body and self._is_padded():
            self._give_up_body(HeadTooLarge("There is too much around this body: extensions of chunks, or trailers."))
            return
        cycle = self._cycle()
        answering = cycle is not None and not cycle.response_complete
        if answering and not self.cycle.more_body:
            self._stop_waiting()
        elif answering:
            self._await_body()
        elif self._timer is None:
            self._await_head()
        if self._in_head and self._head_bytes > self.settings.limits.max_head_bytes:
            if answering:
                self._close()  # a pipelined request: no response can be sent for it yet
            else:
                self._refuse(self._too_large())

    def _is_over(self) -> bool:
        return self._refused or self.transport.is_closing()

    def _cycle(self) -> RequestResponseCycle | None:
        """Return the last request. uvicorn's type excludes None, but there is none before the first request."""
        return cast("RequestResponseCycle | None", self.cycle)

    def on_message_begin(self) -> None:
        """Begin a head; the same bytes may hold the end of the previous body."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._chunk_bytes

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of a head; drop trailers, because the checks of the head did not see them."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the request to the application, or to one that refuses it."""
        self._in_head, self._in_body = False, True
        self._around_body = self._since_body = 0
        self._stop_waiting()
        refusal = self._refusal()
        served = self.app
        if refusal is not None:
            self.app = _refusing(self, refusal)  # uvicorn reads it in the next line
        super().on_headers_complete()
        self.app = served
        self.headers = []  # those of the request now belong to it

    def on_body(self, body: bytes) -> None:
        """Receive a piece of a body, and count its bytes."""
        self._body_bytes += len(body) + _FRAME_BYTES
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a body."""
        self._in_body = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start to check whether the client reads any of the pending bytes."""
        super().pause_writing()
        self._left_to_send = self.transport.get_write_buffer_size()
        self._stop(self._answer_timer)
        self._answer_timer = self.loop.call_later(self.settings.limits.answer_pause_s, self._answer_late)

    def resume_writing(self) -> None:
        """Stop the check."""
        self._stop(self._answer_timer)
        self._answer_timer = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        del msg
        self._refuse(MalformedRequest("This is not a request in HTTP/1.1."))

    def _refusal(self) -> AppError | None:
        if self._one_too_many:
            return Unavailable("Too many connections; try again.")
        most = self.settings.limits.max_head_bytes
        if self._head_bytes > most and len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > most:
            return self._too_large()  # bytes of a body may have come too: count exactly
        return None

    def _too_large(self) -> AppError:
        most = self.settings.limits.max_head_bytes
        if len(self.url) > self.settings.limits.max_url_bytes:
            return AddressTooLong(f"expected an address of at most {self.settings.limits.max_url_bytes} bytes")
        return HeadTooLarge(f"expected a first line and headers of at most {most} bytes")

    def _is_padded(self) -> bool:
        """Return whether too many bytes are no body: in total beyond the framing, or since the last piece."""
        self._since_body = 0 if self._body_bytes else self._since_body + self._chunk_bytes
        self._around_body += max(0, self._chunk_bytes - self._body_bytes)
        return max(self._since_body, self._around_body) > self.settings.limits.max_head_bytes

    def _await_head(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.settings.limits.head_within_s, self._head_late)

    def _await_body(self) -> None:
        now = self.loop.time()
        if self._timer is None:
            self._body_until = now + self.settings.limits.body_within_s
        self._stop(self._timer)
        self._timer = self.loop.call_at(
            min(now + self.settings.limits.body_pause_s, self._body_until), self._body_late
        )

    def _stop_waiting(self) -> None:
        self._stop(self._timer)
        self._timer = None

    def _head_late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self._refuse(TooSlow("The first line and the headers did not come in time."))
        else:
            self._close()  # no request is open

    def _body_late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if not self.cycle.response_started and (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            self._await_body()  # the service, not the client, is slow
        else:
            self._give_up_body(TooSlow("The rest of the body did not come in time."))

    def _give_up_body(self, error: AppError) -> None:
        if self.cycle.response_started or self.pipeline:
            self._close()  # the rest of an answered request, or no response can be sent yet
            return
        self._refuse(error)
        self.cycle.disconnected = True  # the application sees a disconnect; its response is dropped
        self.cycle.message_event.set()

    def _answer_late(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left >= self._left_to_send:
            _log.info("answer_not_taken", left_bytes=left)
            self.transport.abort()
            return
        self._left_to_send = left
        self._answer_timer = self.loop.call_later(self.settings.limits.answer_pause_s, self._answer_late)

    def _refuse(self, error: AppError) -> None:
        """Answer before there is a request to pass on, and receive nothing more.

        The socket closes later: an immediate close, while the client sends, would reset the connection and lose the
        answer.
        """
        status, headers, body = self._answer(error)
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        self._refused = True
        self._stop_waiting()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self._close)

    def _answer(self, error: AppError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body of a problem document, counted and logged."""
        status = STATUS[type(error)]
        problem = ProblemOut(
            type=f"urn:leasetrace:problem:{error.code}",
            title=error.title,
            status=status,
            code=error.code,
            detail=error.detail,
            errors=[],
            request_id="",
        )
        body = problem.model_dump_json().encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *security_headers(self.settings.http.hsts_s),
        ]
        if isinstance(error, Unavailable):
            headers.append((b"retry-after", b"%d" % error.retry_after_s))
        self.metrics.count_request("any", "unmatched", status, 0.0)
        _log.info("refused", status=status, client=self.client[0] if self.client else None)
        return status, headers, body

    def _close(self) -> None:
        self.transport.close()
        self.loop.call_later(_CLOSE_WITHIN_S, self.transport.abort)  # bytes unread by then are lost

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def _refusing(connection: Connection, error: AppError) -> Any:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        status, headers, body = connection._answer(error)  # noqa: SLF001 the same module
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return refuse


def connection_type(settings: Settings, metrics: Metrics) -> type[asyncio.Protocol]:
    """Return the protocol class for ``uvicorn.Config(http=…)``."""
    return cast("type[asyncio.Protocol]", type("Bound", (Connection,), {"settings": settings, "metrics": metrics}))


def server_config(application: FastAPI, **more: Any) -> uvicorn.Config:
    """Return uvicorn's configuration with this protocol, without uvicorn's proxy and version headers.

    Args:
        more: Further parameters of ``uvicorn.Config``, such as host and port.
    """
    context = services_of(application, CoreServices).context
    return uvicorn.Config(
        application,
        http=connection_type(context.settings, context.metrics),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # app.core.web.client_address reads what trusted proxies forward
        timeout_graceful_shutdown=_GRACE_S,
        **more,
    )
