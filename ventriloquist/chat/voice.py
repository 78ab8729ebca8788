"""Voices: the people that a trained or a served model can imitate, and loading the model."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ventriloquist.chat.kept import KeptChat
from ventriloquist.chat.session import Writer
from ventriloquist.errors import SHOWN, ModelError, NotReadyError, SettingsError, UnknownNameError
from ventriloquist.layout import DATABASE, RUNS
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.address import Address
from ventriloquist.model.endpoint import SECONDS, Endpoint
from ventriloquist.model.manifest import read_manifest
from ventriloquist.model.run_folder import is_finished
from ventriloquist.model.sampling import Sampling
from ventriloquist.names import find_name
from ventriloquist.paths import found_path
from ventriloquist.store import Connection, open_database
from ventriloquist.store import people as stored_people
from ventriloquist.store.corpus import data_hash
from ventriloquist.store.counts import count_by_sender
from ventriloquist.windows import WINDOW_SIZE

if TYPE_CHECKING:
    from ventriloquist.model.line_writer import LineWriter

SERVED_TOKENS = 4096  # context of a served model whose manifest is not here


@dataclass(frozen=True, slots=True)
class Server:
    """A program that serves the model."""

    address: Address
    model: str | None = None  # one of its models; None: the only one
    key: str | None = field(default=None, repr=False)  # sent as a Bearer token
    seconds: float = SECONDS  # timeout of one request


@dataclass(frozen=True, slots=True)
class Voice:
    """A model before it is loaded: the people it can imitate, and its context."""

    people: tuple[str, ...]  # the owner first, then by number of prepared messages, most first
    window: int  # messages, the one to be written included
    max_length: int  # tokens, likewise
    name: str  # of the model and its adapter, for people
    tainted: str | None = None  # why it should not be used any more
    changed_data: bool = False  # the prepared messages differ from those it was trained on
    run: Path | None = None  # the run's folder; None if only a server has the model
    kind: str | None = None  # of the base model, its `model_type`, if known
    silent: frozenset[str] = frozenset()  # people who wrote none of the prepared messages


def find_voice(home: Path, run: str | None = None, server: Server | None = None) -> Voice:
    """Read the manifest of a run, default the newest; with a server and no run, take people from prepared messages.

    Raises:
        NotReadyError: nothing has been trained, or with a server: nothing is prepared.
        ModelError: there is no such run, or it is damaged.
    """
    with database(home) as db:
        counts = _count_by_sender(db) if db else {}
        everybody = stored_people.names(db) if db and counts else []
        if server and run is None:
            if not everybody:
                raise NotReadyError(
                    "vq does not know whom the served model imitates.",
                    hint="Run: vq prepare, or copy the run's manifest.json here and name its folder with --run.",
                )
            owner = everybody[0]
            people = _by_messages(owner, [name for name in counts if name != owner], counts)
            return _served(server, people, silent=frozenset(everybody) - counts.keys())
        folder = find_run(home / RUNS, run)
        manifest = read_manifest(folder)
        changed_data = db is not None and bool(counts) and data_hash(db) != manifest.data_hash
    if not manifest.people:
        raise ModelError(f"{folder} does not name the people that it was trained on.", hint="Run: vq train")
    base = manifest.settings.get("model", manifest.base_model)
    silent = frozenset((*everybody, *manifest.people)) - counts.keys() if counts else frozenset()
    return Voice(
        people=_by_messages(manifest.people[0], manifest.people[1:], counts),
        window=manifest.window,
        max_length=manifest.max_length,
        name=f"a model at {server.address.shown} (run {folder.name})" if server else f"{base} (adapter {folder.name})",
        tainted=manifest.tainted,
        changed_data=changed_data,
        run=folder,
        kind=manifest.base_kind,
        silent=silent - {*manifest.people} if changed_data else silent,  # they may have written in the other data
    )


def find_kept_voice(home: Path, kept: KeptChat, run: str | None = None, server: Server | None = None) -> Voice:
    """Return the voice to go on with a kept chat: that of `run`, else of the chat's own run, else of the newest run.

    With a server and neither a run nor prepared messages, the chat's own members are the people.

    Raises:
        NotReadyError, ModelError: see `find_voice`.
    """
    own = found_path(kept.run, home) if kept.run else None
    run = run or (str(own.absolute()) if own and is_finished(own) else None)
    try:
        return find_voice(home, run, server)
    except NotReadyError:
        if server is None:
            raise
        return _served(server, tuple(kept.members))


def find_person(name: str, voice: Voice) -> str:
    """Return the name of somebody that the model can write as.

    Raises:
        UnknownNameError: no person has that name.
        SettingsError: none of the prepared messages are theirs.
    """
    try:
        return find_name(name, voice.people)
    except UnknownNameError as unknown:
        with suppress(UnknownNameError):
            silent = find_name(name, voice.silent)
            raise SettingsError(
                f"{silent} wrote none of the prepared messages: there is no voice to learn.",
                hint=f"Choose one of: {', '.join(map(repr, voice.people[1 : 1 + SHOWN]))}",
            ) from None
        raise unknown from None


def _served(server: Server, people: tuple[str, ...], *, silent: frozenset[str] = frozenset()) -> Voice:
    """Return the voice of a server's model of which no manifest is here."""
    name = f"a model at {server.address.shown}"
    return Voice(people=people, window=WINDOW_SIZE, max_length=SERVED_TOKENS, name=name, silent=silent)


def load_writer(
    voice: Voice,
    server: Server | None = None,
    *,
    seed: int = 0,
    sampling: Sampling | None = None,
    backend: str | None = None,
) -> Writer:
    """Connect to the server, or load the adapter and its base model.

    Args:
        backend: see `choose_framework`.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: they cannot be used.
    """
    if server:
        return Endpoint(
            server.address, model=server.model, key=server.key, seconds=server.seconds, seed=seed, sampling=sampling
        )
    return load_line_writer(voice, seed=seed, sampling=sampling, backend=backend)


def load_line_writer(
    voice: Voice, *, seed: int = 0, sampling: Sampling | None = None, backend: str | None = None, prefixes: int = 1
) -> LineWriter:
    """Load the adapter and its base model.

    Args:
        prefixes: conversations whose KV cache is kept.
        backend, errors: see `load_writer`.
    """
    if voice.run is None:
        raise ValueError("neither a server nor a run")
    adapter = load_adapter(voice.run, backend=backend).to_write()
    from ventriloquist.model.line_writer import LineWriter

    return LineWriter(adapter.model, adapter.tokenizer, seed=seed, sampling=sampling, prefixes=prefixes)


def database(home: Path) -> AbstractContextManager[Connection | None]:
    """Open the database, or give None if there is none: only the adapter may have been copied to this machine."""
    return open_database(home) if (home / DATABASE).exists() else nullcontext()


def _count_by_sender(db: Connection) -> dict[str, int]:
    counts = count_by_sender(db)
    if not all(isinstance(name, str) for name in counts):
        raise TypeError("a damaged name")  # shown as what is wrong with the file
    return counts


def _by_messages(owner: str, others: list[str], counts: dict[str, int]) -> tuple[str, ...]:
    return owner, *sorted(others, key=lambda name: -counts.get(name, 0))
