"""What a server sends: server-sent events or one body, read within bounds, and its own words for what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

MOST_LINE = 1 << 20  # bytes of one line or of a body: a whole answer with all its figures has a tenth
MOST_BYTES = 2 << 20  # bytes of a stream: 300 tokens in events of their own have a tenth
MOST_WORDS = 300  # characters that are shown of a server's words
DEEPEST = 5  # levels of JSON in which they are looked for
MOST_PAGE = 4096  # characters of a web page that are searched for words

BYTE_ORDER_MARK = "\ufeff".encode()
DONE = b"[DONE]"  # the last event's data
CHECK = "Check --endpoint: it has to be the server of a model, with OpenAI's /v1/completions."

ADVICE = {
    401: "It wants a key: set VQ_API_KEY in the environment or .env, or name a variable with --api-key-env.",
    403: "It does not let you in: check what your key may do, and whom the server lets in.",
    404: "Correct --endpoint: completions are looked for under /v1/completions.",
    405: "Correct --endpoint: completions are looked for under /v1/completions.",
    429: "It takes no more requests now: wait a while, then say it again.",
    500: "It failed by itself: see the server's own messages, then say it again.",
    502: "The server behind this address does not answer: see whether it runs.",
    503: "Wait a moment, then say it again; if it stays so, see whether the server has its model.",
    504: "The server behind this address does not answer in time: see whether it runs, or say it again.",
}  # by status

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELD = re.compile(rb"(?:data|event|id|retry|error)?(?::|$)")
_NOT_A_NUMBER = re.compile(rb"\b(?:NaN|Infinity)\b")
_WORDS_OF = ("error", "message", "detail", "msg", "errors", "error_description", "title", "choices")


class AnswerError(Exception):
    """A server's answer that cannot be used: `what` goes on from its address, and `hint` is what to do."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def broke_off() -> AnswerError:
    """Return the error of an answer that ended before its line did."""
    return AnswerError(
        "broke off in the middle of a line",
        hint="It may have crashed or run out of memory: see its own messages, then say it again.",
    )


def read_texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of each event of a completion, as it comes.

    Raises:
        AnswerError: the server says that it failed, or what it sends is no completion, has no end or breaks off.
    """
    ended = False
    for value, data in _events(chunks):
        if value == DONE:
            return
        for choice in _choices(value, data):
            ended = ended or choice.get("finish_reason") is not None
            text = choice.get("text", "")
            if text is not None and not isinstance(text, str):
                raise _no_completion(data)
            if text:
                yield text
    if not ended:
        raise broke_off()


def read_body(chunks: Iterable[bytes]) -> bytes:
    """Return a body, or its beginning where it has no end within MOST_LINE."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MOST_LINE:
            break
    return bytes(body[:MOST_LINE])


def parse_json(data: bytes) -> Any:
    """Return what JSON says.

    Raises:
        AnswerError: it is not JSON, or nested more deeply than any answer is.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise AnswerError("sends JSON that is nested too deeply to be read", hint=CHECK) from None
    except ValueError:
        raise _no_completion(data) from None


def words_of(data: bytes) -> str:
    """Return a server's own words in one line: the message in JSON, the text of a page, or what it sent as it is."""
    text = data.decode("utf-8", "replace")
    try:
        text = _message(json.loads(data), DEEPEST) or text
    except (ValueError, RecursionError):
        if text.lstrip().startswith("<"):
            text = re.sub(
                r"<(script|style|head)\b.*?</\1>|<[^<>]*>", " ", text[:MOST_PAGE], flags=re.DOTALL | re.IGNORECASE
            )
    words = " ".join(text[: 8 * MOST_WORDS].split())
    return words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"


