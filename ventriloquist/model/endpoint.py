"""A model that another program serves over `/v1/completions`: no grammar holds its lines, so they are checked."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import httpx

from ventriloquist.errors import ModelError
from ventriloquist.model.address import Address, read_address
from ventriloquist.model.events import (
    CHECK,
    AnswerError,
    advice,
    broke_off,
    parse_json,
    read_body,
    read_texts,
    words_of,
)
from ventriloquist.model.partial_line import Piece
from ventriloquist.model.sampling import TOP_K, TOP_P, Sampling
from ventriloquist.transcript import DELTAS, Line, LineReader, line_opening, well_formed

TRIES = 5  # a trained model writes nine valid lines of ten: it takes another model to fail so often in a row
MAX_TOKENS = 300  # of a line: 256 of content, and what stands before it
MAX_CHARACTERS = 4000  # of a line, where a server does not keep to that
BYTES_A_TOKEN = 2  # at least, in a transcript: the server's tokenizer is not known here
MOST_NAMES = 8  # of models, in an error
SECRET = 6  # characters; less is no key, but a word that a server's message may have
MOST_ADDRESS = 200  # characters of an address to which a server sends on
CONNECT_SECONDS = 10.0
SECONDS = 300.0  # of a request: a large model on a CPU reads a long context for minutes

# The prompt goes up to here: a token may reach over the quote that follows, but none begins before its space.
_BEFORE_DELTA = ' "delta":'
_LINE_BREAK = re.compile(r"[\r\n]")


class Endpoint:
    """A served model that writes one line after another. A context is rendered lines, each ended by its newline."""

    def __init__(
        self,
        address: Address | str,
        *,
        model: str | None = None,
        key: str | None = None,
        seconds: float = SECONDS,
        seed: int = 0,
        sampling: Sampling | None = None,
    ) -> None:
        """Reach the server.

        Args:
            address: of the server; `/v1` may be left out.
            model: one of its models; default the only one it has.
            key: what it wants as a Bearer token; it goes there and nowhere else.
            seconds: that one request may take, from asking to the end of its answer.
            seed: of the first request; the next ones count on from there.
            sampling: how lines are drawn, names and deltas too: a request has one temperature.

        Raises:
            ModelError: it cannot be reached, or has several models and none is named.
        """
        address = address if isinstance(address, Address) else read_address(address)
        self._url = address.url
        self._secrets = [secret for secret in (key, *(address.login or ())) if secret and len(secret) >= SECRET]
        self._connection: socket.socket | None = None  # the one in use
        self._seconds = seconds
        self._client = httpx.Client(
            base_url=self._url,
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            auth=None if key else address.login,
            follow_redirects=False,  # neither words nor keys go to a server that nobody named
            trust_env=False,  # nor to a proxy of the environment
        )
        self._sampling = sampling or Sampling()
        self._seed = seed
        # not OpenAI's: llama-server, vLLM, LM Studio and Ollama know or ignore them, and others are asked without
        self._extras: dict[str, Any] = {"min_p": self._sampling.min_p, "top_k": TOP_K}
        self._model = model or self._only_model()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a rendered line has at most."""
        return len(text.encode()) // BYTES_A_TOKEN

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        """Draw who writes next.

        Raises:
            ModelError: the server fails, or its model does not write lines of these people.
        """
        if len(names) == 1:
            return names[0]
        openings = {line_opening(name): name for name in names}
        for _ in range(TRIES):
            written = ""
            with closing(self._complete("".join(context))) as texts:
                for text in texts:
                    written += text
                    name = next((name for opening, name in openings.items() if written.startswith(opening)), None)
                    if name is not None:
                        return name
                    if not any(opening.startswith(written) for opening in openings):
                        break
        raise self._no_lines()

    def write(self, context: Sequence[str], names: Sequence[str]) -> Iterator[Piece]:
        """Write one line of one of these people, and yield its content as it comes; the last piece has the line.

        A line that is wrong before there is anything to show is asked for again.

        Raises:
            ModelError: the server fails, or its model does not write lines.
        """
        opening = line_opening(self.next_name(context, names)) + _BEFORE_DELTA
        for _ in range(TRIES):
            begun = False
            with closing(self._complete("".join(context) + opening)) as texts:
                for piece in checked_line(opening, texts):
                    begun = True
                    yield piece
            if begun:
                return
        raise self._no_lines()

    def candidates(self, context: Sequence[str], names: Sequence[str], count: int) -> list[Line]:
        """Write several lines that could each come next."""
        pieces = (piece for _ in range(count) for piece in self.write(context, names))
        return [piece.line for piece in pieces if piece.line is not None]

    def _complete(self, prompt: str) -> Generator[str, None, None]:
        """Yield what the model writes after a prompt, as it comes, up to its first newline."""
        body = {
            "model": self._model,
            "prompt": prompt,
            "max_tokens": MAX_TOKENS,
            "temperature": self._sampling.temperature,
            "top_p": TOP_P,
            "stop": ["\n"],
            "seed": self._seed,
            "stream": True,
        }
        self._seed += 1
        for extras in (self._extras, {}) if self._extras else ({},):
            with self._asked("POST", "completions", body | extras) as response:
                if response.status_code in (400, 422) and extras:
                    continue
                if response.status_code != httpx.codes.OK:
                    raise self._refused(response, read_body(response.iter_raw()))
                self._extras = extras
                yield from read_texts(response.iter_raw())
                return

    @contextmanager
    def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> Iterator[httpx.Response]:
        """Send a request and hold its response open; whatever fails, and what takes too long, is a ModelError."""

        def follow(event: str, about: dict[str, Any]) -> None:
            if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
                self._connection = about["return_value"].get_extra_info("socket")

        def end() -> None:
            late.set()
            if self._connection is not None:
                with suppress(OSError):
                    socket.socket.shutdown(self._connection, socket.SHUT_RDWR)  # wakes whoever reads from it

        late = threading.Event()
        watch = threading.Timer(self._seconds, end)
        watch.daemon = True
        response: httpx.Response | None = None
        try:
            request = self._client.build_request(method, path, json=body, extensions={"trace": follow})
            watch.start()
            response = self._client.send(request, stream=True)
            yield _uncompressed(response)
            if late.is_set():  # a body that ends with its connection looks whole
                raise self._too_late()
        except httpx.ConnectTimeout as error:
            raise self._unreachable(error) from None
        except httpx.TimeoutException:
            raise self._too_late() from None
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            if late.is_set():
                raise self._too_late() from None
            raise (self._unreachable(error) if response is None else self._broken()) from None
        except AnswerError as error:
            if late.is_set():
                raise self._too_late() from None
            raise self._failed(error.what, error.hint) from None
        finally:
            watch.cancel()
            if response is not None:
                response.close()

    def _only_model(self) -> str:
        with self._asked("GET", "models") as response:
            status, body = response.status_code, read_body(response.iter_raw())
            if status not in (httpx.codes.OK, httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
                raise self._refused(response, body)
        names = _model_names(body) if status == httpx.codes.OK else []
        if len(names) != 1:
            what = f"has {len(names)} models" if names else "does not say which model it has"
            more = ", …" if names[MOST_NAMES:] else ""
            among = f": one of {', '.join(names[:MOST_NAMES])}{more}" if names else ""
            raise self._failed(what, f"Name one with --endpoint-model{among}.")
        return names[0]

    def _failed(self, what: str, hint: str) -> ModelError:
        """Return the error, in which a server's words may repeat the key, but nobody sees it."""
        for secret in self._secrets:
            what, hint = what.replace(secret, "[key]"), hint.replace(secret, "[key]")
        return ModelError(f"{self._url} {what.rstrip('.')}.", hint=hint)

    def _unreachable(self, error: Exception) -> ModelError:
        reason = str(error)
        tls = "https://, or http:// where it has no certificate" if "SSL" in reason else "--endpoint"
        return self._failed(
            f"cannot be reached: {reason or type(error).__name__}", f"Start the server, or correct {tls}."
        )

    def _broken(self) -> ModelError:
        error = broke_off()
        return self._failed(error.what, error.hint)

    def _too_late(self) -> ModelError:
        return self._failed(
            f"has not written a line within {self._seconds:g} seconds",
            "See whether the server is stuck, serve a smaller model, or wait longer with --endpoint-timeout.",
        )

    def _refused(self, response: httpx.Response, body: bytes) -> ModelError:
        """Return what the server says beside a status, and what to do about it."""
        status, said = response.status_code, words_of(body)
        if response.is_redirect:
            to = response.headers.get("location", "")[:MOST_ADDRESS] or "nowhere"
            hint = "Nothing was sent there. If you trust that address, name it with --endpoint."
            return self._failed(f"answers {status} and sends on to {to}", hint)
        wait, keyed = response.headers.get("retry-after", ""), "authorization" in response.request.headers
        what = f"answers {status}: {said or response.reason_phrase or 'no word'}"
        return self._failed(what, advice(status, said, wait=wait, key=keyed))

    def _no_lines(self) -> ModelError:
        return ModelError(
            f"{self._model} at {self._url} does not write lines of a transcript.",
            hint="Serve what vq merge wrote, with the bare prompt as its template; docs/chat.md says how.",
        )


def _uncompressed(response: httpx.Response) -> httpx.Response:
    """Return a response, unless it is compressed: a few bytes may become gigabytes."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AnswerError("sends what is compressed, which it was not asked to do", hint=CHECK)
    return response


def _model_names(body: bytes) -> list[str]:
    try:
        return [model["id"] for model in parse_json(body)["data"] if isinstance(model["id"], str)]
    except (AnswerError, KeyError, TypeError):
        return []


def checked_line(opening: str, texts: Iterable[str]) -> Iterator[Piece]:
    """Read one line while it is being written; yield nothing of one that says nothing or has no known delta.

    One that goes wrong after its content has begun ends there.

    Args:
        opening: what the line begins with already.
        texts: what follows, as it comes; what is written behind the line is left out.
    """
    reader = LineReader()
    reader.feed(opening.encode())
    content = shown = ""
    received = 0
    for text in texts:
        content += reader.feed(well_formed(text).encode())
        received += len(text)
        if reader.name is None or reader.delta not in DELTAS:
            if reader.delta is not None or received > MAX_CHARACTERS:
                return
            continue
        content, *rest = _LINE_BREAK.split(content, maxsplit=1)  # an escaped one: no message has one
        if reader.finished or rest or "\n" in text or received > MAX_CHARACTERS:
            break
        if content.strip() and content != shown:
            yield Piece(reader.name, reader.delta, content[len(shown) :])
            shown = content
    if content.strip() and reader.name is not None and reader.delta is not None:
        yield Piece(reader.name, reader.delta, content[len(shown) :], Line(reader.name, reader.delta, content))
