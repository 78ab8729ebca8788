"""`vq chat`: text with a simulation of somebody."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from ventriloquist.cli.chat_words import banner, names, say, show_past, where
from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import harmless
from ventriloquist.cli.options import JsonOption, RunOption, SeedOption

if TYPE_CHECKING:
    from ventriloquist.chat import Conversation, Request

MOST_NAMES = 8  # in an error


def command(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]", help="Who answers, as with --as.", show_default=False, autocompletion=people_names
        ),
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who answers.", autocompletion=people_names)
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME",
            help="Somebody else in the conversation; repeatable.",
            autocompletion=people_names,
        ),
    ] = None,
    me: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="As whom you write; default yourself.", autocompletion=people_names),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="CONVERSATION[@DATE]", help="Go on from a group or person, as of a date."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Talk to an earlier self: 2019, 2019-06 or 2019-06-15.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start empty instead of from your last messages.")] = False,
    run: RunOption = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Let a server write: any with OpenAI's /v1/completions. Needs no torch."),
    ] = None,
    endpoint_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of the server's models; default its only one.")
    ] = None,
    once: Annotated[str | None, typer.Option(metavar="TEXT", help="Say this, print the answer and stop.")] = None,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="How freely it writes; 0 takes the likeliest.")
    ] = 0.9,
    no_delay: Annotated[bool, typer.Option("--no-delay", help="Do not pause as if somebody typed.")] = False,
    seed: SeedOption = 0,
    json_: JsonOption = False,
) -> None:
    """Text with a simulation of somebody you know. Without a terminal, each line of stdin is a message.

    Example: vq chat --as "Maya Okafor"
    """
    if name and as_:
        raise typer.BadParameter("Say who answers once: as NAME or with --as.", param_hint="--as")
    as_ = " ".join(name) if name else as_  # a name of two words needs no quotes
    if once is not None and not once.strip():
        raise typer.BadParameter("There is nothing to say.", param_hint="--once")
    if endpoint_model and not endpoint:
        raise typer.BadParameter("It names a model of --endpoint.", param_hint="--endpoint-model")
    if not endpoint:
        from ventriloquist.model.extras import require_train_extra

        require_train_extra()
    from ventriloquist import chat
    from ventriloquist.database import record
    from ventriloquist.model.sampling import Sampling
    from ventriloquist.settings import load_settings

    settings = load_settings()
    server = chat.Server(endpoint, endpoint_model) if endpoint else None
    voice = chat.find_voice(settings.home, run, server)
    if not (as_ or with_ or from_):
        _, *others = voice.people
        if len(others) != 1:
            known = harmless(names((f'"{other}"' for other in others), MOST_NAMES))
            raise typer.BadParameter(f"Say who answers: one of {known}.", param_hint="--as")
        as_ = others[0]
    request = chat.Request(as_, tuple(with_ or ()), me, from_, date, new)
    plan = chat.plan_chat(settings.home, request, voice, timezone=settings.time_zone)
    for line in banner(plan):
        say(line)
    if server and not is_local(server.url):
        say(f"What you and they write goes to {server.url}.")
    say(where(plan), "dim")
    on_terminal = once is None and not json_ and sys.stdin.isatty() and sys.stdout.isatty()
    if on_terminal:
        show_past(plan.opening.said)
    if sys.stderr.isatty() and not server:
        say("Loading the model …", "dim")
    writer = chat.load_writer(voice, server, seed=seed, sampling=Sampling(temperature=temperature))
    conversation = chat.start_chat(plan, writer)
    if on_terminal:
        from ventriloquist.cli.chat_terminal import Terminal

        def reopen(change: Request) -> Conversation:
            changed = chat.plan_chat(settings.home, change, voice, timezone=settings.time_zone)
            say(where(changed), "dim")
            show_past(changed.opening.said)
            return chat.start_chat(changed, writer)

        Terminal(
            conversation,
            replace(request, fresh=False),
            reopen,
            voice=voice,
            folder=settings.home / "chats",
            record=lambda place: record(settings.home, "chat", {"saved": str(place)}),  # vq forget names it
            delay=not no_delay,
        ).run()
        return
    from ventriloquist.cli.chat_pipe import answer_each, stdin_lines

    messages = stdin_lines() if once is None else [once]
    answer_each(conversation, messages, json=json_, names=plan.speaker is None)


def is_local(url: str) -> bool:
    """Say whether a server is on this machine."""
    try:
        host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    except ValueError:  # no address: whoever connects says so
        return True
    return host in ("localhost", "::1") or host.startswith("127.")
