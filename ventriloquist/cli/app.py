"""The command `vq`: its subcommands, and the error boundary that turns expected failures into two lines."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ventriloquist.cli import (
    chat,
    collect,
    demo,
    eval,
    export,
    forget,
    interrupts,
    merge,
    prepare,
    runs,
    search,
    serve,
    status,
    train,
)
from ventriloquist.cli.console import print_error
from ventriloquist.cli.options import say_range
from ventriloquist.errors import StorageError, VentriloquistError

COMMANDS: dict[str, Callable[..., None]] = {
    "collect": collect.command,
    "prepare": prepare.command,
    "export": export.command,
    "train": train.command,
    "chat": chat.command,
    "serve": serve.command,
    "eval": eval.command,
    "search": search.command,
    "status": status.command,
    "runs": runs.command,
    "merge": merge.command,
    "forget": forget.command,
    "demo": demo.command,
}


class WholeNames:
    """Shows help in columns. If those would cut the name of an option, it shows a plain list instead."""

    params: list[Any]
    rich_markup_mode: Any

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            super().format_help(ctx, formatter)  # type: ignore[misc]
        names = {name for parameter in self.params for name in (*parameter.opts, *parameter.secondary_opts)}
        if not all(name in shown.getvalue() for name in names if name.startswith("-")):
            self.rich_markup_mode = None
        super().format_help(ctx, formatter)  # type: ignore[misc]


class Command(WholeNames, TyperCommand):
    """A subcommand."""


class Commands(WholeNames, TyperGroup):
    """The error boundary around every command."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().main(*arguments, **options)
        except OSError as error:  # help and --version are printed outside of `invoke`
            try:
                _fail(error)
            except typer.Exit as done:
                sys.exit(done.exit_code)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except typer.BadParameter as error:
            say_range(error, COMMANDS)
            raise
        except (KeyboardInterrupt, typer.Abort):  # Ctrl-C or the end of input at a question
            _stop(signal.SIGINT)
        except Exception as error:
            if interrupts.stopped():  # SQLite turns an interrupt into an error of its own
                _stop(interrupts.stopped())
            _fail(error)


def _stop(number: int) -> NoReturn:
    print("Stopped.", file=sys.stderr)
    raise typer.Exit(128 + number) from None


def _fail(error: Exception) -> NoReturn:
    """Print an expected failure and exit. A bug keeps its traceback."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter would flush stdout again at exit
        error = StorageError(f"{error.strerror}.", hint="Free some space and run the command again.")
    if not isinstance(error, VentriloquistError):
        raise error
    print_error(error)
    raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_show_locals=False,  # locals hold people's messages
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _command in COMMANDS.items():
    app.command(_name, cls=Command)(_command)


@app.callback()
def vq(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Learn to write like the people you text with. Nothing leaves this machine.

    Example: vq demo
    """
    if version:
        from ventriloquist import __version__

        print(f"vq {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        if sys.stdin.isatty() and sys.stdout.isatty():
            from ventriloquist.cli.menu import menu

            menu()
        else:
            print(context.get_help())


def main() -> None:
    """Run `vq`. SIGTERM and SIGHUP clean up as Ctrl-C does, and exit with 143 and 129."""
    interrupts.unwind()
    os.umask(0o077)  # all new files are private, also those of libraries
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the parent process closed it
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # until we end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: some terminals lack characters
    try:
        app(prog_name="vq")
    except BaseException as error:  # raised again, or turned into an exit code
        interrupts.finish(error)
