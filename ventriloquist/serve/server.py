"""The socket and the HTTP server: uvicorn, with time limits for slow clients, that ends at once."""

from __future__ import annotations

import errno
import socket
from asyncio import TimerHandle, Transport
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ventriloquist.errors import SettingsError
from ventriloquist.serve.generation import Generation

HEADER_SECONDS = 20.0  # until the headers of a request have arrived; then the connection is closed
READER_SECONDS = 30.0  # for which a client may leave what was sent unread
CONNECTIONS = 1000  # at once; the guard admits fewer requests
HEADER_BYTES = 32_768
STOP_SECONDS = 5.0  # for the thread of the model: a forward pass of a large model on a CPU


class Protocol(H11Protocol):
    """HTTP/1.1 for one client. One that is too slow is cut off."""

    _header_timer: TimerHandle | None = None
    _reader_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._end_if_idle, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._header_timer, self._reader_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._header_timer is not None:
            self._header_timer.cancel()
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._end_if_idle, 0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_timer = self.loop.call_later(READER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _end_if_idle(self, _: int) -> None:
        """Close the connection unless a whole request has arrived, whose answer may take its time."""
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.abort()


class Server(uvicorn.Server):
    """A server that ends at once: on a signal, answers are broken off."""

    def __init__(self, app: ASGIApp, generation: Generation) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="critical",  # its messages may hold what was sent; the guard logs a line for each request
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=int(HEADER_SECONDS),
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=HEADER_BYTES,
            )
        )
        self._generation = generation

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._generation.stop()
        super().handle_exit(sig, frame)

    def serve_until_stopped(self, bound: socket.socket) -> None:
        """Serve until a signal comes or `should_exit` is set. After a signal it is raised again."""
        self._generation.start()
        try:
            self.run(sockets=[bound])
        finally:
            self._generation.stop()
            self._generation.join(STOP_SECONDS)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, and does not listen yet.

    Raises:
        SettingsError: the port is taken or not allowed, or the host is not this machine's.
    """
    try:
        # localhost is an IPv4 address for every client
        found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        found.sort(key=lambda each: each[0] != socket.AF_INET)
        family, kind, protocol, _, address = found[0]
    except (OSError, UnicodeError):
        raise SettingsError(f"There is no host {host!r}.", hint="Leave out --host, or name an address.") from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(1)  # two sockets may be bound to a port as long as neither listens
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {port} is taken.",
                hint="Stop the other vq serve, or choose another port: --port 0 takes a free one.",
            ) from None
        if error.errno == errno.EACCES:
            raise SettingsError(f"Port {port} needs root.", hint="Choose one above 1023 with --port.") from None
        raise SettingsError(
            f"vq cannot listen on {host}: {error.strerror or error}.",
            hint="Name an address of this machine with --host.",
        ) from None
    return bound
