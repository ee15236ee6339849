"""A stream written by a thread of its own, so that a slow terminal or a full pipe never delays a talk."""

import queue
import threading
from collections.abc import Callable
from typing import IO, Self, TextIO

from flashlive_cli.errors import OutputFailed, reason_of


class Outlet:
    """
    Lines to a text stream, in order; a context, in which lines are written.

    `say` may be called from any thread and never waits; `close` waits until all is written.

    Attributes:
        failure: why the stream stopped taking lines; None while it does.
    """

    def __init__(self, stream: TextIO, *, name: str, failed: Callable[[OutputFailed], None]) -> None:
        """Be for `stream`, called `name` in messages; `failed` is called once, in the outlet's thread."""
        self.failure: OutputFailed | None = None
        self._stream = stream
        self._name = name
        self._failed = failed
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # a daemon: a terminal that takes nothing any more must not keep the program from ending
        self._thread = threading.Thread(target=self._run, name=f"flashlive-{name}", daemon=True)

    def __enter__(self) -> Self:
        """Start writing."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, as `close` does."""
        self.close()

    def say(self, line: str) -> None:
        """Write a line; lost where the stream has failed."""
        self._lines.put(line)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, then stop the thread; give up on a stream that takes nothing for `timeout_s`."""
        self._lines.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if self.failure is None:
                self._write(line)

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            if self._lines.empty():
                self._stream.flush()
        except (OSError, ValueError) as exc:
            self.failure = refusal(self._stream, self._name, exc)
            self._failed(self.failure)


def refusal(stream: IO[str], name: str, exc: OSError | ValueError) -> OutputFailed:
    """
    Return what is wrong with a stream that was written to; `name` is what users call it.

    Raises:
        ValueError: it is `exc`, which says nothing of the stream.
    """
    if isinstance(exc, ValueError) and not stream.closed:
        raise exc
    return OutputFailed(
        f"{name} takes no more output: {reason_of(exc) if isinstance(exc, OSError) else 'it was closed'}"
    )
