"""The keyboard of a chat: line editing with a history, and keys typed while an answer is generated."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyBindings


class PrivateHistory(FileHistory):
    """What was typed, in a file that may be removed meanwhile, as by vq forget: then nothing is added to it."""

    def __init__(self, file: Path) -> None:
        file.touch(mode=0o600)
        super().__init__(file)

    def store_string(self, string: str) -> None:
        with suppress(OSError):
            super().store_string(string)


def prompt_session(history: Path | None) -> PromptSession[str]:
    """Return a line editor with its history in a private file, or None: only in memory."""
    kept = PrivateHistory(history) if history else InMemoryHistory()
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: Any) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _another_line(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    return PromptSession(history=kept, multiline=True, key_bindings=keys)


def typed_ahead(prompt: PromptSession[str]) -> bool:
    """Return whether keys were typed that the editor has not read yet."""
    keys = get_typeahead(prompt.input)
    store_typeahead(prompt.input, keys)
    return bool(keys) or typed_within(0)


def typed_within(seconds: float) -> bool:
    """Wait for a key, at most so many seconds, and return whether one was typed; on Windows always False."""
    if os.name != "posix":
        time.sleep(seconds)
        return False
    return bool(select.select([sys.stdin], [], [], seconds)[0])


@contextmanager
def cbreak() -> Iterator[None]:
    """Do not echo keys inside the block; they are read afterwards."""
    try:
        import termios
    except ImportError:  # no such terminals on this system
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = termios.tcgetattr(descriptor)
    quiet[0] &= ~termios.ICRNL  # Enter stays what a line editor expects
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
