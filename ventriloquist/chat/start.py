"""Starting a chat: what was asked for is looked up first, then the model is loaded."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.chat.conversation import Conversation, Writer, start_messages
from ventriloquist.chat.opening import Opening, find_name, find_opening
from ventriloquist.database import Database, open_database
from ventriloquist.database.connect import FILENAME
from ventriloquist.errors import ModelError, NotReadyError, SettingsError
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.manifest import Manifest, read_manifest
from ventriloquist.model.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks for. Names may be in any case."""

    speaker: str | None = None  # who answers
    others: tuple[str, ...] = ()  # further members
    me: str | None = None  # as whom the user writes; None: the owner
    source: str | None = None  # a conversation to go on from: title, person or number, and `@` with a date
    date: str | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A chat that can start: everything but the model."""

    run: Path
    manifest: Manifest
    opening: Opening
    me: str
    speaker: str | None


def people(home: Path, run: str | None = None) -> list[str]:
    """Return whom a run's adapter can write as: the owner first, then who has written most of what is prepared here.

    Raises:
        NotReadyError: nothing has been trained.
        ModelError: there is no such run, or it is damaged.
    """
    owner, *others = _people(find_run(home / "runs", run))
    with _database(home) as db:
        written = dict(db.conn.execute("SELECT sender, count(*) FROM training_messages GROUP BY 1")) if db else {}
    if written:
        others = sorted((name for name in others if name in written), key=written.__getitem__, reverse=True)
    return [owner, *others]


def plan_chat(home: Path, request: Request, run: str | None = None) -> Plan:
    """Find the adapter, the people and where the conversation starts; no model is loaded.

    Args:
        run: a run by name or folder; default the newest.

    Raises:
        NotReadyError: nothing has been trained.
        ModelError: there is no such run, or it is damaged.
        UnknownNameError: nobody, or no conversation, is called that.
        SettingsError: a date is none, or the user would answer themselves.
    """
    folder = find_run(home / "runs", run)
    known = _people(folder)
    owner = known[0]
    me = find_name(request.me, known) if request.me else owner
    speaker = find_name(request.speaker, known) if request.speaker else None
    if speaker == me:
        raise SettingsError(f"You write as {me} yourself.", hint=f"Be somebody else: vq chat --as {me!r} --me NAME")
    others = [find_name(name, known) for name in request.others]
    manifest = read_manifest(folder)
    members = {me, *others, *([speaker] if speaker else ())} - {owner}
    if not members and request.source is None:
        raise NotReadyError("A conversation needs somebody else.", hint="Name them: vq chat --as NAME")
    with _database(home) as db:
        opening = find_opening(
            db,
            owner,
            sorted(members),
            source=request.source,
            date=request.date,
            fresh=request.fresh,
            limit=start_messages(manifest.window),
        )
    if speaker is None and opening.type == "dm":
        speaker = next((name for name in opening.members if name != me), None)
    return Plan(folder, manifest, opening, me, speaker)


def load_writer(plan: Plan, *, seed: int = 0, sampling: Sampling | None = None) -> Writer:
    """Load the adapter and its base model.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: they cannot be used.
    """
    adapter = load_adapter(plan.run)
    from ventriloquist.model.session import Session

    return Session(adapter.model, adapter.tokenizer, seed=seed, sampling=sampling)


def start_chat(plan: Plan, writer: Writer) -> Conversation:
    """Begin the planned conversation.

    Raises:
        UnknownNameError: somebody is not in it.
    """
    window, length = plan.manifest.window, plan.manifest.max_length
    # a quarter of what the adapter was trained to read is left for the line that is written
    return Conversation(
        writer, plan.opening, me=plan.me, speaker=plan.speaker, window=window, max_tokens=length * 3 // 4
    )


def _database(home: Path) -> AbstractContextManager[Database | None]:
    """Open the file where there is one: an adapter may have been copied to another machine alone."""
    return open_database(home) if (home / FILENAME).exists() else nullcontext()


def _people(folder: Path) -> list[str]:
    known = read_manifest(folder).people
    if not known:
        raise ModelError(f"{folder} names nobody that it was trained on.", hint="Run: vq train")
    return known
