"""
The command line: introduces the rooms to each other; errors become exit codes here and nowhere else.

    __init__.py    the commands together, and the one place where an error is printed
    talk.py        `flashlive talk`: options
    casting.py     what a talk needs, found and checked before anything begins
    outputs.py     where its voice and words go
    logfile.py     where its log goes
    stage.py       a talk held
    ending.py      how it ends, and with which exit code
    stopping.py    signals that end it
    sound.py       its ears and mouth
    screen.py      what is seen of it
    form.py        as a panel, in lines, or as JSON
    eyes.py        what the model is shown of it
    pictured.py    typed lines with pictures in them
    keyset.py      which keys there are
    keys.py        what they do
    keep.py        what stays of it: recording and transcript
    resume.py      the last one, taken up again
    foreign.py     what drivers, tools' children and other strangers print, kept in order
    turns.py       what the user gave to say, in the order given
    rules.py       what goes together
    service.py     where the service is found, with which key
    options.py     options that several commands have
    toolset.py     what the model may call: functions and servers put together
    consent.py     whether a tool that asks first may be run
    keyboard.py    lines typed while a talk goes on
    reload.py      tools files that are saved meanwhile
    test.py        `flashlive test`: options
    suite.py       a run of scenarios held
    simulate.py    `flashlive sim`: options
    simulation.py  a simulator held
    guest.py       the program it runs for
    traffic.py     what passes over its sockets, kept and shown
    catalogue.py   `flashlive voices`, `flashlive models`
    tools.py       `flashlive tools`
    devices.py     `flashlive devices`
    choice.py      which microphone and speaker a talk uses
    remembered.py  the ones chosen last
    statefile.py   where that is kept, and other things from one command to the next
    doctor.py      `flashlive doctor`; what it looks at is in checks/
    exits.py       exit codes
    signals.py     signals that are met
    sessions.py    `flashlive sessions`
    table.py       columns for people
    settings.py    `flashlive config`, and settings for the other commands

Whatever costs start-up time is imported where it is used: `--help` needs none of it.
"""

import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flashlive_cli import __version__
from flashlive_cli.cli import catalogue, devices, doctor, sessions, settings, simulate, talk, test, tools
from flashlive_cli.cli.exits import FAILED, INTERRUPTED, USAGE, exit_code_of
from flashlive_cli.errors import FlashliveError, Mistakes, reason_of
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
test.register(app)
simulate.register(app)
catalogue.register(app)
tools.register(app)
devices.register(app)
doctor.register(app)
settings.register(app)
sessions.register(app)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` by default; print what went wrong in one line and return the exit code."""
    if sys.stderr is None:  # closed by whoever started us
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the life of the process
    if sys.stdout is None:
        _complain("standard output is closed; > /dev/null throws it away")
        return FAILED
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a Windows code page, or LANG=C, cannot spell every answer
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(args)
    except FlashliveError as error:
        for line in error.lines if isinstance(error, Mistakes) else [str(error)]:
            _complain(line)
        return exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED


def _run(args: Sequence[str] | None) -> int:
    """Run a command line; what flashlive did not raise on purpose is told here."""
    try:
        # None: the command returned; a number: it asked for that exit code
        code: int = app(args=args, prog_name="flashlive", standalone_mode=False) or 0
        sys.stdout.flush()
    except (FlashliveError, typer.Abort):
        raise
    except OSError as error:
        return _output_failed(error)
    except Exception as error:  # noqa: BLE001 - the last stop: no traceback reaches a user
        # typer brings its own copy of click, so a usage error is known by what it can do
        told = getattr(error, "format_message", None)
        if told is not None:
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "flashlive"
            _complain(f"{told()} ({command} --help shows what there is)")
            return USAGE
        return _unexpected(error)
    return code


def _output_failed(error: OSError) -> int:
    """Say that stdout takes no more; a reader who left (`| head`) knows that."""
    if error.errno not in {errno.EPIPE, errno.ENOSPC, errno.EIO}:
        return _unexpected(error)
    # what is still in its buffer would fail again when the interpreter ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        _complain(f"stdout takes no more output: {reason_of(error)}")
    return FAILED


def _unexpected(error: Exception) -> int:
    if settings.wants_trace():
        raise error
    _complain(f"unexpected {type(error).__name__}: {error} (talk --log-level debug shows where)")
    return FAILED


def _complain(message: str) -> None:
    print(f"flashlive: error: {printable(message)}", file=sys.stderr)
