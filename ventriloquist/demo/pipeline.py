"""Every stage on the fictional cast: collect, prepare, export, train, evaluate, and a sample of each person."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ventriloquist import collect, evaluate, export, prepare, train
from ventriloquist.demo.build import CastPaths, build
from ventriloquist.demo.exports import ZONE
from ventriloquist.errors import StorageError
from ventriloquist.evaluate import Evaluation, Extent
from ventriloquist.fs import write_json
from ventriloquist.layout import CORRECTIONS, DATABASE, DEMO_LOCK, DEMO_MARK, DEMO_MESSAGES, EXPORTS, RUNS, TOKENS
from ventriloquist.model.base import require_torch
from ventriloquist.records import APPLICATIONS, MESSAGES, Stage
from ventriloquist.sources import SOURCES, open_export
from ventriloquist.sources.exports import Asked
from ventriloquist.store import Connection, corpus, recorded_run
from ventriloquist.store.counts import count_by_sender
from ventriloquist.store.runs import lock_home
from ventriloquist.train import Step, TrainSettings, TrainSummary
from ventriloquist.transcript import UNKNOWN, Header, Line, render_header, render_line

QUESTION = "Are you coming on Sunday? What should I bring?"
MAX_NEW_TOKENS = 60  # of a sample


@dataclass(frozen=True, slots=True)
class Sample:
    """One person's answer to the question, by the base model and by the adapter."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What the demo did, stage by stage."""

    home: str
    collected: Mapping[str, collect.CollectSummary]  # by application, a key of records.APPLICATIONS
    accepted: collect.AcceptSummary | None  # who was merged because of their names
    prepared: prepare.PrepareSummary
    exported: export.ExportSummary
    trained: TrainSummary
    evaluated: Evaluation
    question: str
    samples: list[Sample]
    seconds: dict[str, float]  # by stage


def demo(
    home: Path,
    settings: TrainSettings,
    extent: Extent,
    *,
    seed: int = 0,
    stage: Stage = lambda _name: lambda _done, _total: None,
    observe: Callable[[Step], None] = lambda _step: None,
) -> DemoSummary:
    """Run every stage on the cast in a home of its own, never the user's, which is emptied first.

    Args:
        observe: gets each step of the training.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        StorageError: `home` is a file, or a folder with something else in it.
        BusyError: another demo is at work in it.
    """
    require_torch()
    _check_free(home)
    with lock_home(home, DEMO_LOCK):  # from the first stage to the last
        return _all_stages(home, settings, extent, seed, stage, observe)


def _all_stages(
    home: Path, settings: TrainSettings, extent: Extent, seed: int, stage: Stage, observe: Callable[[Step], None]
) -> DemoSummary:
    _empty(home)
    seconds: dict[str, float] = {}
    with _timed(seconds, "build"):
        stage("Writing a chat.db and two exports")
        paths = build(home / DEMO_MESSAGES, seed)
    with _timed(seconds, "collect"):
        collected, accepted = collect_cast(home, paths, stage)
    with _timed(seconds, "prepare"), recorded_run(home, "prepare") as record:
        record.result = prepared = prepare.run(record.db, prepare.plan(record.db), progress=stage("Preparing"))
    with _timed(seconds, "export"), recorded_run(home, "export") as record:
        files = export.plan(record.db, home / EXPORTS, export.ExportOptions())
        record.result = exported = export.run(record.db, files, progress=stage("Exporting"))
    with _timed(seconds, "train"), recorded_run(home, "train") as record:
        training = train.plan(record.db, settings, home=home, progress=stage("Tokenising"))
        record.result = trained = train.run(record.db, training, progress=stage("Training"), observe=observe)
    run = Path(trained.run)
    with _timed(seconds, "eval"), recorded_run(home, "eval") as record:
        suite = evaluate.plan(record.db, run, home=home, extent=extent, seed=seed, backend=settings.backend)
        record.result = evaluated = evaluate.run(record.db, suite, stage=stage)
    with _timed(seconds, "samples"), recorded_run(home, "chat") as record:
        stage("Asking everybody the same")
        record.result = samples = answers(record.db, run, seed, settings.backend)
    return DemoSummary(
        home=str(home),
        collected=collected,
        accepted=accepted,
        prepared=prepared,
        exported=exported,
        trained=trained,
        evaluated=evaluated,
        question=QUESTION,
        samples=samples,
        seconds=seconds,
    )


