"""What can go wrong with a server's answer: the server's own message, and what the user can do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

MOST_WORDS = 300  # characters of a server's message that are shown
DEEPEST = 5  # levels of JSON that are searched for a message
MOST_PAGE = 4096  # characters of a web page that are searched for a message

CHECK = "Check --endpoint: it must be a model server with OpenAI's /v1/completions."

ADVICE = {
    401: "It needs a key: set VQ_API_KEY in the environment or .env, or name a variable with --api-key-env.",
    403: "It refuses access: check the permissions of your key, and whom the server admits.",
    404: "Correct --endpoint: its path must end in /v1, and /v1/completions must exist.",
    405: "Correct --endpoint: its path must end in /v1, and /v1/completions must exist.",
    429: "It takes no more requests now: wait a while, then send it again.",
    500: "The server failed: see its own messages, then send it again.",
    502: "The server behind this address does not answer: see whether it runs.",
    503: "Wait a moment, then send it again. If that does not help, see whether the server has loaded its model.",
    504: "The server behind this address does not answer in time: see whether it runs, or send it again.",
}  # by status

_MARKUP = re.compile(r"<(script|style|head)\b.*?</\1>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_NOT_A_NUMBER = re.compile(rb"\b(?:NaN|Infinity)\b")
MESSAGE_KEYS = ("error", "message", "detail", "msg", "errors", "error_description", "title", "choices")


class AnswerError(Exception):
    """A server's answer that cannot be used: `what` continues a sentence that begins with the server's address."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def broke_off() -> AnswerError:
    """Return the error for an answer that ended within a line."""
    return AnswerError(
        "broke off in the middle of a line",
        hint="It may have crashed or run out of memory: see its own messages, then send it again.",
    )


def parse_json(data: bytes) -> Any:
    """Parse JSON; raise an AnswerError if it is not JSON, or nested too deeply."""
    try:
        return json.loads(data)
    except RecursionError:
        raise AnswerError("sends JSON that is nested too deeply to be read", hint=CHECK) from None
    except ValueError:
        raise no_completion(data) from None


def words_of(data: bytes) -> str:
    """Return a server's message in one line: from its JSON, from the text of a web page, or the body itself."""
    text = data.decode("utf-8", "replace")
    try:
        text = _message(json.loads(data), DEEPEST) or text
    except (ValueError, RecursionError):
        if text.lstrip().startswith("<"):
            text = _MARKUP.sub(" ", text[:MOST_PAGE])
    words = " ".join(text[: 8 * MOST_WORDS].split())
    return words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"


def advice(status: int, said: str, *, wait: str = "", key: bool = False) -> str:
    """Return what the user can do about an HTTP status.

    Args:
        said: the server's message.
        wait: its Retry-After header.
        key: whether a key was sent.
    """
    words = said.casefold()
    if status == 401 and key:
        return "The server does not take this key: correct VQ_API_KEY, or name another variable with --api-key-env."
    if status in (404, 405) and "model" in words:
        return "Name one of its models with --endpoint-model."
    if status == 429 and re.fullmatch("[0-9]{1,5}", wait):
        return f"It takes no more requests now: wait {wait} seconds, then send it again."
    if status == 503 and "load" in words and "overload" not in words:
        return "Wait until it has loaded its model, then send it again."
    if status in (400, 413) and any(word in words for word in ("context", "token", "too long", "too large")):
        return "Serve the model with a longer context, such as 8192 tokens."
    return ADVICE.get(status, "See the server's own messages, and check --endpoint-model.")


def _message(value: object, depth: int) -> str:
    """Return the message in an error's JSON; each server has another place for it."""
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    found: Iterable[object] = ()
    if isinstance(value, dict):
        found = (value[key] for key in MESSAGE_KEYS if key in value)
    elif isinstance(value, list):
        found = value[:3]
    return next(filter(None, (_message(part, depth - 1) for part in found)), "")


def server_error(data: bytes) -> AnswerError:
    return AnswerError(f"failed: {words_of(data)}", hint="See the server's own messages, then send it again.")


def no_completion(data: bytes) -> AnswerError:
    if _NOT_A_NUMBER.search(data[:MOST_PAGE]):
        return AnswerError(
            f"sends values that are not numbers: {words_of(data)}",
            hint="Its model may not work in the precision it is served in: try another, such as bfloat16.",
        )
    return AnswerError(f"does not speak OpenAI's completions: {words_of(data) or 'it sends nothing'}", hint=CHECK)
