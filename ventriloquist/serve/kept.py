"""Writing chats to VQ_HOME/chats, as `/save` does: each as Markdown and in the training format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ventriloquist.chat import ChatSession, markdown
from ventriloquist.errors import VentriloquistError
from ventriloquist.fs import make_private_folder, write_text
from ventriloquist.layout import CHATS
from ventriloquist.serve.directory import Entry


class Keeper:
    """Writes each conversation after an answer. Requests that begin alike belong to one conversation."""

    def __init__(self, home: Path, model: str, log: Callable[[str], None]) -> None:
        """Prepare to write.

        Args:
            model: its name, for people.
        """
        self._folder, self._model, self._log = home / CHATS, model, log
        self._places: dict[str, Path] = {}  # of the Markdown, by conversation
        self._failed = False

    def __call__(self, entry: Entry, session: ChatSession) -> None:
        """Write a conversation over what was written of it before, unless the file was removed meanwhile."""
        new = session.new_lines()
        if not new:
            return
        begins = [entry.id, str(session.opened_with), *map(str, session.said[0].line), *map(str, new[0].line)]
        key = hashlib.sha256("\0".join(begins).encode()).hexdigest()[:8]
        path = self._places.get(key)
        if path is not None and not path.exists():  # by vq forget, or by hand
            return
        if path is None:
            path = self._folder / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{key}.md"
        try:
            make_private_folder(self._folder)
            whom = session.speaker or entry.id
            page = markdown(new, whom=whom, me=session.me, model=self._model, zone=session.zone)
            write_text(path, page.removesuffix("\n"))
            write_text(path.with_suffix(".jsonl"), session.transcript().removesuffix("\n"))
            self._places[key] = path
        except (OSError, VentriloquistError) as error:
            if not self._failed:
                self._failed = True
                self._log(f"The chats cannot be kept: {getattr(error, 'strerror', None) or error}")
