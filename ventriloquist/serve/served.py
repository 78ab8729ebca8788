"""What is served: the voice, its writer, who can be chatted with, and what a server remembers of requests."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from ventriloquist.chat import ChatPlan, ChatSession, Request, Voice
from ventriloquist.errors import VentriloquistError
from ventriloquist.model.sampling import Sampling
from ventriloquist.serve.conversation import SPOKEN, Finished
from ventriloquist.serve.directory import Directory
from ventriloquist.serve.requests import ChatBody, Sampled
from ventriloquist.serve.writer import RequestWriter

if TYPE_CHECKING:
    from ventriloquist.model.line_writer import LineWriter

LEAST_PROMPT = 8_192  # tokens of a transcript that is completed


class Served:
    """A loaded model, and the people and groups that it is served as."""

    def __init__(
        self,
        voice: Voice,
        writer: LineWriter,
        directory: Directory,
        *,
        sampling: Sampling,
        seed: int | None,
        log: Callable[[str], None],
        keep: Finished | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            sampling: of requests that do not choose.
            seed: of the first request that has none; each further one adds 1. None: a random one.
            keep: called with each conversation after an answer.
        """
        self.voice, self.directory = voice, directory
        self.is_kept = keep is not None
        self.most_tokens = max(LEAST_PROMPT, 2 * voice.max_length)
        self._keep, self._writer, self._sampling, self._log = keep, writer, sampling, log
        self._seeds = count(secrets.randbits(32) if seed is None else seed)
        self._noted: set[str] = set()

    def writer(self, body: Sampled, before_pass: Callable[[], None]) -> RequestWriter:
        """Return the writer for a request; called in the thread of the model."""
        return RequestWriter(self._writer, body, self._sampling, next(self._seeds), before_pass)

    def finished(self, request: Request, plan: ChatPlan, session: ChatSession) -> None:
        """Keep a conversation after an answer, unless vq forget took away one of its members meanwhile."""
        if self._keep is None:
            return
        try:
            if any(map(self.directory.has_forgotten, session.members)):
                return
        except VentriloquistError:  # such as a run that vq forget removed: the next request says so
            return
        self._keep(request, plan, session)

    def note_unread(self, body: ChatBody) -> None:
        """Log once what of a request is not read."""
        if any(message.role not in SPOKEN for message in body.messages):
            self._note("System messages and calls of tools are not read: the model was trained on chats alone.")
        if any(message.has_other_parts for message in body.messages):
            self._note("Images and other parts that are not text are not read.")

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._log(text)
