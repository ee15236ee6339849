"""Lines typed at the terminal while a talk goes on."""

import asyncio
import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Final, TextIO

_TERMINAL: Final = "CON" if sys.platform == "win32" else "/dev/tty"


class Keyboard:
    """
    The terminal's line input, where there is a terminal: stdin, or with data on stdin the terminal itself.

    Belongs to the event loop it was made in. A thread called `flashlive-keyboard` sits in the read; nothing portable
    gets it out, and as a daemon it does not keep the process.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[str | None] | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> bool:
        """Begin to read, if that has not begun; return whether somebody can type."""
        if self._thread is None:
            stream = _open_terminal()
            if stream is None:
                return False
            self._thread = threading.Thread(target=self._read, args=(stream,), name="flashlive-keyboard", daemon=True)
            self._thread.start()
        return self._thread.is_alive()

    async def line(self) -> str | None:
        """Wait for the next line; None where nobody can type one. What was typed before does not count."""
        if not self.open():
            return None
        self._waiting = self._loop.create_future()
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def _read(self, stream: TextIO) -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # terminal or loop gone
            while line := stream.readline():
                self._loop.call_soon_threadsafe(self._typed, line)
            self._loop.call_soon_threadsafe(self._typed, None)

    def _typed(self, line: str | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(line)


def _open_terminal() -> TextIO | None:
    """Return what the user types into; None where that is no terminal, or belongs to somebody else."""
    stream: TextIO | None = sys.stdin
    if stream is None or stream.closed or not stream.isatty():
        try:
            stream = Path(_TERMINAL).open(encoding="utf-8", errors="replace")  # noqa: SIM115 - read to the end
        except OSError:
            return None
    return stream if _in_front(stream) else None


def _in_front(stream: TextIO) -> bool:
    """Whether reading is for us: a job in the background that reads its terminal is stopped."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:  # not the terminal that controls us: it stops nobody
        return True
