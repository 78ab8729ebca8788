"""A model that another program serves over `/v1/completions`: no grammar holds its lines, so they are checked."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import httpx

from ventriloquist.errors import ModelError
from ventriloquist.model.sampling import Sampling
from ventriloquist.model.writing import Piece
from ventriloquist.transcript import DELTAS, Line, LineReader, line_opening, well_formed

TRIES = 5  # a trained model writes nine valid lines of ten: it takes another model to fail so often in a row
MAX_TOKENS = 300  # of a line: 256 of content, and what stands before it
MAX_CHARACTERS = 4000  # of a line, where a server does not keep to that
BYTES_A_TOKEN = 2  # at least, in a transcript: the server's tokenizer is not known here
CONNECT_SECONDS, READ_SECONDS = 10.0, 600.0  # a large model on a CPU reads a long context for minutes

# The prompt goes up to here: a token may reach over the quote that follows, but none begins before its space.
_BEFORE_DELTA = ' "delta":'
_LINE_BREAK = re.compile(r"[\r\n]")


class Endpoint:
    """A served model that writes one line after another. A context is rendered lines, each ended by its newline."""

    def __init__(self, url: str, *, model: str | None = None, seed: int = 0, sampling: Sampling | None = None) -> None:
        """Reach the server.

        Args:
            url: of the server; `/v1` may be left out.
            model: one of its models; default the only one it has.
            seed: of the first request; the next ones count on from there.
            sampling: how lines are drawn, names and deltas too: a request has one temperature.

        Raises:
            ModelError: it cannot be reached, or has several models and none is named.
        """
        self._url = base_url(url)
        try:
            self._client = httpx.Client(
                base_url=self._url,
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                trust_env=False,  # private text goes to the named server, not to a proxy that the environment names
            )
        except httpx.InvalidURL:
            raise ModelError(f"{url!r} is no address.", hint="Write it like http://127.0.0.1:8080/v1") from None
        self._sampling = sampling or Sampling()
        self._seed = seed
        # not OpenAI's: llama-server, vLLM, LM Studio and Ollama know or ignore them, and others are asked without
        self._extras: dict[str, Any] = {"min_p": self._sampling.min_p, "top_k": 0}
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
            "top_p": 1,
            "stop": ["\n"],
            "seed": self._seed,
            "stream": True,
        }
        self._seed += 1
        try:
            with closing(self._post(body)) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise self._refused(response)
                yield from _texts(response.iter_bytes())
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except (ValueError, KeyError, TypeError, IndexError):
            raise ModelError(
                f"{self._url} does not speak OpenAI's completions.", hint="Name a server that has /v1/completions."
            ) from None

    def _post(self, body: dict[str, Any]) -> httpx.Response:
        request = self._client.build_request("POST", "completions", json=body | self._extras)
        response = self._client.send(request, stream=True)
        if response.status_code in (400, 422) and self._extras:
            response.close()
            self._extras = {}
            return self._post(body)
        return response

    def _only_model(self) -> str:
        try:
            response = self._client.get("models")
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        try:
            names = [str(model["id"]) for model in response.json()["data"]]
        except (ValueError, KeyError, TypeError):
            names = []
        if len(names) != 1:
            what = f"has {len(names)} models" if names else "does not say which model it has"
            among = f": one of {', '.join(names)}" if names else ""
            raise ModelError(f"{self._url} {what}.", hint=f"Name one with --endpoint-model{among}.")
        return names[0]

    def _unreachable(self, error: httpx.HTTPError) -> ModelError:
        return ModelError(
            f"{self._url} cannot be reached: {str(error) or type(error).__name__}.",
            hint="Start the server, or correct --endpoint.",
        )

    def _refused(self, response: httpx.Response) -> ModelError:
        said = " ".join(response.text.split())[:200]
        return ModelError(
            f"{self._url} answers {response.status_code}: {said or response.reason_phrase}",
            hint="Check the server's own messages, and --endpoint-model.",
        )

    def _no_lines(self) -> ModelError:
        return ModelError(
            f"{self._model} at {self._url} does not write lines of a transcript.",
            hint="Serve what vq merge wrote, with the bare prompt as its template; docs/chat.md says how.",
        )


def base_url(address: str) -> str:
    """Return the address that `completions` is to be found under."""
    url = address if "://" in address else f"http://{address}"
    url = url.rstrip("/").removesuffix("/completions")
    return f"{url if url.endswith('/v1') else url + '/v1'}/"


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


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of each server-sent event."""
    for line in _lines(chunks):
        if not line.startswith(
            (b"data:", b"{")
        ):  # a comment, a blank line; a server that does not stream has no prefix
            continue
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            return
        for choice in json.loads(data)["choices"]:
            yield choice["text"] or ""


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines as they come. A newline ends one and nothing else: U+2028 may stand in a JSON string."""
    held = b""
    for chunk in chunks:
        *whole, held = (held + chunk).split(b"\n")
        yield from whole
    yield held
