"""The chat on a terminal: line editing, slash commands, answers shown while they are generated."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from rich.console import Console
from rich.text import Text

from ventriloquist.chat import ChatSession, Request, Voice, find_person, markdown
from ventriloquist.chat.words import names
from ventriloquist.cli import interrupts
from ventriloquist.cli.flow import Flow
from ventriloquist.cli.indicator import Indicator
from ventriloquist.cli.invocation import typed
from ventriloquist.cli.keyboard import cbreak, prompt_session, typed_ahead, typed_within
from ventriloquist.errors import UnknownNameError, VentriloquistError
from ventriloquist.fs import make_private_folder
from ventriloquist.model.partial_line import Piece
from ventriloquist.names import find_name
from ventriloquist.paths import expanded
from ventriloquist.safe_text import harmless

HISTORY = "history"
ALTERNATIVES = 4
TRAINING_FORMAT = (".jsonl", ".json")  # endings for /save; any other ending gives Markdown
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
# seconds for which somebody seems to type before a line, and the words for a longer delta
PAUSES = {"<1m": 1.0, "<5m": 1.5}
LONG_PAUSE = 2.0
LATER = {"<1h": "a while later", "<12h": "hours later", "<1d": "half a day later", "1d+": "days later"}

HELP = """\
/as [NAME]      NAME answers; without a name, anyone may answer
/with NAME      add somebody to the conversation
/date DATE      start over at a day, month or year, with an earlier self
/new            start over without earlier messages
/retry          generate the last answer again
/alts           show other answers; /pick N takes one
/undo           take back your last message and its answer
/save [FILE]    save this chat: FILE.md to read, FILE.jsonl for programs
/exit           leave; so do /quit and Ctrl-D
Enter sends, Alt-Enter starts a new line, Ctrl-C stops an answer. Send an empty line to let them write again.
To send a message that starts with a slash, type two slashes."""


class Terminal:
    """One user, one terminal, one conversation at a time."""

    def __init__(
        self,
        conversation: ChatSession,
        request: Request,
        reopen: Callable[[Request], ChatSession],
        *,
        voice: Voice,
        folder: Path,
        record: Callable[[Path], None],
        delay: bool,
        keep: bool,
    ) -> None:
        """Prepare the terminal.

        Args:
            request: what the user asked for. A command changes it, and `reopen` starts another conversation.
            folder: for the input history and saved conversations.
            record: called before a conversation is saved to a file elsewhere.
            delay: pause as if somebody were typing.
            keep: keep what the user types, for the line editor of later chats.
        """
        self._conversation, self._request, self._reopen = conversation, request, reopen
        self._voice, self._folder, self._record, self._delay = voice, folder, record, delay
        self._console = Console(highlight=False, soft_wrap=True)
        self._prompt: PromptSession[str] = prompt_session(make_private_folder(folder) / HISTORY if keep else None)
        self._commands: dict[str, Callable[[str], object]] = {
            "/help": self._help,
            "/as": self._as,
            "/with": self._with,
            "/date": lambda date: self._begin(replace(self._request, date=date or None)),
            "/new": self._new,
            "/retry": lambda _: self._show(self._conversation.retry()),
            "/alts": self._alternatives,
            "/pick": self._pick,
            "/undo": self._undo,
            "/save": self._save,
            "/quit": self._quit,
            "/exit": self._quit,
            "/bye": self._quit,
            "/q": self._quit,
            "/?": self._help,
            "/clear": self._new,
        }

    def run(self) -> None:
        """Chat until the user leaves."""
        self._dim("/help lists the commands.")
        with suppress(EOFError):
            while True:
                try:
                    self._read()
                except VentriloquistError as error:
                    self._dim(f"{error.what} {typed(error.hint)}")
                except KeyboardInterrupt:
                    interrupts.forget()
                    self._dim("Stopped.")

    def _read(self) -> None:
        """Read messages until no more is typed before the answer appears, then show it; or run a command."""
        while True:
            try:
                text = self._prompt.prompt(self._label())
            except KeyboardInterrupt:
                interrupts.forget()
                return
            if text.lstrip().startswith("/") and not text.lstrip().startswith("//"):
                self._command(text.strip())
                return
            self._conversation.say(text.replace("//", "/", 1) if text.lstrip().startswith("//") else text)
            if not typed_ahead(self._prompt) and self._show(self._conversation.answer()):
                return

    def _command(self, text: str) -> None:
        word, *rest = text.split(maxsplit=1)
        argument = rest[0] if rest else ""
        command = self._commands.get(word.lower())
        if command is None:
            near = difflib.get_close_matches(word.lower(), self._commands, n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            self._dim(f"There is no command {word}; /help lists them. {meant}To send this as a message, type /{word}.")
        else:
            command(argument.strip())

    # Commands

    def _help(self, _argument: str) -> None:
        self._dim(HELP)

    def _as(self, name: str) -> None:
        if not name:
            self._conversation.let_answer(None)
            self._dim("Anyone may answer now.")
            return
        with suppress(UnknownNameError):
            name = find_name(name, self._conversation.members)
        if name in self._conversation.members:
            self._conversation.let_answer(name)
            self._request = replace(self._request, speaker=name)
            self._dim(f"{name} answers.")
        else:
            name = find_person(name, self._voice)
            self._begin(Request(speaker=name, me=self._request.me, date=self._request.date))

    def _with(self, name: str) -> None:
        name = find_person(name, self._voice)
        self._conversation.add_members([name])
        self._request = replace(self._request, others=(*self._request.others, name))
        self._dim(f"In the conversation: {names(self._conversation.members)}.")

    def _new(self, _argument: str) -> None:
        self._conversation = self._reopen(replace(self._request, fresh=True))

    def _begin(self, request: Request) -> None:
        self._conversation = self._reopen(request)
        self._request = request

    def _alternatives(self, _argument: str) -> None:
        with cbreak(), self._indicator() as indicator:
            indicator.show(self._conversation.speaker)
            lines = self._conversation.alternatives(ALTERNATIVES)
        for number, line in enumerate(lines, 1):
            self._line(Text.assemble((f"{number}  ", "dim"), self._name(line.name)), line.content)
        self._dim("/pick N takes one." if lines else "There is nothing to answer yet.")

    def _pick(self, argument: str) -> None:
        line = self._conversation.pick(int(argument)) if argument.isdecimal() else None
        if line is None:
            self._dim("There is no such alternative; /alts lists them.")
        else:
            self._line(self._name(line.name), line.content)

    def _undo(self, _argument: str) -> None:
        lines = self._conversation.undo()
        if lines is None:
            self._dim("There is nothing to take back.")
        else:
            self._dim(f"Taken back: {' / '.join(line.content for line in lines) or 'their lines'}")

    def _save(self, argument: str) -> None:
        if not self._conversation.new_lines():
            self._dim("There is nothing to save yet.")
            return
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        stem = self._folder / stamp
        named = [expanded(argument)] if argument else []
        for path in named or [stem.with_suffix(".md"), stem.with_suffix(".jsonl")]:
            self._save_to(path, elsewhere=bool(named))

    def _save_to(self, path: Path, *, elsewhere: bool) -> None:
        is_readable = path.suffix.lower() not in TRAINING_FORMAT
        text = self._markdown() if is_readable else self._conversation.transcript()
        try:
            if not elsewhere:
                make_private_folder(self._folder)
            elif not os.path.lexists(path):
                self._record(path.absolute())
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            self._dim(f"{path} cannot be written: {error.strerror}.")
        else:
            self._dim(f"Saved: {path}", whole=True)

    def _markdown(self) -> str:
        chat = self._conversation
        whom = chat.speaker or names(member for member in chat.members if member != chat.me)
        return markdown(chat.new_lines(), whom=whom, me=chat.me, model=self._voice.name, zone=chat.zone)

    def _quit(self, _argument: str) -> None:
        raise EOFError

    # The screen

    def _show(self, pieces: Generator[Piece, None, None]) -> bool:
        """Show an answer while it is generated; Ctrl-C stops it and keeps the finished lines.

        Returns:
            False if the user went on typing before it appeared: their next message comes first.
        """
        between, anything = True, False  # whether no line is begun; whether any text came
        flow = Flow(self._console.width)
        began = time.monotonic()
        try:
            with closing(pieces), cbreak(), self._indicator() as indicator:
                indicator.show(self._conversation.speaker)
                for piece in pieces:
                    if between:
                        if anything:
                            time.sleep(self._pause(piece.delta, began))
                        elif typed_within(self._pause(piece.delta, began)) and piece.line is None:
                            return False  # a line that is finished already is in the conversation, so it is shown
                        indicator.clear()
                        if piece.delta in LATER:
                            self._dim(f"— {LATER[piece.delta]} —")
                        name = self._name(piece.name)
                        self._print(name, end="")
                        flow = Flow(self._console.width, indent=name.cell_len)
                    self._write(flow.add(harmless(piece.text)))
                    between, anything = piece.line is not None, True
                    if between:
                        self._write(flow.end() + "\n")
                        indicator.show(None)
                        began = time.monotonic()
        except KeyboardInterrupt:
            interrupts.forget()
            self._dim("Stopped." if between else "\nStopped.")
        else:
            if not anything:
                anyone = self._conversation.speaker is None
                self._dim("Nobody answers." + " The model gives you the turn; /as NAME chooses who answers." * anyone)
        return True

    def _pause(self, delta: str, began: float) -> float:
        """Return for how many more seconds somebody should seem to type."""
        pause = PAUSES.get(delta, LONG_PAUSE) - (time.monotonic() - began)
        return max(0.0, pause) if self._delay else 0.0

    def _label(self) -> FormattedText:
        return FormattedText([("bold", harmless(self._conversation.me)), ("", ": ")])

    def _name(self, name: str) -> Text:
        members = [member for member in self._conversation.members if member != self._conversation.me]
        colour = COLOURS[members.index(name) % len(COLOURS)] if name in members else "default"
        return Text.assemble((harmless(name), f"bold {colour}"), ": ")

    def _print(self, *parts: Text, end: str = "\n") -> None:
        self._console.print(Text.assemble(*parts), end=end)
        self._console.file.flush()

    def _line(self, label: Text, content: str) -> None:
        flow = Flow(self._console.width, indent=label.cell_len)
        self._print(label, end="")
        self._write(flow.add(harmless(content)) + flow.end() + "\n")

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()

    def _dim(self, text: str, *, whole: bool = False) -> None:
        """Print a dimmed note; with `whole` the terminal wraps it, so that a path can be copied."""
        self._console.print(Text(harmless(text), style="dim"), soft_wrap=whole)

    @contextmanager
    def _indicator(self) -> Iterator[Indicator]:
        indicator = Indicator(self._console)
        try:
            yield indicator
        finally:
            indicator.clear()
