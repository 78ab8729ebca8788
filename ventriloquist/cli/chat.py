"""`vq chat`: text with a simulation of somebody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ventriloquist.cli.console import harmless, note, print_json
from ventriloquist.cli.options import JsonOption, SeedOption

if TYPE_CHECKING:
    from ventriloquist.chat import Conversation, Plan, Request


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
    from ventriloquist.model.extras import require_train_extra

    require_train_extra()
    from ventriloquist import chat
    from ventriloquist.model.sampling import Sampling
    from ventriloquist.settings import load_settings

    if once is not None and not once.strip():
        raise typer.BadParameter("There is nothing to say.", param_hint="--once")
    settings = load_settings()
    if not (as_ or with_ or from_):
        _, *others = chat.people(settings.home, run)
        if len(others) != 1:
            names = ", ".join(f'"{harmless(name)}"' for name in others)
            raise typer.BadParameter(f"Say who answers: one of {names}.", param_hint="--as")
        as_ = others[0]
    request = chat.Request(as_, tuple(with_ or ()), me, from_, date, new)
    plan = chat.plan_chat(settings.home, request, run)
    for line in banner(plan):
        note(line)
    if sys.stderr.isatty():
        note("Loading the model …")
    writer = chat.load_writer(plan, seed=seed, sampling=Sampling(temperature=temperature))
    conversation = chat.start_chat(plan, writer)
    if once is None and not json_ and sys.stdin.isatty() and sys.stdout.isatty():
        from ventriloquist.cli.chat_terminal import Terminal

        def reopen(change: Request) -> Conversation:
            changed = chat.plan_chat(settings.home, change, run)
            note(where(changed))
            return chat.start_chat(changed, writer)

        Terminal(
            conversation,
            replace(request, fresh=False),
            reopen,
            people=plan.manifest.people,
            folder=settings.home / "chats",
            delay=not no_delay,
        ).run()
        return
    try:
        for message in [once] if once is not None else stdin_lines():
            if conversation.say(message):
                print_answer(conversation, json=json_, names=plan.speaker is None)
    except BrokenPipeError:  # whoever read the answers has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def banner(plan: Plan) -> Iterator[str]:
    """Say what this is: whom it imitates, and with which adapter."""
    whom = plan.speaker or ", ".join(name for name in plan.opening.members if name != plan.me)
    base = plan.manifest.settings.get("model", plan.manifest.base_model)
    yield f"A simulation of {whom}. They said none of this: {base} writes it, with the adapter {plan.run.name}."
    if plan.manifest.tainted:
        yield f"Warning: {plan.manifest.tainted}"
    yield where(plan)


def where(plan: Plan) -> str:
    """Say where the conversation starts."""
    opening = plan.opening
    with_whom = opening.title or ", ".join(name for name in opening.members if name != plan.me)
    if not opening.said:
        return f"A new conversation with {with_whom}."
    return f"Going on from the last {len(opening.said)} messages with {with_whom}, until {opening.said[-1].day}."


def stdin_lines() -> Iterator[str]:
    """Yield each line of stdin as it comes; nothing but a newline ends one."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", errors="replace")


def print_answer(conversation: Conversation, *, json: bool, names: bool) -> None:
    """Print an answer's lines as each is finished."""
    for piece in conversation.answer():
        if piece.line is None:
            continue
        if json:
            print_json(piece.line._asdict())
        else:
            text = f"{piece.line.name}: {piece.line.content}" if names else piece.line.content
            print(harmless(text), flush=True)
