"""`vq chat`: text with a simulation of somebody."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.chat_words import show_past
from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import note, say
from ventriloquist.cli.options import JsonOption, RunOption, SeedOption, settings_to_write
from ventriloquist.errors import UnknownNameError, VentriloquistError
from ventriloquist.layout import CHATS
from ventriloquist.model.sampling import MOST_NAME_GUIDANCE, NAME_GUIDANCE, TEMPERATURE, Sampling
from ventriloquist.safe_text import harmless

if TYPE_CHECKING:
    from ventriloquist.chat import ChatPlan, ChatSession, Keeper, Request, Server, Voice

MOST_NAMES = 8  # in an error


def command(
    name: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="The person who answers, as with --as.", autocompletion=people_names),
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="The person who answers.", autocompletion=people_names)
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME",
            help="Another member of the conversation; repeatable.",
            autocompletion=people_names,
        ),
    ] = None,
    me: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write as this person; default yourself.", autocompletion=people_names),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="CONVERSATION[@DATE]", help="Continue with a group or person, as of a date."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Talk to an earlier self: 2019, 2019-06 or 2019-06-15.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start without your last messages.")] = False,
    continue_: Annotated[
        bool, typer.Option("--continue", help="Go on with your last chat; with --as, the last one with that person.")
    ] = False,
    no_keep: Annotated[bool, typer.Option("--no-keep", help="Keep neither this chat nor what you type.")] = False,
    run: RunOption = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use a server with OpenAI's /v1/completions. Needs no torch."),
    ] = None,
    endpoint_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the server's models to use; default its only one.")
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The variable that holds the server's key; default VQ_API_KEY."),
    ] = None,
    endpoint_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=1, max=86_400, help="How long the server may take for a line; default 300."
        ),
    ] = None,
    once: Annotated[str | None, typer.Option(metavar="TEXT", help="Send this, print the answer and exit.")] = None,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="Sampling temperature; 0 always takes the likeliest token.")
    ] = TEMPERATURE,
    name_guidance: Annotated[
        float,
        typer.Option(
            metavar="WEIGHT",
            min=0,
            max=MOST_NAME_GUIDANCE,
            help="More makes lines more typical of their writer; 0: off.",
        ),
    ] = NAME_GUIDANCE,
    no_delay: Annotated[bool, typer.Option("--no-delay", help="Do not pause as if somebody were typing.")] = False,
    seed: SeedOption = 0,
    json_: JsonOption = False,
) -> None:
    """Text with a simulation of somebody you know. Without a terminal, each line of stdin is a message.

    Example: vq chat --as "Maya Okafor"
    """
    if name and as_:
        raise typer.BadParameter("Name who answers once: as NAME or with --as.", param_hint="--as")
    as_ = " ".join(name) if name else as_  # a name of two words needs no quotes
    if once is not None and not once.strip():
        raise typer.BadParameter("The message is empty.", param_hint="--once")
    if continue_:
        _leave_out({"--with": with_, "--from": from_, "--date": date, "--new": new})
    if not endpoint:
        _require_endpoint(
            {"--endpoint-model": endpoint_model, "--api-key-env": api_key_env, "--endpoint-timeout": endpoint_timeout}
        )
        from ventriloquist.model.extras import require_train_extra

        require_train_extra()
    from ventriloquist import chat
    from ventriloquist.model.address import read_address
    from ventriloquist.store import record

    settings = settings_to_write()
    server = None
    if endpoint:
        server = chat.Server(read_address(endpoint), endpoint_model, settings.key(api_key_env))
        server = replace(server, seconds=endpoint_timeout or server.seconds)
    replaces, kept = chat.last(settings.home, as_, me) if continue_ else (None, None)
    if kept:
        voice = chat.find_kept_voice(settings.home, kept, run, server)
        request, plan = chat.go_on(settings.home, kept, voice, timezone=settings.time_zone)
    else:
        voice = chat.find_voice(settings.home, run, server)
        as_ = as_ or (None if with_ or from_ else _only_person(voice))
        request = chat.Request(as_, tuple(with_ or ()), me, from_, date, new)
        with _several_explained(name or (), voice):
            plan = chat.plan(settings.home, request, voice, timezone=settings.time_zone)

    def keeper(plan: ChatPlan, request: Request, replaces: str | None = None) -> Keeper | None:
        about = plan.about(request, settings.home)
        return None if no_keep else chat.Keeper(settings.home, about, replaces=replaces, warn=note)

    on_terminal = once is None and not json_ and sys.stdin.isatty() and sys.stdout.isatty()
    _introduce(plan, server, past=on_terminal)
    if sys.stderr.isatty() and not server:
        from ventriloquist.model.framework import choose_framework

        say(f"Loading the model with {choose_framework(settings.backend, voice.kind).name} …", "dim", beside=True)
    sampling = Sampling(temperature=temperature, name_guidance=name_guidance)
    writer = chat.load_writer(voice, server, seed=seed, sampling=sampling, backend=settings.backend)
    conversation = chat.start(plan, writer, keeper(plan, request, replaces))
    if on_terminal:
        from ventriloquist.cli.chat_terminal import Terminal

        def reopen(change: Request) -> ChatSession:
            changed = chat.plan(settings.home, change, voice, timezone=settings.time_zone)
            _say_where(changed, past=True)
            return chat.start(changed, writer, keeper(changed, change))

        Terminal(
            conversation,
            replace(request, fresh=False),
            reopen,
            voice=voice,
            folder=settings.home / CHATS,
            record=lambda place: record(settings.home, "chat", {"saved": str(place)}),  # vq forget names it
            delay=not no_delay,
            keep=not no_keep,
        ).run()
        return
    from ventriloquist.cli.chat_pipe import answer_each, stdin_lines

    messages = stdin_lines() if once is None else [once]
    answer_each(conversation, messages, json=json_, names=plan.speaker is None)


def _introduce(plan: ChatPlan, server: Server | None, *, past: bool) -> None:
    from ventriloquist.chat.words import banner

    for line in banner(plan):
        say(line, beside=True)
    if server and not server.address.is_local:
        say(f"The whole conversation is sent to {server.address.shown}.", beside=True)
    _say_where(plan, past=past)


def _say_where(plan: ChatPlan, *, past: bool) -> None:
    from ventriloquist.chat.words import where

    say(where(plan), "dim", beside=True)
    if past:
        show_past(plan.opening.said)


def _leave_out(given: Mapping[str, object]) -> None:
    """Refuse the options that say where a chat starts: a kept chat has its own start."""
    if options := [option for option, value in given.items() if value]:
        raise typer.BadParameter(f"A kept chat goes on as it was: leave out {' and '.join(options)}.",
                                 param_hint="--continue")  # fmt: skip


def _require_endpoint(given: Mapping[str, object]) -> None:
    for option, value in given.items():
        if value is not None:
            raise typer.BadParameter("This option needs --endpoint.", param_hint=option)


@contextmanager
def _several_explained(words: Sequence[str], voice: Voice) -> Iterator[None]:
    """If nobody has the name that the words make, but each word is somebody's, say how to chat with several people."""
    from ventriloquist.chat.voice import find_person

    try:
        yield
    except UnknownNameError as error:
        found: list[str] = []
        with suppress(VentriloquistError):
            found = [quote(find_person(word, voice)) for word in words]
        if len(found) < 2:
            raise
        several = f"vq chat --as {' --with '.join(found)}"
        raise VentriloquistError(error.what, hint=f"For a chat with several people: {several}") from None


def _only_person(voice: Voice) -> str:
    """Return the only person that the model imitates, if the user names nobody."""
    from ventriloquist.chat.words import names

    _, *others = voice.people
    if len(others) != 1:
        known = harmless(names((f'"{other}"' for other in others), MOST_NAMES))
        raise typer.BadParameter(f"Name who answers: one of {known}.", param_hint="--as")
    return others[0]
