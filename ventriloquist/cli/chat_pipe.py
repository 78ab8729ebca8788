"""The chat without a terminal: a message a line in, the answers' lines out, each flushed at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

import typer

from ventriloquist.chat import Conversation
from ventriloquist.cli.console import print_json
from ventriloquist.safe_text import harmless


def stdin_lines() -> Iterator[str]:
    """Yield each line of stdin as it comes; nothing but a newline ends one."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", errors="replace")


def answer_each(conversation: Conversation, messages: Iterable[str], *, json: bool, names: bool) -> None:
    """Answer each message before the next is read.

    Args:
        json: print objects of name, delta and content.
        names: print who writes, where that is open.
    """
    try:
        for message in messages:
            if conversation.say(message):
                _print_answer(conversation, json=json, names=names)
    except BrokenPipeError:  # whoever read the answers has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def _print_answer(conversation: Conversation, *, json: bool, names: bool) -> None:
    for piece in conversation.answer():
        if piece.line is None:
            continue
        if json:
            print_json(piece.line._asdict())
        else:
            text = f"{piece.line.name}: {piece.line.content}" if names else piece.line.content
            print(harmless(text), flush=True)
