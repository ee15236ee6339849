"""
What strangers write to descriptors 1 and 2, kept in order: PortAudio's complaints go to the log, all else is made safe.

PortAudio and JACK write to stderr from C, and a tool's child processes inherit it. Neither knows of the terminal's
lines, nor escapes what it writes.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, Final, TextIO

from flashlive_cli.printable import printable

_DRIVERS: Final = (
    "ALSA lib ",
    "Expression '",
    "PaAlsa",
    "Cannot connect to server",
    "jack server",
    "JackShmReadWritePtr",
    "connect(2) call to ",
    "attempt to connect to server failed",
)
_LONGEST_LINE: Final = 8192
_STDERR: Final = 2
_log: Final = logging.getLogger("flashlive.driver")


@dataclass(slots=True)
class Passage:
    """
    The way of what strangers write to descriptor 2.

    Attributes:
        stderr: what that was connected to.
        tell: takes each line, in a thread, in place of `stderr`; None for nobody.
    """

    stderr: TextIO
    tell: Callable[[str], None] | None = None


@contextmanager
def foreign_stderr(*, ours_too: bool = False) -> Iterator[Passage]:
    """
    Take descriptor 2 away from strangers; `sys.stderr` goes on to what it was connected to, unless `ours_too`.

    Lines of sound drivers are logged, at level debug; others are passed on with control characters escaped.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # replaced by something that is no file
        yield Passage(sys.stderr)
        return
    before = sys.stderr
    before.flush()
    encoding, errors = before.encoding, before.errors or "backslashreplace"
    aside = os.fdopen(os.dup(descriptor), "w", encoding=encoding, errors=errors, buffering=1)
    reading, writing = os.pipe()
    lines = os.fdopen(reading, "rb")
    passage = Passage(aside)
    thread = threading.Thread(target=_pass_on, args=(lines, passage), name="flashlive-stderr", daemon=True)
    thread.start()
    os.dup2(writing, descriptor)
    os.close(writing)
    if not ours_too:
        sys.stderr = aside
    try:
        yield passage
    finally:
        passage.tell = None
        with contextlib.suppress(OSError, ValueError):
            before.flush()
        if _driver_hangs():
            sys.stderr = aside
            # it complains for ever, and at exit libc would wait for it to get rid of a line: into nothing with it
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
            thread.join(1.0)  # a line that it cannot get rid of may wait in the full pipe: that is emptied first
        else:
            sys.stderr = before
            os.dup2(aside.fileno(), descriptor)
            thread.join(0.2)  # ends with the last writer; a child of a tool may live on
            if not thread.is_alive():
                aside.close()


def _driver_hangs() -> bool:
    stream = sys.modules.get("flashlive_cli.audio.stream")  # if nobody has loaded it, there is no driver
    return stream is not None and stream.driver_hangs()


def _pass_on(lines: BinaryIO, passage: Passage) -> None:
    with lines, contextlib.suppress(OSError, ValueError):  # stderr is closed: nobody is left to care
        latest_complaint = ""
        while line := lines.readline(_LONGEST_LINE):
            text = line.decode(errors="backslashreplace").rstrip("\r\n")
            if text.startswith(_DRIVERS):
                if text != latest_complaint:  # a driver that hangs repeats itself as fast as it can
                    _log.debug("%s", text)
                latest_complaint = text
            elif (tell := passage.tell) is not None:
                tell(text)
            else:
                passage.stderr.write(printable(text) + "\n")


@contextmanager
def stdout_aside() -> Iterator[IO[bytes]]:
    """
    Keep what stdout is connected to for the data, unbuffered, and send whatever is printed there to stderr.

    That holds for descriptor 1 itself, and so for what child processes of a tool print.
    """
    sys.stdout.flush()
    stdout = sys.stdout.fileno()
    with os.fdopen(os.dup(stdout), "wb", buffering=0) as aside:
        os.dup2(_STDERR, stdout)  # not sys.stderr's, which may have been set aside
        try:
            yield aside
        finally:
            sys.stdout.flush()
            os.dup2(aside.fileno(), stdout)
