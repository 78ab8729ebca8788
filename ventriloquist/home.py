"""The public API: a VQ_HOME as an object, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ventriloquist import chat, collect, evaluate, prepare, train
from ventriloquist.chat import ChatSession
from ventriloquist.collect import CollectSummary
from ventriloquist.collect import Options as CollectOptions
from ventriloquist.errors import UnknownNameError
from ventriloquist.evaluate import Evaluation, Extent
from ventriloquist.layout import RUNS
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.prepare import PrepareOptions, PrepareSummary
from ventriloquist.records import Source
from ventriloquist.settings import load_settings
from ventriloquist.sources import EXPORTS, SOURCES, open_export
from ventriloquist.sources.exports import Asked
from ventriloquist.store import corpus, open_database, recorded_run
from ventriloquist.train import Step, TrainSummary
from ventriloquist.windows import Split

if TYPE_CHECKING:
    from ventriloquist.model.adapter import Adapter


class Home:
    """A VQ_HOME. Each method does what the command of the same name does, with the same lock and record of runs.

    All of them raise VentriloquistError, with a remedy in its `hint`.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        """Name a folder, which need not exist yet; by default VQ_HOME."""
        self.settings = load_settings(Path(folder) if folder is not None else None)
        self.folder = self.settings.home

    def collect(
        self,
        place: Path | str | None = None,
        *,
        source: str = "chat-db",
        contacts: Path | str | None = None,
        me: Sequence[str] = (),
        password: str | None = None,
        options: collect.Options | None = None,
    ) -> CollectSummary:
        """Read messages from a source into the database.

        Args:
            place: of the source; None: this Mac's own.
            source: `chat-db`, `backup`, or the application that exported it, such as `whatsapp`.
            contacts: the folder of an address book; None: the source's own.
            me: your names in an export that does not say who you are.
            password: of an encrypted backup; None: VQ_BACKUP_PASSWORD, if it is set.
            options: default the settings' name and identifiers, and the home's corrections.toml.
        """
        if source not in (*SOURCES, *EXPORTS):
            raise UnknownNameError(source, (*SOURCES, *EXPORTS), noun="source")
        options = options or collect.Options(
            self.settings.my_name,
            self.settings.user_identifiers,
            collect.load_corrections(self.folder),
            timezone=self.settings.time_zone,
        )
        with (
            self._open(source, place, contacts, me, password, options) as opened,
            recorded_run(
                self.folder, "collect", {"source": opened.name}, create=True,
                plan=lambda db: collect.plan(db, opened, options),
            ) as run,
        ):  # fmt: skip
            run.result = summary = collect.run(run.db, opened, run.plan, home=self.folder)
        return summary

    def _open(
        self, source: str, place: Path | str | None, contacts: Path | str | None, me: Sequence[str],
        password: str | None, options: CollectOptions,
    ) -> AbstractContextManager[Source]:  # fmt: skip
        if source in SOURCES:
            paths = (Path(path) if path is not None else None for path in (place, contacts))
            kind, known = SOURCES[source], self.settings.backup_password
            password = password or (known.get_secret_value() if known else None)
            asked = (lambda wrong: None if wrong else password) if password else None
            return kind.open(*paths, home=self.folder, **({"password": asked} if kind.may_be_encrypted else {}))
        zone, owner = collect.known_zone(self.folder, options.timezone), collect.known_owner(self.folder, options)
        return open_export(f"{source}:{place or ''}", self.folder, Asked(zone, tuple(me), owner=owner))

    def prepare(self, options: PrepareOptions | None = None) -> PrepareSummary:
        """Turn the collected messages into training windows."""
        options = options or PrepareOptions(timezone=self.settings.time_zone)
        rules = prepare.load_own_rules(self.folder)
        with recorded_run(
            self.folder, "prepare", asdict(options), plan=lambda db: prepare.plan(db, options, rules)
        ) as run:
            run.result = summary = prepare.run(run.db, run.plan)
        return summary

    def windows(self, split: Split = "train") -> Iterator[str]:
        """Yield the transcript of each window of a split: a header and up to 100 lines; the last line is the target."""
        with open_database(self.folder) as db:
            for window in corpus.windows(db, split, str):
                yield window.header + "".join(window.lines)

    def train(self, preset: str | None = None, **changes: object) -> TrainSummary:
        """Train an adapter.

        Args:
            preset: its name, such as `smollm2`, or a file of settings; None: the one that suits the GPU or the Mac.
            changes: values of TrainSettings that differ from it, such as `max_minutes=30`.
        """
        chosen, notes = train.choose_settings(preset, {"backend": self.settings.backend, **changes})
        with recorded_run(
            self.folder, "train", chosen.model_dump(),
            plan=lambda db: train.plan(db, chosen, home=self.folder, notes=notes),
        ) as run:  # fmt: skip

            def observe(_step: Step) -> None:
                run.begun = True

            run.result = summary = train.run(run.db, run.plan, observe=observe)
        return summary

    def load_adapter(self, run: str | None = None) -> Adapter:
        """Load a base model with a run's adapter: `.model`, `.tokenizer` and `.manifest`. Default: the newest run."""
        return load_adapter(find_run(self.folder / RUNS, run), backend=self.settings.backend)

    def chat(self, speaker: str, *, run: str | None = None, seed: int = 0) -> ChatSession:
        """Begin an empty chat with a simulation of somebody. Call `say` and `answer` of what is returned."""
        voice = chat.find_voice(self.folder, run)
        planned = chat.plan(self.folder, chat.Request(speaker=speaker, fresh=True), voice)
        return chat.start(planned, chat.load_writer(voice, seed=seed, backend=self.settings.backend))

    def evaluate(
        self, run: str | None = None, *, extent: Extent = evaluate.QUICK, only: Collection[str] = ()
    ) -> Evaluation:
        """Measure how well a run writes like each person, on messages that it never saw.

        Args:
            only: keys of evaluate.METRICS; empty for all.
        """
        folder = find_run(self.folder / RUNS, run).absolute()
        with recorded_run(
            self.folder, "eval", {"run": str(folder)},
            plan=lambda db: evaluate.plan(db, folder, home=self.folder, extent=extent, only=only,
                                           backend=self.settings.backend),
        ) as recorded:  # fmt: skip
            recorded.result = result = evaluate.run(recorded.db, recorded.plan)
        return result
