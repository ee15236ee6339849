"""Signals that are met, each as far as a system has it: Windows knows no SIGHUP, and its event loop none at all."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SAME_S: Final = 0.5
"""A signal so soon after one is the same: keys repeat, and `uvx` and `timeout` send on what all have got already."""


@contextmanager
def on_signals(*names: str, act: Callable[[int], None]) -> Iterator[None]:
    """
    Have the running loop call `act` with the number of each signal that comes, in place of what it does by default.

    Args:
        names: such as `SIGTERM`.
        act: called between two steps of the loop's tasks.
    """
    loop = asyncio.get_running_loop()
    taken = []
    for name in names:
        with contextlib.suppress(NotImplementedError, AttributeError):
            number = getattr(signal, name)
            loop.add_signal_handler(number, act, number)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


@contextmanager
def interrupted_by(*names: str) -> Iterator[list[int]]:
    """
    Let signals do to the main thread at once what Ctrl-C does, whatever runs there; yield their numbers as they come.

    A loop would look at them only when its task waits for something. Those within `SAME_S` of another are one.
    """
    caught: list[int] = []
    latest_s = float("-inf")

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal latest_s
        before_s, latest_s = latest_s, time.monotonic()
        if latest_s - before_s < SAME_S:
            return
        caught.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
