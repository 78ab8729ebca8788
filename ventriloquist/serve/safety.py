"""What every request passes before it is answered: Host, Origin, token, and the size of its body."""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ventriloquist.errors import SettingsError
from ventriloquist.serve.errors import RequestError, error_body
from ventriloquist.serve.hosts import Names

MOST_REQUESTS = 256  # at once; each may hold a body
MOST_BODY = 1 << 20  # bytes; a thousand messages have a tenth
BODY_SECONDS = 30.0  # until a body has arrived
DRAIN_SECONDS = 5.0  # for which a body that is too large is thrown away, so that its sender reads why
SHORTEST_TOKEN = 16  # characters
PATHS = {"/", "/page.css", "/page.js", "/page/about", "/page/opening"} | {
    "/v1/models",
    "/v1/chat/completions",
    "/v1/completions",
}
METHODS = {"GET", "HEAD", "OPTIONS", "POST"}  # that are answered; the log names no others

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_ENCODED = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


def check_token(token: str) -> str:
    """Return a token that somebody chose; raise a SettingsError if it is short or cannot stand in a URL."""
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", token):
        raise SettingsError(
            "The token may have letters, digits, and . _ ~ - alone.", hint=f"For example: {secrets.token_urlsafe(24)}"
        )
    if len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"The token is too short: it needs {SHORTEST_TOKEN} characters.",
            hint=f"For example: {secrets.token_urlsafe(24)}",
        )
    return token


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask."""

    names: Names
    token: str
    cookie: str  # its name; browsers send cookies to every port of a host
    needs_token: bool  # also for /v1; else programs of this machine need none there

    @property
    def session(self) -> str:
        """The value of the cookie: whoever sees it does not know the token."""
        return hmac.new(self.token.encode(), b"cookie", "sha256").hexdigest()


class Guard:
    """ASGI middleware: checks each request, adds headers to each answer, and logs a line without words of anybody."""

    def __init__(self, app: ASGIApp, access: Access, log: Callable[[str], None]) -> None:
        self._app, self._access, self._log = app, access, log
        self._open = 0  # requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.monotonic()
        status = 0
        self._open += 1

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *_ENCODED]
            await send(message)

        try:
            refused = self._refusal(scope)
            if refused is None:
                try:
                    bounded = await _bounded(scope, receive)
                    if bounded is None:
                        return
                    receive = bounded
                except RequestError as error:
                    refused = refusal(error)
            if refused is None:
                await self._app(scope, receive, sending)
            else:
                await _refuse(refused, scope, receive, sending)
        finally:
            self._open -= 1
            seconds = time.monotonic() - started
            method = scope["method"] if scope["method"] in METHODS else "?"
            self._log(f"{method} {_shown(scope['path'])} {status or 'gone'} {seconds:.2f} s")

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not let in, or to one that brings the token; None if it is let in."""
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        hosts, origins = _all(headers, b"host"), _all(headers, b"origin")
        if len(hosts) != 1 or not self._access.names.allows(hosts[0]):
            return refusal(
                RequestError(
                    403, "The Host header does not name this server.", hint="Open the address that vq printed."
                )
            )
        if len(origins) > 1 or (origins and not self._access.names.is_same(origins[0], hosts[0])):
            return refusal(RequestError(403, "Another page may not ask this server."))
        site = next(iter(_all(headers, b"sec-fetch-site")), "none")
        opens = scope["path"] == "/" and next(iter(_all(headers, b"sec-fetch-mode")), "") == "navigate"
        if site not in ("none", "same-origin") and not opens:
            return refusal(RequestError(403, "Another page may not ask this server."))
        if self._open > MOST_REQUESTS:
            return refusal(RequestError(503, "Too many requests at once.", hint="Send it again.", retry_after=1))
        return self._unauthorised(scope, headers)

    def _unauthorised(self, scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> Response | None:
        access, path = self._access, scope["path"]
        brought = _token_in(scope["query_string"])
        if path == "/" and brought is not None and _same(brought, access.token):
            moved = RedirectResponse("/", 303)
            moved.set_cookie(access.cookie, access.session, httponly=True, samesite="strict", path="/")
            return moved
        scheme, _, bearer = next(iter(_all(headers, b"authorization")), "").partition(" ")
        if (
            (scheme.lower() == "bearer" and _same(bearer.strip(), access.token))
            or any(_same(value, access.session) for value in _cookies(headers, access.cookie))
            or (path.startswith("/v1/") and not access.needs_token and access.names.is_sure(_all(headers, b"host")[0]))
        ) and not (path == "/" and brought is not None):
            return None
        if path == "/":
            return PlainTextResponse("Open the address that vq serve printed: it ends in ?token=…\n", 401)
        if path not in PATHS and not access.needs_token:
            return refusal(RequestError(404, "There is nothing at this address.", hint="The API is at /v1."))
        response = refusal(RequestError(401, "The token is missing or wrong.", hint="Send it as a Bearer token."))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response


def refusal(error: RequestError) -> Response:
    """Return the answer for an error."""
    response = JSONResponse(error_body(error), error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer whose request's body is not wanted, and throw away what still comes for a moment."""
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    has_body = bool(_all(headers, b"transfer-encoding")) or _all(headers, b"content-length") not in ([], ["0"])
    if not has_body:
        await response(scope, receive, send)
        return
    response.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


async def _bounded(scope: Scope, receive: Receive) -> Receive | None:
    """Read a body, and return a `receive` that gives it; None if the client has gone.

    Raises:
        RequestError: it is too large, or comes too slowly.
    """
    length = next(iter(_all(scope["headers"], b"content-length")), "0")
    if not length.isdecimal() or len(length) > 18 or int(length) > MOST_BODY:
        raise _too_large()
    body = bytearray()
    more = True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MOST_BODY:
                    raise _too_large()
    except TimeoutError:
        raise RequestError(408, f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from None
    whole: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

    async def again() -> Message:
        nonlocal whole
        if whole is not None:
            message, whole = whole, None
            return message
        return await receive()

    return again


def _too_large() -> RequestError:
    return RequestError(413, f"The body has more than {MOST_BODY >> 20} MiB.", hint="Send fewer of the old messages.")


def _all(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in headers if key == name]


def _token_in(query: bytes) -> str | None:
    try:
        return next(iter(parse_qs(query.decode("latin-1"), max_num_fields=20).get("token", [])), None)
    except ValueError:
        return None


def _cookies(headers: Sequence[tuple[bytes, bytes]], name: str) -> list[str]:
    pairs = (pair.strip().partition("=") for cookies in _all(headers, b"cookie") for pair in cookies.split(";"))
    return [value for key, _, value in pairs if key == name]


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())


def _shown(path: str) -> str:
    """Return a path for the log. Another path than ours, or the name of a model in it, may hold anything."""
    if path.startswith("/v1/models/"):
        return "/v1/models/…"
    return path if path in PATHS else "another path"
