"""
What a tool prints, kept off stdout, where the transcript, NDJSON or a WAV file may be flowing.

`tool_prints_to` puts a stand-in in place of `sys.stdout` once, around the whole talk. Each write to it asks a
context variable who is printing. `Printing` sets that variable around the steps of one call; a task that an async
tool starts, and the thread a sync tool runs on, inherit it. So the lines of several tools running at once are told
apart, and a tool that is still running after its call was given up still does not reach stdout.

Not caught: what a child process of a tool, or C code, writes to file descriptor 1. A thread that a tool starts
by itself inherits no context: its prints are strays (see `stray` below).
"""

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any, Final, TextIO, cast

from flashlive_cli.printable import printable

OnPrint = Callable[[str, str], None]
"""Called with a tool's name and one line it printed, safe for a terminal, without the newline."""

_LONGEST_LINE: Final = 8192
"""Characters after which a line is passed on unfinished: a tool may print dots for ever."""


@contextmanager
def tool_prints_to(on_print: OnPrint, *, stray: TextIO | None = None) -> Iterator[TextIO]:
    """
    Hand what tools print, to stdout or stderr, to `on_print`, always on the thread of the loop they were called in.

    Args:
        on_print: called with the tool's name and the line.
        stray: where text goes that no tool is known to have printed. By default the stdout from before;
            with data on stdout, pass `sys.stderr` and write the data to what this yields.

    Yields the stdout from before. Whatever else redirects `sys.stdout` (rich's Live does unless told not to)
    has to be entered earlier and left later.
    """
    before, stderr_before = sys.stdout, sys.stderr
    sys.stdout = cast("TextIO", _Stdout(before if stray is None else stray, on_print))
    sys.stderr = cast("TextIO", _Stdout(stderr_before, on_print))  # a complaint of a tool's is as much its line
    try:
        yield before
    finally:
        sys.stdout, sys.stderr = before, stderr_before


class Printing:
    """
    What one call prints, cut into lines; any thread may write.

    Made in the loop's thread, in the context that `on_print` shall run in. It may print too, and that is not the
    tool's doing.
    """

    def __init__(self, tool_name: str) -> None:
        self._tool_name = tool_name
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._outside = copy_context()
        self._lock = threading.Lock()
        self._unfinished = ""
        self._on_print: OnPrint | None = None

    @contextmanager
    def here(self) -> Iterator[None]:
        """Mark what this task and its heirs print as this call's; for as long as it runs, not while it is asked."""
        token = _printing.set(self)
        try:
            yield
        finally:
            _printing.reset(token)

    def finish(self) -> None:
        """Pass on an unfinished line: the call is over."""
        with self._lock:
            line, self._unfinished = self._unfinished, ""
        if line and self._on_print is not None:
            self._pass_on(line, self._on_print)

    def write(self, text: str, on_print: OnPrint) -> None:
        """Take what was printed, and pass on the lines that are complete."""
        with self._lock:
            self._on_print = on_print
            *lines, self._unfinished = (self._unfinished + text).split("\n")
            while len(self._unfinished) > _LONGEST_LINE:
                lines.append(self._unfinished[:_LONGEST_LINE])
                self._unfinished = self._unfinished[_LONGEST_LINE:]
        for line in lines:
            self._pass_on(line, on_print)

    def _pass_on(self, line: str, on_print: OnPrint) -> None:
        if threading.get_ident() == self._loop_thread:
            self._outside.run(on_print, self._tool_name, printable(line))
            return
        with suppress(RuntimeError):  # the loop is closed: the talk is over and nobody reads
            self._loop.call_soon_threadsafe(on_print, self._tool_name, printable(line), context=self._outside)


_printing: ContextVar[Printing | None] = ContextVar("flashlive_tool_printing", default=None)


class _Stdout:
    """A text stream that asks the context who is printing; all else is asked of the stream behind it."""

    def __init__(self, stream: TextIO, on_print: OnPrint) -> None:
        self._stream = stream
        self._on_print = on_print

    def write(self, text: str) -> int:
        lines = _printing.get()
        if lines is None:
            return self._stream.write(text)
        lines.write(text, self._on_print)
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        if _printing.get() is None:
            self._stream.flush()

    def isatty(self) -> bool:
        return _printing.get() is None and self._stream.isatty()

    def fileno(self) -> int:
        """Refused to tools: a child process that got it would write between our data."""
        if _printing.get() is not None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    @property
    def buffer(self) -> Any:
        return self._stream.buffer if _printing.get() is None else _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Bytes:
    """The binary side of stdout, for a tool that writes `sys.stdout.buffer`."""

    def __init__(self, text: _Stdout) -> None:
        self._text = text

    def write(self, octets: bytes) -> int:
        self._text.write(bytes(octets).decode("utf-8", "replace"))
        return len(octets)

    def flush(self) -> None:
        """Nothing is held back here."""
