"""The bodies of requests: OpenAI's, with the fields that are read here. Unknown fields are ignored."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ventriloquist.model.sampling import MOST_NAME_GUIDANCE
from ventriloquist.serve.errors import RequestError
from ventriloquist.transcript import DELTAS, well_formed

DEEPEST = 32  # levels of JSON
MOST_MESSAGES = 2_000
MOST_CHOICES = 8
LONGEST_STOP = 500  # characters

Body = TypeVar("Body", bound=BaseModel)
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Stop = Annotated[str, Field(max_length=LONGEST_STOP)]
# an error for each of many wrong parts would take gigabytes
_Parts = Annotated[list[dict[str, Any] | str], Field(fail_fast=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Message(_Part):
    """A message of a conversation."""

    role: Literal["user", "assistant", "system", "developer", "tool", "function"]
    content: str | _Parts | None = None
    name: str | None = None  # a member's
    delta: Literal[DELTAS] | None = None  # type: ignore[valid-type]  # a tuple of strings

    @property
    def text(self) -> str:
        """The text; the texts of several parts are lines of it."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        texts = (part if isinstance(part, str) else part.get("text") for part in self.content)
        return "\n".join(text for text in texts if isinstance(text, str))

    @property
    def has_other_parts(self) -> bool:
        """Whether there are images or other parts that are not text."""
        parts = self.content if isinstance(self.content, list) else []
        return any(isinstance(part, dict) and not isinstance(part.get("text"), str) for part in parts)


class StreamOptions(_Part):
    """What a stream has beside the text."""

    include_usage: bool | None = None


class Sampled(_Part):
    """The fields that chats and completions share. None: the server's default."""

    model: str | None = None
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    top_p: _Share | None = None
    min_p: _Share | None = None
    top_k: int | None = Field(None, ge=-1)
    name_guidance: float | None = Field(None, ge=0, le=MOST_NAME_GUIDANCE, allow_inf_nan=False)
    seed: int | None = None
    stop: _Stop | Annotated[list[_Stop], Field(max_length=64)] | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in stop if text)

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def limit(self) -> int | None:
        """How many tokens may be written; None: as many as usual."""
        return self.max_tokens if self.max_tokens is not None and self.max_tokens > 0 else None


class Wishes(_Part):
    """Our own fields of a chat."""

    date: str | None = Field(None, max_length=40)
    new: bool | None = None  # None: the server's default
    speaker: str | None = None


class ChatBody(Sampled):
    """The body of /v1/chat/completions."""

    messages: list[Message] = Field(max_length=MOST_MESSAGES, fail_fast=True)
    max_completion_tokens: int | None = None
    n: int | None = Field(None, ge=1, le=MOST_CHOICES)
    ventriloquist: Wishes | None = None

    @property
    def limit(self) -> int | None:
        newer = self.max_completion_tokens
        return newer if newer is not None and newer > 0 else super().limit


class CompletionBody(Sampled):
    """The body of /v1/completions."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)]

    @property
    def text(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]


def read_body(data: bytes, model: type[Body]) -> Body:
    """Read a body. No error repeats any of it.

    Raises:
        RequestError: it is not JSON, too deep, or has a field with a wrong value.
    """
    try:
        value = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise RequestError(400, "The body is not JSON.", hint="Send a JSON object in UTF-8.") from None
    if not isinstance(value, dict):
        raise RequestError(400, "The body is not a JSON object.", hint="Send a JSON object in UTF-8.")
    try:
        return model.model_validate(_clean(value, DEEPEST))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        known = [str(part) for part in first["loc"] if isinstance(part, int) or part in _FIELDS]
        raise RequestError(
            400, f"{'.'.join(known) or 'The body'}: {first['msg']}.", hint="Correct it and send it again."
        ) from None


_FIELDS = {name for part in (Message, StreamOptions, Wishes, ChatBody, CompletionBody) for name in part.model_fields}


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _clean(value: Any, depth: int) -> Any:
    """Replace lone surrogates, and refuse what is nested too deeply."""
    if isinstance(value, str):
        return well_formed(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise RequestError(400, f"The body is nested more than {DEEPEST} levels deep.")
    if isinstance(value, list):
        return [_clean(each, depth - 1) for each in value]
    return {well_formed(key): _clean(each, depth - 1) for key, each in value.items()}
