"""Serving: `plan` looks up the voice and everybody who can be chatted with, `run` loads the model and serves."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ventriloquist import chat
from ventriloquist.errors import SettingsError
from ventriloquist.model.address import HOST, PORT
from ventriloquist.model.sampling import Sampling
from ventriloquist.serve.app import build_app
from ventriloquist.serve.directory import Directory
from ventriloquist.serve.generation import Generation
from ventriloquist.serve.hosts import Names
from ventriloquist.serve.kept import Keepers
from ventriloquist.serve.safety import Access, Guard, check_token
from ventriloquist.serve.served import Served
from ventriloquist.serve.server import Server, bind

PREFIXES = 3  # conversations whose KV cache is kept


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the user asks for."""

    only: tuple[str, ...] = ()  # the people that are served; empty for all
    me: str | None = None  # the person that the user writes as; None: the owner
    run: str | None = None  # None: the newest
    fresh: bool = False  # chats begin without earlier messages
    host: str = HOST
    port: int = PORT
    token: str | None = None
    keep: bool = False  # the chats, as `vq chat` does
    sampling: Sampling = field(default_factory=Sampling)
    seed: int | None = None  # None: a random one


@dataclass(frozen=True, slots=True)
class ServePlan:
    """A server that can start as soon as the model is loaded."""

    home: Path
    options: ServeOptions
    voice: chat.Voice
    directory: Directory
    names: Names
    token: str  # given or made up

    @property
    def is_open(self) -> bool:
        """Whether other machines reach it."""
        return not self.names.is_loopback


def plan(home: Path, options: ServeOptions, *, timezone: str | None = None) -> ServePlan:
    """Look up the voice, the people and the groups, and check the address and the token. No model is loaded.

    Raises:
        NotReadyError, ModelError, UnknownNameError: see `chat.find_voice` and `chat.plan`.
        SettingsError: another machine could connect and no token is given, or it is too short.
    """
    names = Names(options.host)
    if not names.is_loopback and not options.token:
        raise SettingsError(
            f"With --host {options.host}, other machines could read the chats.",
            hint=f"Set a token: VQ_SERVE_TOKEN={secrets.token_urlsafe(24)} vq serve --host {options.host}",
        )
    token = check_token(options.token) if options.token else secrets.token_urlsafe(24)
    voice = chat.find_voice(home, options.run)
    directory = Directory(home, voice, me=options.me, only=options.only, fresh=options.fresh, timezone=timezone)
    return ServePlan(home, options, voice, directory, names, token)


def run(
    plan: ServePlan,
    *,
    backend: str | None = None,
    announce: Callable[[str], None],
    log: Callable[[str], None],
) -> None:
    """Load the model and serve until a signal comes.

    Args:
        backend: see `choose_framework`.
        announce: called with the server's address once it listens, without the token.
        log: called with a line for each request, without words or names of anybody.

    Raises:
        SettingsError: the port is taken.
        ModelError, MissingExtraError: see `chat.load_writer`.
    """
    with closing(bind(plan.options.host, plan.options.port)) as bound:
        server = build(plan, bound, backend=backend, log=log)
        announce(address(bound))
        server.serve_until_stopped(bound)


def build(plan: ServePlan, bound: socket.socket, *, backend: str | None = None, log: Callable[[str], None]) -> Server:
    """Load the model and return the server for a bound socket."""
    options = plan.options
    writer = chat.load_line_writer(plan.voice, sampling=options.sampling, backend=backend, prefixes=PREFIXES)
    served = Served(
        plan.voice,
        writer,
        plan.directory,
        sampling=options.sampling,
        seed=options.seed,
        log=log,
        keep=Keepers(plan.home, log) if options.keep else None,
    )
    generation = Generation(log)
    cookie = f"vq-{bound.getsockname()[1]}"
    access = Access(plan.names, plan.token, cookie, needs_token=plan.is_open or options.token is not None)
    return Server(Guard(build_app(served, generation), access, log), generation)


def address(bound: socket.socket) -> str:
    """Return the URL by which a browser of this machine reaches the server, or another machine if it is open."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  # not an address to open
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
