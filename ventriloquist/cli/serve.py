"""`vq serve`: chat in a browser, or with a front end that speaks OpenAI's API."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ventriloquist.cli.completion import people_names
from ventriloquist.cli.console import note, say
from ventriloquist.cli.options import RunOption, settings_to_write
from ventriloquist.model.address import HOST, PORT
from ventriloquist.model.sampling import MOST_NAME_GUIDANCE, NAME_GUIDANCE, TEMPERATURE, Sampling

MODULES = ("starlette", "uvicorn")  # of the extra


def command(
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="NAME", help="Serve only this person; repeatable.", autocompletion=people_names),
    ] = None,
    me: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write as this person; default yourself.", autocompletion=people_names),
    ] = None,
    run: RunOption = None,
    new: Annotated[bool, typer.Option("--new", help="Start chats without your last messages.")] = False,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Listen here. Any but 127.0.0.1 needs a token.")] = HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen on this port; 0 takes a free one.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Ask every client for this; default VQ_SERVE_TOKEN, if it is set."),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the chats, as vq chat does.")] = False,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="Sampling temperature of requests that have none.")
    ] = TEMPERATURE,
    name_guidance: Annotated[
        float,
        typer.Option(metavar="WEIGHT", min=0, max=MOST_NAME_GUIDANCE, help="Name guidance of requests that have none."),
    ] = NAME_GUIDANCE,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=2**32 - 1, help="Seed of the requests that have none; default random."),
    ] = None,
) -> None:
    """Serve a page to chat on, and OpenAI's API for other front ends. Ctrl-C ends it.

    Example: vq serve
    """
    from ventriloquist.model.extras import require_extra, require_train_extra

    require_train_extra()
    require_extra("serve", MODULES)
    from ventriloquist import serve

    settings = settings_to_write()
    options = serve.ServeOptions(
        only=tuple(as_ or ()),
        me=me,
        run=run,
        fresh=new,
        host=host,
        port=port,
        token=token or settings.serve_token,
        keep=keep,
        sampling=Sampling(temperature=temperature, name_guidance=name_guidance),
        seed=seed,
    )
    plan = serve.plan(settings.home, options, timezone=settings.time_zone)
    say(f"A simulation. Everything that it says is written by {plan.voice.name}, not by a person.", beside=True)
    from ventriloquist.chat.words import warnings

    for line in warnings(plan.voice):
        say(line, beside=True)
    if plan.is_open:
        say(
            f"Other machines can connect to {host}. Chats, and the messages that they continue, leave this machine:"
            " they are sent to whoever has the token, and are not encrypted on the way.",
            beside=True,
        )
    if sys.stderr.isatty():
        from ventriloquist.model.framework import choose_framework

        say(f"Loading the model with {choose_framework(settings.backend, plan.voice.kind).name} …", "dim", beside=True)

    def announce(address: str) -> None:
        own = not options.token
        url = f"{address}?token={plan.token}"
        say(f"Open {url if own else f'{address}?token=… with your token'}", beside=True)
        say(f"For other front ends: {address}v1", "dim", beside=True)
        say("Ctrl-C ends it.", "dim", beside=True)
        if not no_open and not plan.is_open and _has_display():
            import webbrowser

            webbrowser.open(url)

    serve.run(plan, backend=settings.backend, announce=announce, log=note)


def _has_display() -> bool:
    """Return whether this is a terminal on a machine with a screen."""
    if not sys.stdout.isatty() or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
