"""`vq chat`: text with a simulation of somebody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import harmless, note
from ventriloquist.cli.options import JsonOption, SeedOption, settings_to_write

if TYPE_CHECKING:
    from ventriloquist.chat import Conversation, Plan, Request

MOST_NAMES = 8  # in an error


def command(
    as_: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who answers.")] = None,
    with_: Annotated[
        list[str] | None, typer.Option("--with", metavar="NAME", help="Somebody else in the conversation; repeatable.")
    ] = None,
    me: Annotated[str | None, typer.Option(metavar="NAME", help="As whom you write; default yourself.")] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="CONVERSATION[@DATE]", help="Go on from a group or person, as of a date."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Talk to an earlier self: 2019, 2019-06 or 2019-06-15.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start empty instead of from your last messages.")] = False,
    run: Annotated[str | None, typer.Option(help="The run to use, by name or folder; default the newest.")] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Let a server write: any with OpenAI's /v1/completions. Needs no torch."),
    ] = None,
    endpoint_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of the server's models; default its only one.")
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The variable with the server's key; default VQ_API_KEY, if it is set."),
    ] = None,
    endpoint_timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=1, max=86_400, help="How long a line of the server may take.", show_default="300"
        ),
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
    if once is not None and not once.strip():
        raise typer.BadParameter("There is nothing to say.", param_hint="--once")
    served = {"--endpoint-model": endpoint_model, "--api-key-env": api_key_env, "--endpoint-timeout": endpoint_timeout}
    for option, value in served.items():
        if value is not None and not endpoint:
            raise typer.BadParameter("It is of use with --endpoint only.", param_hint=option)
    if not endpoint:
        from ventriloquist.model.extras import require_train_extra

        require_train_extra()
    from ventriloquist import chat
    from ventriloquist.model.sampling import Sampling

    settings = settings_to_write()
    server = None
    if endpoint:
        from ventriloquist.model.address import read_address
        from ventriloquist.model.endpoint import SECONDS

        address, seconds = read_address(endpoint), endpoint_timeout or SECONDS
        server = chat.Server(address, endpoint_model, settings.key(api_key_env), seconds)
    voice = chat.find_voice(settings.home, run, server)
    if not (as_ or with_ or from_):
        _, *others = voice.people
        if len(others) != 1:
            names = ", ".join(f'"{harmless(name)}"' for name in others[:MOST_NAMES])
            more = ", …" if others[MOST_NAMES:] else ""
            raise typer.BadParameter(f"Say who answers: one of {names}{more}.", param_hint="--as")
        as_ = others[0]
    request = chat.Request(as_, tuple(with_ or ()), me, from_, date, new)
    plan = chat.plan_chat(settings.home, request, voice)
    for line in banner(plan):
        say(line)
    if server and not server.address.is_local:
        say(f"What you and they write goes to {server.address.shown}.")
    say(where(plan), "dim")
    if sys.stderr.isatty() and not server:
        say("Loading the model …", "dim")
    writer = chat.load_writer(voice, server, seed=seed, sampling=Sampling(temperature=temperature))
    conversation = chat.start_chat(plan, writer)
    if once is None and not json_ and sys.stdin.isatty() and sys.stdout.isatty():
        from ventriloquist.cli.chat_terminal import Terminal

        def reopen(change: Request) -> Conversation:
            changed = chat.plan_chat(settings.home, change, voice)
            say(where(changed), "dim")
            return chat.start_chat(changed, writer)

        Terminal(
            conversation,
            replace(request, fresh=False),
            reopen,
            people=voice.people,
            folder=settings.home / "chats",
            delay=not no_delay,
        ).run()
        return
    from ventriloquist.cli.chat_pipe import answer_each, stdin_lines

    messages = stdin_lines() if once is None else [once]
    answer_each(conversation, messages, json=json_, names=plan.speaker is None)


def banner(plan: Plan) -> Iterator[str]:
    """Say what this is: whom it imitates, and what writes."""
    whom = plan.speaker or ", ".join(name for name in plan.opening.members if name != plan.me)
    yield f"A simulation of {whom}. They said none of this: {plan.voice.name} writes it."
    if plan.voice.tainted:
        yield f"Warning: {plan.voice.tainted}"
    if plan.voice.changed_data:
        yield "Its messages were prepared anew since it was trained."


def where(plan: Plan) -> str:
    """Say where the conversation starts."""
    opening = plan.opening
    with_whom = opening.title or ", ".join(name for name in opening.members if name != plan.me)
    if not opening.said:
        from ventriloquist.chat.clock import local_day

        then = f", on {local_day(opening.begins_at)}" if opening.begins_at else ""
        return f"A new conversation with {with_whom}{then}."
    return f"Going on from the last {len(opening.said)} messages with {with_whom}, until {opening.said[-1].day}."


def say(text: str, style: str = "") -> None:
    """Say something beside the result; on a terminal in this style and broken between words."""
    if not sys.stderr.isatty():
        note(text)
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, highlight=False).print(Text(harmless(text), style=style))
