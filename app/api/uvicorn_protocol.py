"""The edge of a connection, below the application: what a client may hold back or swell before there is a request.

uvicorn waits for ever for the end of a head, keeps whatever a head grows to, and waits for ever for a client that
does not read. Here a head has a time and a size, a body has a time, and what is around it (extensions of chunks,
trailers, which nobody reads) a size; an answer that nobody takes is given up, connections are counted, and what is
refused is told by the same problem documents as elsewhere. The size of bodies, which applications read themselves,
is limited in ``app.api.request_limits``.
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
"""How long a stop waits for requests: a client that holds its body back or does not read would hold it up for ever,
until the supervisor kills (containers: after 10 s). What was handed to the writer is stored all the same."""
_FRAME_BYTES: Final = 16
"""So many bytes around each piece of a body are nothing but its framing."""
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
        """Begin to wait for a first head."""
        super().connection_made(transport)
        self._one_too_many = len(self.connections) > self.settings.limits.max_connections
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_waiting()
        self._stop(self._answer_timer)
        self._answer_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes, and see to it that what is still to come has its time."""
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
                self._close()  # the next request, sent ahead, and no place yet to say so
            else:
                self._refuse(self._too_large())

    def _is_over(self) -> bool:
        return self._refused or self.transport.is_closing()

    def _cycle(self) -> RequestResponseCycle | None:
        """Return the last request; uvicorn declares that there always is one, and before the first there is none."""
        return cast("RequestResponseCycle | None", self.cycle)

    def on_message_begin(self) -> None:
        """Begin a head; it may stand in the same bytes as the end of the body before it."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._chunk_bytes

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of a head; trailers are dropped, for whoever checked the head did not see them."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, or one that refuses it in its place."""
        self._in_head, self._in_body = False, True
        self._around_body = self._since_body = 0
        self._stop_waiting()
        refusal = self._refusal()
        served = self.app
        if refusal is not None:
            self.app = _refusing(self, refusal)  # uvicorn takes it while the next line runs
        super().on_headers_complete()
        self.app = served
        self.headers = []  # those of the request are its own from here on

    def on_body(self, body: bytes) -> None:
        """Take in a piece of a body, and count what is body of what came."""
        self._body_bytes += len(body) + _FRAME_BYTES
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a body."""
        self._in_body = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Begin to watch whether the client takes anything of what waits for it."""
        super().pause_writing()
        self._left_to_send = self.transport.get_write_buffer_size()
        self._stop(self._answer_timer)
        self._answer_timer = self.loop.call_later(self.settings.limits.answer_pause_s, self._answer_late)

    def resume_writing(self) -> None:
        """End the watch."""
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
            return self._too_large()  # bytes of a body, too, may have come at once: counted exactly
        return None

    def _too_large(self) -> AppError:
        most = self.settings.limits.max_head_bytes
        if len(self.url) > self.settings.limits.max_url_bytes:
            return AddressTooLong(f"expected an address of at most {self.settings.limits.max_url_bytes} bytes")
        return HeadTooLarge(f"expected a first line and headers of at most {most} bytes")

    def _is_padded(self) -> bool:
        """Tell whether too much came that is no body: in all, beyond its framing, or since there was any."""
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
            self._close()  # nothing was asked, or what was asked is answered

    def _body_late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if not self.cycle.response_started and (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            self._await_body()  # it is us that it waits for
        else:
            self._give_up_body(TooSlow("The rest of the body did not come in time."))

    def _give_up_body(self, error: AppError) -> None:
        if self.cycle.response_started or self.pipeline:
            self._close()  # the rest of what is answered already, or no place yet to say so
            return
        self._refuse(error)
        self.cycle.disconnected = True  # so it looks to the application, whose answer goes nowhere
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
        """Answer without an application, which only what comes before a request is, and take in nothing more.

        Closed at once, with bytes of the client on their way, the connection would be reset and the answer lost.
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
        self.loop.call_later(_CLOSE_WITHIN_S, self.transport.abort)  # what it does not take by then is lost

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
    """Return the class of connections for ``uvicorn.Config(http=…)``.

    Args:
        settings: The limits.
        metrics: Where refusals are counted.
    """
    return cast("type[asyncio.Protocol]", type("Bound", (Connection,), {"settings": settings, "metrics": metrics}))


def server_config(application: FastAPI, **more: Any) -> uvicorn.Config:
    """Return how an application is served: with our edges, and without uvicorn's say about proxies and versions.

    Args:
        application: Made by ``app.main.create_app``.
        more: Where to listen, and the like.
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