def collect_cast(
    home: Path, paths: CastPaths, stage: Stage = lambda _name: lambda _done, _total: None
) -> tuple[dict[str, collect.CollectSummary], collect.AcceptSummary | None]:
    """Collect the cast's chat.db, then each export, as `vq collect` does, and accept who is proposed to be one person.

    Days begin in the exports' zone.

    Returns:
        What was read, by application, and who was merged; None if nobody was proposed.
    """
    options = collect.Options(corrections=collect.load_corrections(home), timezone=ZONE)
    collected: dict[str, collect.CollectSummary] = {}
    for application in (MESSAGES, *paths.exports):
        if application == MESSAGES:
            opened = SOURCES["chat-db"].open(paths.chat_db, paths.contacts, home=home)
        else:
            asked = Asked(collect.known_zone(home, ZONE), owner=collect.known_owner(home, options))
            opened = open_export(f"{application}:{paths.exports[application]}", home, asked)
        with opened as source, recorded_run(home, "collect", {"source": source.name}, create=True) as record:
            plan = collect.plan(record.db, source, options)
            progress = stage(f"Collecting {APPLICATIONS[application]}")
            record.result = collected[application] = collect.run(record.db, source, plan, progress=progress)
    names = [proposal.name for proposal in collect.proposals(home)]
    if not names:
        return collected, None
    with recorded_run(home, "collect", {"accept": names}) as record:
        planned = collect.plan_accept(record.db, home, names, options)
        record.result = accepted = collect.run_accept(record.db, home, planned)
    return collected, accepted


def answers(db: Connection, run: Path, seed: int, backend: str | None = None) -> list[Sample]:
    """Let everybody but the owner answer the question, without and with the adapter.

    Both write as in a chat, under its grammar. Otherwise the base model, which does not know the format, would write
    pieces of JSON. As in an evaluation, it writes without name guidance.
    """
    from ventriloquist.model.adapter import load_adapter
    from ventriloquist.model.line_writer import LineWriter
    from ventriloquist.model.sampling import Sampling

    adapter = load_adapter(run, backend=backend)
    owner, *_ = corpus.conversations(db)[0].members
    written = count_by_sender(db)
    others = sorted(written.keys() - {owner, UNKNOWN}, key=lambda name: (-written[name], name))
    day = corpus.last_day(db) or ""
    asked = render_line(Line(owner, "1d+", QUESTION)) + "\n"
    contexts = [[render_header(Header("dm", (owner, name), day)) + "\n", asked] for name in others]

    def write(sampling: Sampling) -> list[str]:
        writer = LineWriter(adapter.model, adapter.tokenizer, sampling=sampling, max_tokens=MAX_NEW_TOKENS)
        return [line.content for line in writer.write_each(contexts, [(name,) for name in others], seed)]

    with adapter.disabled():
        before = write(Sampling(name_guidance=0))
    adapter = adapter.to_write()  # as in a chat
    return [Sample(*row) for row in zip(others, before, write(Sampling()), strict=True)]


def _check_free(home: Path) -> None:
    """Check that a home does not exist, is empty, or is of an earlier demo."""
    if not home.exists() or (home / DEMO_MARK).exists():
        return
    if not home.is_dir() or any(path.name != DEMO_LOCK for path in home.iterdir()):
        raise StorageError(f"{home} holds something else.", hint="Name another folder with --home.")


def _empty(home: Path) -> None:
    """Make the demo's home, or empty it of an earlier demo except for its base models."""
    with lock_home(home):  # not while another run is at work in it
        write_json(home / DEMO_MARK, {"what": "vq demo: everything here is fictional"})
        for name in (DEMO_MESSAGES, EXPORTS, RUNS, TOKENS):
            shutil.rmtree(home / name, ignore_errors=True)
        for suffix in ("", "-wal", "-shm"):
            (home / f"{DATABASE}{suffix}").unlink(missing_ok=True)
        (home / CORRECTIONS).unlink(missing_ok=True)  # it merges people of the earlier demo


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Record the seconds of wall-clock time that the block takes."""
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 1)
