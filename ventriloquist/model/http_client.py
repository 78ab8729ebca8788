"""HTTP requests to a model server: time limits, no leaks of keys, and every failure as a ModelError."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from ventriloquist.errors import ModelError
from ventriloquist.model.address import Address
from ventriloquist.model.server_errors import CHECK, AnswerError, advice, broke_off, words_of

SECRET = 6  # characters; a shorter key is not hidden, because error messages contain such words
MOST_ADDRESS = 200  # characters of a redirect's target that are shown
CONNECT_SECONDS = 10.0


class ServerClient:
    """A client for one server, with a time limit for each request. It follows no redirect and uses no proxy."""

    def __init__(self, address: Address, *, key: str | None, seconds: float) -> None:
        self.url = address.url
        self._secrets = [secret for secret in (key, *(address.login or ())) if secret and len(secret) >= SECRET]
        self._socket: socket.socket | None = None  # of the request that is running
        self._seconds = seconds
        self._client = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            auth=None if key else address.login,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    @contextmanager
    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Iterator[httpx.Response]:
        """Send a request and hold its response open. An AnswerError inside the block becomes a ModelError.

        Raises:
            ModelError: the server cannot be reached, breaks off, or takes too long.
        """

        def follow(event: str, about: dict[str, Any]) -> None:
            if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
                self._socket = about["return_value"].get_extra_info("socket")

        def end() -> None:
            late.set()
            if self._socket is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # wakes the thread that reads from it

        late = threading.Event()
        timer = threading.Timer(self._seconds, end)
        timer.daemon = True
        response: httpx.Response | None = None
        try:
            request = self._client.build_request(method, path, json=body, extensions={"trace": follow})
            timer.start()
            response = self._client.send(request, stream=True)
            yield _uncompressed(response)
            if late.is_set():  # a body that ends with its connection looks complete
                raise self._too_late()
        except httpx.ConnectTimeout as error:
            raise self._unreachable(error) from None
        except httpx.TimeoutException:
            raise self._too_late() from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            if late.is_set():
                raise self._too_late() from None
            raise (self._unreachable(error) if response is None else self._failed(broke_off())) from None
        except AnswerError as error:
            raise (self._too_late() if late.is_set() else self._failed(error)) from None
        finally:
            timer.cancel()
            if response is not None:
                response.close()

    def _failed(self, error: AnswerError) -> ModelError:
        """Return the error to show, without the key, which a server's message may repeat."""
        what, hint = error.what, error.hint
        for secret in self._secrets:
            what, hint = what.replace(secret, "[key]"), hint.replace(secret, "[key]")
        return ModelError(f"{self.url} {what.rstrip('.')}.", hint=hint)

    def _unreachable(self, error: Exception) -> ModelError:
        reason = str(error) or type(error).__name__
        option = "https://, or http:// if it has no certificate" if "SSL" in reason else "--endpoint"
        return self._failed(AnswerError(f"cannot be reached: {reason}", hint=f"Start the server, or correct {option}."))

    def _too_late(self) -> ModelError:
        return self._failed(
            AnswerError(
                f"has not written a line within {self._seconds:g} seconds",
                hint="See whether the server is stuck, serve a smaller model, or wait longer with --endpoint-timeout.",
            )
        )


def refused(response: httpx.Response, body: bytes) -> AnswerError:
    """Return the error for a status other than 200: the server's message, and what the user can do."""
    status, said = response.status_code, words_of(body)
    if response.is_redirect:
        to = response.headers.get("location", "")[:MOST_ADDRESS] or "nowhere"
        return AnswerError(
            f"answers {status} and sends on to {to}",
            hint="Nothing was sent there. If you trust that address, name it with --endpoint.",
        )
    wait, keyed = response.headers.get("retry-after", ""), "authorization" in response.request.headers
    what = f"answers {status}: {said or response.reason_phrase or 'no message'}"
    return AnswerError(what, hint=advice(status, said, wait=wait, key=keyed))


def _uncompressed(response: httpx.Response) -> httpx.Response:
    """Return a response unless it is compressed: a few bytes could expand to gigabytes."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AnswerError("sends a compressed answer, for which it was not asked", hint=CHECK)
    return response
