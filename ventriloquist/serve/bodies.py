"""The bodies of answers: OpenAI's, with fields of ours beside them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable
from typing import Any

from ventriloquist.serve.conversation import Alternative, End, Event, LineBegins, Text
from ventriloquist.serve.directory import Directory, Entry

OWNER = "ventriloquist"


def models(directory: Directory) -> dict[str, Any]:
    """Return OpenAI's list of models."""
    return {"object": "list", "data": [model(entry, directory.me) for entry in directory.entries()]}


def model(entry: Entry, me: str) -> dict[str, Any]:
    """Return a person or group as a model."""
    last = entry.last and {
        "name": entry.last.line.name,
        "content": entry.last.line.content,
        "sent_at": entry.last.sent_at,
    }
    about = {"kind": entry.kind, "members": entry.members, "me": me, "last": last}
    return {"id": entry.id, "object": "model", "created": 0, "owned_by": OWNER, "ventriloquist": about}


class Answer:
    """Writes one answer: whole, or as the chunks of a stream."""

    def __init__(self, model: str, *, kind: str = "chat.completion", usage: bool = False) -> None:
        """Begin an answer of a model; `usage` adds a last chunk with the number of tokens."""
        self._usage = usage
        self._kind = kind
        prefix = "chatcmpl" if kind == "chat.completion" else "cmpl"
        self._head = {"id": f"{prefix}-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}
        self._lines = 0

    def whole(self, events: Iterable[Event]) -> dict[str, Any]:
        """Return the body of an answer that is not streamed."""
        content, name = "", None
        choices: list[dict[str, Any]] = []
        end = End("stop", 0, 0)
        lines: list[dict[str, str]] = []
        for event in events:
            if isinstance(event, LineBegins):
                content += ("\n" if lines else "") + event.shown
                name = name or event.name
                lines.append({"name": event.name, "delta": event.delta, "content": ""})
            elif isinstance(event, Text):
                content += event.text
                lines[-1]["content"] += event.text
            elif isinstance(event, Alternative):
                only = [event._asdict()]
                choices.append(_choice(len(choices), event.content, event.name, only, "stop"))
            else:
                end = event
        choices = choices or [_choice(0, content, name, lines, end.finish)]
        return {**self._head, "object": self._kind, "choices": choices, "usage": _usage(end)}

    def chunks(self, event: Event) -> list[dict[str, Any]]:
        """Return the chunks of one event of a stream."""
        if isinstance(event, LineBegins):
            content = ("\n" if self._lines else "") + event.shown
            role = {} if self._lines else {"role": "assistant"}
            self._lines += 1
            about = {"event": "line", "name": event.name, "delta": event.delta}
            return [self._chunk({**role, "content": content}, about)]
        if isinstance(event, Text):
            about = {"event": "text", "name": event.name, "delta": event.delta}
            return [self._chunk({"content": event.text}, about)]
        if isinstance(event, End):
            delta = {} if self._lines else {"role": "assistant", "content": ""}
            chunks = [self._chunk(delta, {"event": "end"}, event.finish)]
            if self._usage:
                head = {**self._head, "object": f"{self._kind}.chunk"}
                chunks.append({**head, "choices": [], "usage": _usage(event)})
            return chunks
        raise TypeError("alternatives are not streamed")

    def completion(self, events: Iterable[str | End]) -> dict[str, Any]:
        """Return the body of a completion that is not streamed."""
        text, end = "", End("stop", 0, 0)
        for event in events:
            if isinstance(event, str):
                text += event
            else:
                end = event
        return {**self._text(text, end.finish), "usage": _usage(end)}

    def completion_chunks(self, event: str | End) -> list[dict[str, Any]]:
        """Return the chunks of one event of a completion's stream."""
        if isinstance(event, str):
            return [self._text(event, None)]
        chunks = [self._text("", event.finish)]
        if self._usage:
            chunks.append({**self._head, "object": self._kind, "choices": [], "usage": _usage(event)})
        return chunks

    def _chunk(self, delta: dict[str, Any], about: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "object": f"{self._kind}.chunk", "choices": [choice], "ventriloquist": about}

    def _text(self, text: str, finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return {**self._head, "object": self._kind, "choices": [choice]}


def fixed(text: str) -> list[Event]:
    """Return the events of an answer that no model writes."""
    return [LineBegins("", ""), Text(text, "", ""), End("stop", 0, 0)]


def sent_event(chunk: dict[str, Any] | str) -> bytes:
    """Return a server-sent event with a chunk, or with `[DONE]`."""
    data = chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return f"data: {data}\n\n".encode()


def _choice(
    index: int, content: str, name: str | None, lines: list[dict[str, str]], finish: str | None
) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "index": index,
        "message": message | ({"name": name} if name else {}),
        "logprobs": None,
        "finish_reason": finish,
        "ventriloquist": {"lines": lines},
    }


def _usage(end: End) -> dict[str, int]:
    return {"prompt_tokens": end.read, "completion_tokens": end.written, "total_tokens": end.read + end.written}
