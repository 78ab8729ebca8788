"""Reading a completion from a server: server-sent events or one JSON body, within bounds.

Events are parsed here and not by httpx-sse, which reads an endless line until memory is full.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ventriloquist.model.server_errors import (
    MESSAGE_KEYS,
    AnswerError,
    broke_off,
    no_completion,
    parse_json,
    server_error,
)

MOST_LINE = 1 << 20  # bytes of a line or a body; a whole answer with log-probabilities has a tenth
MOST_BYTES = 2 << 20  # bytes of a stream; 300 tokens, each in its own event, have a tenth

BYTE_ORDER_MARK = "\ufeff".encode()
DONE = b"[DONE]"  # data of the last event

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELD = re.compile(rb"(?:data|event|id|retry|error)?(?::|$)")


def read_texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of each event as it arrives.

    Raises:
        AnswerError: the server reports an error, or its answer is not a completion, too long or cut off.
    """
    ended = False
    for value, data in _events(chunks):
        if value == DONE:
            return
        for choice in _choices(value, data):
            ended = ended or choice.get("finish_reason") is not None
            text = choice.get("text", "")
            if text is not None and not isinstance(text, str):
                raise no_completion(data)
            if text:
                yield text
    if not ended:
        raise broke_off()


def read_body(chunks: Iterable[bytes]) -> bytes:
    """Return a body, cut off at MOST_LINE."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MOST_LINE:
            break
    return bytes(body[:MOST_LINE])


def _choices(value: Any, data: bytes) -> list[dict[str, Any]]:
    """Return the choices of an event; the last events may have none."""
    if not isinstance(value, dict):
        raise no_completion(data)
    choices = value.get("choices")
    if value.get("error") or (choices is None and any(value.get(key) for key in MESSAGE_KEYS)):
        raise server_error(data)
    if choices is None and "usage" in value:
        return []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise no_completion(data)
    if any(choice.get("error") for choice in choices):
        raise server_error(data)
    return choices


def _events(chunks: Iterable[bytes]) -> Iterator[tuple[Any, bytes]]:
    """Yield each event's JSON and bytes. A body that is not a stream counts as one event; `[DONE]` yields DONE."""
    lines = _lines(chunks)
    first = next((line for line in lines if line.strip()), b"").removeprefix(BYTE_ORDER_MARK)
    if first and not _FIELD.match(first):
        body = read_body(line + b"\n" for line in chain([first], lines))
        yield parse_json(body), body
        yield DONE, b""
        return
    held: list[bytes] = []
    failed = False
    for line in chain([first], lines):
        name, _, value = line.partition(b":")
        if name == b"event":
            failed = value.strip() == b"error"
        elif name == b"data":
            if failed:
                raise server_error(value)
            held.append(value)
            whole = _json_or_none(value) if len(held) == 1 else None
            if whole is not None:  # yield it now: some servers send no blank line after it
                yield whole, held.pop()
        elif name == b"error":  # llama.cpp's, once
            yield {"error": value.decode("utf-8", "replace")}, value
        elif not line and held:
            data = b"\n".join(held)
            held = []
            yield parse_json(data), data


def _json_or_none(data: bytes) -> Any:
    """Return the JSON of one line of data, or None if it is incomplete."""
    if data.strip() == DONE:
        return DONE
    try:
        return json.loads(data)
    except ValueError:
        return None
    except RecursionError:
        return parse_json(data)  # raises


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines as they arrive, without comments. U+2028 does not end a line: a JSON string may contain it."""
    held = bytearray()
    carried = b""  # a carriage return whose newline may be the next byte
    received = comments = 0
    for chunk in chunks:
        received += len(chunk)
        text = carried + chunk
        carried = b"\r" if text.endswith(b"\r") else b""
        begun, *further = _LINE_END.split(text.removesuffix(b"\r"))
        held += begun
        for after in further:
            if held.startswith(b":"):
                comments += len(held) + 1
            else:
                yield bytes(held)
            held = bytearray(after)
        if comments > MOST_LINE:
            raise AnswerError(
                "keeps the connection open but writes nothing",
                hint="It may be stuck or busy: see its own messages, then send it again.",
            )
        if len(held) > MOST_LINE or received > MOST_BYTES:
            raise AnswerError(
                f"sends more than {MOST_LINE >> 20} MiB instead of a line of text",
                hint="Check --endpoint: it may name a download, a log or a proxy, not the server of a model.",
            )
    if not held.startswith(b":"):
        yield bytes(held)