def advice(status: int, said: str, *, wait: str = "", key: bool = False) -> str:
    """Return what to do about a status of HTTP.

    Args:
        status: that the server answered with.
        said: its own words.
        wait: the seconds it asks for, as it says them.
        key: whether it was sent one.
    """
    words = said.casefold()
    if status == 401 and key:
        return "It does not take this key: correct VQ_API_KEY, or name another variable with --api-key-env."
    if status in (404, 405) and "model" in words:
        return "Name one of its models with --endpoint-model."
    if status == 429 and re.fullmatch("[0-9]{1,5}", wait):
        return f"It takes no more requests now: wait {wait} seconds, then say it again."
    if status == 503 and "load" in words and "overload" not in words:
        return "Wait until it has loaded its model, then say it again."
    if status in (400, 413) and any(word in words for word in ("context", "token", "too long", "too large")):
        return "Serve the model with a longer context, such as 8192 tokens."
    return ADVICE.get(status, "See the server's own messages, and check --endpoint-model.")


def _message(value: object, depth: int) -> str:
    """Return the message in an error's JSON, wherever the known servers put it."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    found: Iterable[object] = ()
    if isinstance(value, dict):
        found = (value[key] for key in _WORDS_OF if key in value)
    elif isinstance(value, list):
        found = value[:3]
    return next(filter(None, (_message(part, depth - 1) for part in found)), "")


def _choices(value: Any, data: bytes) -> list[dict[str, Any]]:
    """Return the choices of an event; the last ones may have none.

    Raises:
        AnswerError: it is an error of the server, or no completion.
    """
    if not isinstance(value, dict):
        raise _no_completion(data)
    choices = value.get("choices")
    if value.get("error") or (choices is None and any(value.get(key) for key in _WORDS_OF)):
        raise _server_error(data)
    if choices is None and "usage" in value:
        return []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise _no_completion(data)
    if any(choice.get("error") for choice in choices):
        raise _server_error(data)
    return choices


def _server_error(data: bytes) -> AnswerError:
    return AnswerError(f"failed: {words_of(data)}", hint="See the server's own messages, then say it again.")


def _no_completion(data: bytes) -> AnswerError:
    if _NOT_A_NUMBER.search(data[:MOST_PAGE]):
        return AnswerError(
            f"sends figures that are not numbers: {words_of(data)}",
            hint="Its model may not work in the precision it is served in: try another, such as bfloat16.",
        )
    return AnswerError(f"does not speak OpenAI's completions: {words_of(data) or 'it sends nothing'}", hint=CHECK)


def _events(chunks: Iterable[bytes]) -> Iterator[tuple[Any, bytes]]:
    """Yield the JSON of each event with its bytes; the body of a server that does not stream is one, `[DONE]` none.

    Raises:
        AnswerError: it is not JSON, or there is more than an answer has.
    """
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
                raise _server_error(value)
            held.append(value)
            whole = _json_or_none(value) if len(held) == 1 else None
            if whole is not None:  # at once: some servers send no blank line behind it
                yield whole, held.pop()
        elif name == b"error":  # llama.cpp's, once
            yield {"error": value.decode("utf-8", "replace")}, value
        elif not line and held:
            data = b"\n".join(held)
            held = []
            yield parse_json(data), data


def _json_or_none(data: bytes) -> Any:
    """Return what one line of data says, None where it is not whole JSON."""
    if data.strip() == DONE:
        return DONE
    try:
        return json.loads(data)
    except ValueError:
        return None
    except RecursionError:
        return parse_json(data)  # which says so


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines as they come, comments left out. U+2028 ends none: it may stand in a JSON string.

    Raises:
        AnswerError: a line, the comments or the whole have no end.
    """
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
                "keeps the connection open and writes nothing",
                hint="It may be stuck, or busy with others: see its own messages, then say it again.",
            )
        if len(held) > MOST_LINE or received > MOST_BYTES:
            raise AnswerError(
                f"sends {MOST_LINE >> 20} MiB and more where a line of text belongs",
                hint="Check --endpoint: it may name a download, a log or a proxy, not the server of a model.",
            )
    if not held.startswith(b":"):
        yield bytes(held)
