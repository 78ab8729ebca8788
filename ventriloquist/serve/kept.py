"""Keeping the chats that are served, as `vq chat` keeps its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ventriloquist.chat import ChatPlan, ChatSession, Keeper, Request
from ventriloquist.chat.kept import MOST


class Keepers:
    """Keeps each conversation after an answer. Requests that begin alike belong to one conversation."""

    def __init__(self, home: Path, log: Callable[[str], None]) -> None:
        self._home, self._log = home, log
        self._keepers: dict[str, Keeper] = {}  # by conversation, the last used last

    def __call__(self, request: Request, plan: ChatPlan, session: ChatSession) -> None:
        """Keep a conversation in the file that it has already, if it has one."""
        new = session.new_lines()
        if not new:
            return
        begins = [*session.members, str(session.opened_with), *session.said[0].line, *new[0].line]
        key = hashlib.sha256("\0".join(begins).encode()).hexdigest()
        keeper = self._keepers.pop(key, None)
        if keeper is None:
            keeper = Keeper(self._home, plan.about(request, self._home), warn=self._log)
        keeper(session)
        self._keepers[key] = keeper
        if len(self._keepers) > MOST:
            del self._keepers[next(iter(self._keepers))]
