"""The chat without a terminal: each line of stdin is a message; answers go to stdout, flushed line by line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

import typer

from ventriloquist.chat import ChatSession
from ventriloquist.cli.console import print_json
from ventriloquist.safe_text import harmless


def stdin_lines() -> Iterator[str]:
    """Yield the lines of stdin as they come. Only a newline ends a line."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", errors="replace")


def answer_each(conversation: ChatSession, messages: Iterable[str], *, json: bool, names: bool) -> None:
    """Answer each message before the next is read; `names` prints the name before each line."""
    try:
        for message in messages:
            if conversation.say(message):
                _print_answer(conversation, json=json, names=names)
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def _print_answer(conversation: ChatSession, *, json: bool, names: bool) -> None:
    for piece in conversation.answer():
        if piece.line is None:
            continue
        if json:
            print_json(piece.line._asdict())
        else:
            text = f"{piece.line.name}: {piece.line.content}" if names else piece.line.content
            print(harmless(text), flush=True)
