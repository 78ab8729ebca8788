"""Starting a chat: what was asked for is looked up first, then the model is loaded."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ventriloquist.chat.conversation import Conversation, Writer, start_messages
from ventriloquist.chat.opening import Opening, find_opening
from ventriloquist.errors import SHOWN, ModelError, NotReadyError, SettingsError, UnknownNameError
from ventriloquist.layout import DATABASE, RUNS
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.address import Address
from ventriloquist.model.endpoint import SECONDS, Endpoint
from ventriloquist.model.manifest import read_manifest
from ventriloquist.model.sampling import Sampling
from ventriloquist.names import find_name
from ventriloquist.store import Connection, open_database
from ventriloquist.store.corpus import count_by_sender, data_hash
from ventriloquist.store.time_zones import COLLECTED, PREPARED, find_zone
from ventriloquist.windows import WINDOW_SIZE

SERVED_TOKENS = 4096  # what a served model is taken to read, where its manifest is not here to say more


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
class Voice:
    """What writes: whom it can write as, and how much of a conversation it is shown."""

    people: tuple[str, ...]  # the owner first, then who has written most of what is prepared here
    window: int  # messages, the one to be written included
    max_length: int  # tokens, likewise
    name: str  # what it is, for people
    tainted: str | None = None  # why it should not be used any more
    changed_data: bool = False  # what is prepared here is not what it was trained on
    run: Path | None = None  # the run's folder; None where only a server has the model
    silent: frozenset[str] = frozenset()  # of the people, and of those in the file: who has written nothing


@dataclass(frozen=True, slots=True)
class Plan:
    """A chat that can start: everything but the model."""

    voice: Voice
    opening: Opening
    me: str
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Server:
    """A program elsewhere that has the model."""

    address: Address
    model: str | None = None  # one of its models; None: the only one
    key: str | None = field(default=None, repr=False)  # what it wants as a Bearer token
    seconds: float = SECONDS  # that one request may take


def find_voice(home: Path, run: str | None = None, server: Server | None = None) -> Voice:
    """Return what a run's adapter can do; with a server and no run, what the prepared messages say its model can.

    Args:
        run: by name or folder; default the newest.

    Raises:
        NotReadyError: nothing has been trained, or with a server: nothing is prepared.
        ModelError: there is no such run, or it is damaged.
    """
    with _database(home) as db:
        written = _written(db) if db else {}
        if server and run is None:
            if not written or db is None:
                raise NotReadyError(
                    "vq does not know whom the served model imitates.",
                    hint="Run: vq prepare, or copy the run's manifest.json here and name its folder with --run.",
                )
            ((owner,),) = db.execute("SELECT name FROM people WHERE is_me")
            people = tuple(_by_messages(owner, [name for name in written if name != owner], written))
            silent = frozenset(_everybody(db)) - written.keys()
            name = f"a model at {server.address.shown}"
            return Voice(people, WINDOW_SIZE, SERVED_TOKENS, name, silent=silent)
        folder = find_run(home / RUNS, run)
        manifest = read_manifest(folder)
        changed_data = db is not None and bool(written) and data_hash(db) != manifest.data_hash
        everybody = _everybody(db) if db and written else []
    if not manifest.people:
        raise ModelError(f"{folder} names nobody that it was trained on.", hint="Run: vq train")
    owner, *others = manifest.people
    base = manifest.settings.get("model", manifest.base_model)
    return Voice(
        people=tuple(_by_messages(owner, others, written)),
        window=manifest.window,
        max_length=manifest.max_length,
        name=f"a model at {server.address.shown}, of the run {folder.name}"
        if server
        else f"{base}, with the adapter {folder.name}",
        tainted=manifest.tainted,
        changed_data=changed_data,
        run=folder,
        silent=_silent(everybody, written, manifest.people, changed_data=changed_data),
    )


def find_person(name: str, voice: Voice) -> str:
    """Return the name of somebody that the model can write as.

    Raises:
        UnknownNameError: nobody is called that.
        SettingsError: they have written nothing that a model could have learnt from.
    """
    try:
        return find_name(name, voice.people)
    except UnknownNameError as unknown:
        with suppress(UnknownNameError):
            silent = find_name(name, voice.silent)
            raise SettingsError(
                f"{silent} has written nothing that is prepared here: there is no voice to learn.",
                hint=f"Choose one of: {', '.join(map(repr, voice.people[1 : 1 + SHOWN]))}",
            ) from None
        raise unknown from None


def plan_chat(home: Path, request: Request, voice: Voice, *, timezone: str | None = None) -> Plan:
    """Find the people and where the conversation starts; no model is loaded.

    Args:
        timezone: IANA name of the zone in which days begin; default that of the messages.

    Raises:
        UnknownNameError: nobody, or no conversation, is called that.
        SettingsError: a date is none, somebody has written nothing, or the user would answer themselves.
        NotReadyError: nobody to talk with is named.
    """
    owner = voice.people[0]
    me = find_person(request.me, voice) if request.me else owner
    speaker = find_person(request.speaker, voice) if request.speaker else None
    if speaker == me:
        raise SettingsError(f"You write as {me} yourself.", hint=f"Be somebody else: vq chat --as {me!r} --me NAME")
    others = [find_person(name, voice) for name in request.others]
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
            limit=start_messages(voice.window),
            zone=find_zone(db or None, timezone, PREPARED, COLLECTED).zone,
        )
    if speaker is None and opening.type == "dm":
        speaker = next((name for name in opening.members if name != me), None)
    return Plan(voice, opening, me, speaker)


def load_writer(
    voice: Voice, server: Server | None = None, *, seed: int = 0, sampling: Sampling | None = None
) -> Writer:
    """Reach the server, or load the adapter and its base model.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: they cannot be used.
    """
    if server:
        return Endpoint(
            server.address, model=server.model, key=server.key, seconds=server.seconds, seed=seed, sampling=sampling
        )
    if voice.run is None:
        raise ValueError("neither a server nor a run")
    adapter = load_adapter(voice.run)
    from ventriloquist.model.session import Session

    return Session(adapter.model, adapter.tokenizer, seed=seed, sampling=sampling)


def start_chat(plan: Plan, writer: Writer) -> Conversation:
    """Begin the planned conversation.

    Raises:
        UnknownNameError: somebody is not in it.
    """
    # a quarter of what the model was trained to read is left for the line that is written
    return Conversation(
        writer,
        plan.opening,
        me=plan.me,
        speaker=plan.speaker,
        window=plan.voice.window,
        max_tokens=plan.voice.max_length * 3 // 4,
    )


def _database(home: Path) -> AbstractContextManager[Connection | None]:
    """Open the file where there is one: an adapter may have been copied to another machine alone."""
    return open_database(home) if (home / DATABASE).exists() else nullcontext()


def _written(db: Connection) -> dict[str, int]:
    """Return how many prepared messages each person has written."""
    written = count_by_sender(db)
    if not all(isinstance(name, str) for name in written):
        raise TypeError("a damaged name")  # shown as what is wrong with the file
    return written


def _everybody(db: Connection) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM people")]


def _silent(everybody: list[str], written: dict[str, int], trained: list[str], *, changed_data: bool) -> frozenset[str]:
    """Return who has written nothing; who was trained on may have, where what is prepared is other data by now."""
    if not written:
        return frozenset()
    return (
        frozenset(everybody) - written.keys() - {*trained}
        if changed_data
        else (frozenset((*everybody, *trained)) - written.keys())
    )


def _by_messages(owner: str, others: list[str], written: dict[str, int]) -> list[str]:
    return [owner, *sorted(others, key=lambda name: -written.get(name, 0))]
