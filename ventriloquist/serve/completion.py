"""Completing a transcript: a prompt in the training format, and the rest of its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ventriloquist.serve.conversation import End, Finish
from ventriloquist.serve.errors import RequestError
from ventriloquist.serve.requests import CompletionBody
from ventriloquist.serve.stops import Stops
from ventriloquist.serve.writer import RequestWriter
from ventriloquist.transcript import TranscriptError, parse_header, parse_line, render_header, render_line

HINT = "A prompt is a header, lines, and perhaps the beginning of a line; docs/format.md has the format."


def complete(
    body: CompletionBody, writer: RequestWriter, most_tokens: int, may_write: Callable[[str], bool]
) -> Iterator[str | End]:
    """Yield the rest of the prompt's line in pieces, its newline included, and the end.

    Args:
        most_tokens: of the prompt.
        may_write: tells whether a line by somebody may be written.

    Raises:
        RequestError: the prompt is not a transcript, or too long, or nobody in it is served.
    """
    *whole, begun = body.text.split("\n")
    try:
        header = parse_header(whole[0] if whole else "")
        lines = [parse_line(line) for line in whole[1:]]
    except TranscriptError:
        raise RequestError(400, "The prompt is not a transcript in the training format.", hint=HINT) from None
    context = [f"{text}\n" for text in (render_header(header), *map(render_line, lines))]  # as in training
    tokens = sum(map(writer.count_tokens, [*context, begun]))
    if tokens > most_tokens:
        raise RequestError(
            400,
            f"The prompt has {tokens:,} tokens; its context may have {most_tokens:,}.",
            hint="Send the last lines only.",
            code="context_length_exceeded",
        )
    names = [name for name in header.members if may_write(name)]
    if not names:
        raise RequestError(400, "Nobody in this prompt is served.", hint="GET /v1/models lists the people.")
    stops = Stops(body.stops)
    ended = False
    try:
        for text in writer.complete(context, names, begun):
            ended = text.endswith("\n")
            if shown := stops.add(text):
                yield shown
            if stops.is_stopped or writer.left == 0:
                break
    except ValueError:
        raise RequestError(400, "The prompt ends with what does not begin a line.", hint=HINT) from None
    if not stops.is_stopped and (rest := stops.rest()):
        yield rest
    finish: Finish = "stop" if stops.is_stopped or ended else "length"
    yield End(finish, tokens, writer.written)
