"""
The command line: introduces the rooms to each other; errors become exit codes here and nowhere else.

    __init__.py    the commands together, and the one place where an error is printed
    talk.py        `flashlive talk`: options
    casting.py     what a talk needs, found and checked before anything begins
    stage.py       a talk held
    screen.py      what is seen of a talk
    turns.py       what the user gave to say, in the order given
    simulate.py    `flashlive sim`
    catalogue.py   `flashlive voices`, `flashlive models`
    exits.py       exit codes
    settings.py    `flashlive config`, and settings for the other commands

Whatever costs start-up time is imported where it is used: `--help` needs none of it.
"""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from flashlive_cli import __version__
from flashlive_cli.cli import catalogue, settings, simulate, talk
from flashlive_cli.cli.exits import INTERRUPTED, exit_code_of
from flashlive_cli.errors import FlashliveError
from flashlive_cli.printable import printable

# rich's help takes 100 ms more, and its tracebacks show local variables, one of which may be the key
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, context_settings={"max_content_width": 110})


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flashlive {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def flashlive(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Talk to Gemini Live from the terminal, test voice agents, simulate the API."""
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


talk.register(app)
simulate.register(app)
catalogue.register(app)
settings.register(app)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` by default; print what went wrong in one line and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a Windows code page, or LANG=C, cannot spell every answer
            stream.reconfigure(errors="backslashreplace")
    try:
        # None: the command returned; a number: it asked for that exit code
        return app(args=args, prog_name="flashlive", standalone_mode=False) or 0
    except FlashliveError as error:
        _complain(str(error))
        return exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # the last stop: no traceback reaches a user
        # typer brings its own copy of click, so a usage error is known by what it can do
        told = getattr(error, "format_message", None)
        if told is not None:
            _complain(f"{told()} (flashlive --help shows what there is)")
            return 2
        if settings.wants_trace():
            raise
        _complain(f"unexpected {type(error).__name__}: {error} (--log-level debug shows where)")
        return 1


def _complain(message: str) -> None:
    print(f"flashlive: error: {printable(message)}", file=sys.stderr)
