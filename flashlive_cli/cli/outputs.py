"""Where the voice and the words of a talk go, each kept apart from what others print there."""

import contextlib
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TextIO

from flashlive_cli.audio.wavwrite import check_target
from flashlive_cli.cli.foreign import Passage, foreign_stderr, stdout_aside
from flashlive_cli.cli.form import Form
from flashlive_cli.cli.rules import SPEAKER, STDOUT, is_live
from flashlive_cli.config import Config


@dataclass(frozen=True, slots=True)
class Outputs:
    """
    What a talk writes to.

    Attributes:
        form: how the talk is shown.
        voice: takes the voice: a path, or stdout kept aside; None where it goes to no file.
        data: takes the conversation, where not stdout or stderr do: stdout kept aside from what tools do to it.
        passage: the way of what strangers write to stderr; None where they write to it themselves.
    """

    form: Form
    voice: str | IO[bytes] | None
    data: TextIO | None
    passage: Passage | None


def open_passage(form: Form, *, live: bool, stack: ExitStack) -> Passage | None:
    """Take stderr away from strangers: sound drivers where there may be some, anybody where there is a panel."""
    if not live and form != "panel":
        return None
    return stack.enter_context(foreign_stderr(ours_too=form == "panel"))


def open_outputs(
    settings: Config, form: Form, passage: Passage | None, *, runs_tools: bool, stack: ExitStack
) -> Outputs:
    """
    See where the voice and the words go; no file that exists is touched yet.

    Args:
        settings: of the talk.
        form: how it is shown.
        passage: of what strangers write, as `open_passage` has it.
        runs_tools: functions of the user's run in this process.
        stack: puts all back as it was.

    Raises:
        FileError: the voice cannot go where it should.
    """
    voice = _find_voice(settings, stack)
    data = _find_data(stack) if (runs_tools or form == "panel") and settings.output != STDOUT else None
    if form == "panel" and data is None and passage is not None:
        data = passage.stderr
    return Outputs(form, voice, data, passage)


def _find_voice(settings: Config, stack: ExitStack) -> str | IO[bytes] | None:
    """See where the voice goes; a talk with files is silent by default."""
    target = settings.output
    if target is None or target == "none" or is_live(target, SPEAKER):
        return None
    if target != STDOUT:
        check_target(target)
        return target
    # the sound goes out by a descriptor of its own; whatever else is printed to stdout goes to stderr meanwhile
    return stack.enter_context(stdout_aside())


def _find_data(stack: ExitStack) -> TextIO | None:
    """Keep stdout aside for the conversation: a tool's child process may write to descriptor 1."""
    try:
        sys.stdout.fileno()
    except (AttributeError, OSError):  # replaced by something that is no file
        return None
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    aside = stack.enter_context(stdout_aside())
    data = os.fdopen(os.dup(aside.fileno()), "w", encoding=encoding, errors=errors)
    stack.callback(_close_quietly, data)
    return data


def _close_quietly(stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # its reader is gone, which the talk has noticed and said
        stream.close()
