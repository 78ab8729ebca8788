"""Writing lines with a model that another program serves over `/v1/completions`.

A server applies no grammar, so each line is checked while it arrives.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import httpx

from ventriloquist.errors import ModelError
from ventriloquist.model.address import Address, read_address
from ventriloquist.model.events import read_body, read_texts
from ventriloquist.model.http_client import ServerClient, refused
from ventriloquist.model.partial_line import Piece
from ventriloquist.model.sampling import TOP_K, TOP_P, Sampling
from ventriloquist.model.server_errors import AnswerError, parse_json
from ventriloquist.transcript import DELTAS, Line, LineReader, line_opening, well_formed

TRIES = 5  # a model trained on transcripts writes nine valid lines of ten, so five failures mean another model
MAX_TOKENS = 300  # of a line: 256 of content, and the name and delta before it
MAX_CHARACTERS = 4000  # of a line, for servers that ignore MAX_TOKENS
BYTES_A_TOKEN = 2  # at least, in a transcript; the server's tokenizer is not known here
MOST_NAMES = 8  # of models, in an error
SECONDS = 300.0  # for a request: a large model on a CPU takes minutes for a long context

OURS = "ventriloquist"  # the field that vq serve adds to each model

# The prompt ends here: a token may span the quote that follows, but no token starts before the space in front of it.
_BEFORE_DELTA = ' "delta":'
_LINE_BREAK = re.compile(r"[\r\n]")


class Endpoint:
    """A served model that writes lines. A context is rendered lines, each ended by its newline."""

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
        """Connect to the server.

        Args:
            model: one of the server's models; default its only one.
            key: sent to this server as a Bearer token.
            seconds: time limit of one request, from sending it to the end of its answer.
            seed: of the first request; each further request adds 1.
            sampling: of whole lines, since a request has one temperature.

        Raises:
            ModelError: it cannot be reached, or `model` is needed to choose among several.
        """
        address = address if isinstance(address, Address) else read_address(address)
        self._client = ServerClient(address, key=key, seconds=seconds)
        self._sampling = sampling or Sampling()
        self._seed = seed
        # vq serve knows the first ones; llama-server, vLLM, LM Studio and Ollama know or ignore the second.
        # A server that refuses some is asked with the next ones from then on.
        known: dict[str, Any] = {"min_p": self._sampling.min_p, "top_k": TOP_K}
        self._extras = [{**known, "name_guidance": self._sampling.name_guidance}, known, {}]
        try:
            self._model = model or self._only_model()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a rendered line has at most."""
        return len(text.encode()) // BYTES_A_TOKEN

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        """Sample who writes next.

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
        """Write one line of one of these people; yield its content in pieces, the last one with the whole line.

        A line that goes wrong before its content begins is requested again.

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
        """Write alternative next lines."""
        pieces = (piece for _ in range(count) for piece in self.write(context, names))
        return [piece.line for piece in pieces if piece.line is not None]

    def _complete(self, prompt: str) -> Generator[str, None, None]:
        """Yield the model's completion up to its first newline, as it arrives."""
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
        for number, extras in enumerate(self._extras):
            with self._client.request("POST", "completions", body | extras) as response:
                if response.status_code in (400, 422) and extras:
                    continue
                if response.status_code != httpx.codes.OK:
                    raise refused(response, read_body(response.iter_raw()))
                self._extras = self._extras[number:]
                yield from read_texts(response.iter_raw())
                return

    def _only_model(self) -> str:
        with self._client.request("GET", "models") as response:
            status, body = response.status_code, read_body(response.iter_raw())
            if status not in (httpx.codes.OK, httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
                raise refused(response, body)
            names = _model_names(body) if status == httpx.codes.OK else []
            if names and _is_vq_serve(body):  # each of its models is a person, and any completes a transcript
                return names[0]
            if len(names) != 1:
                what = f"has {len(names)} models" if names else "does not say which model it has"
                more = ", …" if names[MOST_NAMES:] else ""
                among = f": one of {', '.join(names[:MOST_NAMES])}{more}" if names else ""
                raise AnswerError(what, hint=f"Name one with --endpoint-model{among}.")
            return names[0]

    def _no_lines(self) -> ModelError:
        return ModelError(
            f"{self._model} at {self._client.url} does not write lines of a transcript.",
            hint="Serve what vq merge wrote, with the bare prompt as its template; docs/chat.md says how.",
        )


def _model_names(body: bytes) -> list[str]:
    try:
        return [model["id"] for model in parse_json(body)["data"] if isinstance(model["id"], str)]
    except (AnswerError, KeyError, TypeError):
        return []


def _is_vq_serve(body: bytes) -> bool:
    return all(OURS in model for model in parse_json(body)["data"] if isinstance(model, dict))


def checked_line(opening: str, texts: Iterable[str]) -> Iterator[Piece]:
    """Check one line while it arrives. Yield nothing if its delta is unknown or its content is empty.

    A line that goes wrong within its content ends there. `opening` is the beginning of the line, from the prompt.
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
        content, *rest = _LINE_BREAK.split(content, maxsplit=1)  # an escaped one; a message has none
        if reader.finished or rest or "\n" in text or received > MAX_CHARACTERS:
            break
        if content.strip() and content != shown:
            yield Piece(reader.name, reader.delta, content[len(shown) :])
            shown = content
    if content.strip() and reader.name is not None and reader.delta is not None:
        yield Piece(reader.name, reader.delta, content[len(shown) :], Line(reader.name, reader.delta, content))
