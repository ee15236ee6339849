"""Signals that end a talk: politely the first time, at once the second, and a third one ends what hangs."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Self

import typer

from flashlive_cli.cli.exits import KILLED_BY
from flashlive_cli.cli.signals import SAME_S, on_signals

HURRY_S: Final = 0.1
"""What is still waited for at a second signal is waited for no longer than that, one after another."""


class StopSignals:
    """
    Takes the signals that end a talk; a context around the event loop, of the main thread.

    SIGTERM and SIGHUP count in `told` alone. SIGINT is taken in the signal's own handler, as a loop may hang.

    Attributes:
        by: the signal that came first; 0 for none.
    """

    def __init__(self) -> None:
        self.by = 0
        self._times = 0
        self._latest_s = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        """Take SIGINT, where nobody else has, or has it ignored; outside of the main thread it cannot be taken."""
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def told(self) -> Iterator[None]:
        """
        Have the present task cancelled by a signal.

        Raises:
            typer.Exit: it was, with the exit code of the signal.
        """
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        try:
            with on_signals("SIGTERM", "SIGHUP", act=self._came):
                yield
        except asyncio.CancelledError:
            if self.by:
                raise typer.Exit(KILLED_BY + self.by) from None
            raise

    def _interrupted(self, number: int, _frame: FrameType | None) -> None:
        self._came(number)

    def _came(self, number: int) -> None:
        now = time.monotonic()
        if self._times and now - self._latest_s < SAME_S:
            return
        self._latest_s = now
        self._times += 1
        self.by = self.by or number
        if self._task is None or self._loop is None or self._loop.is_closed() or self._times > 2:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._task.cancel if self._times == 1 else self._hurry)

    def _hurry(self) -> None:
        """Have nothing waited for any more: what is left to be done is done, and each wait cut short."""
        assert self._loop is not None, "it runs this"
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        if self._task is not None and not self._task.done():
            self._loop.call_later(HURRY_S, self._hurry)
