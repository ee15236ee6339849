"""
Work in a daemon thread, with a time limit: for drivers, which may hang.

A sound server that is frozen, or a device that another program holds, can keep a call to PortAudio for ever. Here it
keeps a thread that nobody waits for: not the talk, not Ctrl-C, and not the end of the process.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from flashlive_cli import doorbell

T = TypeVar("T")


def begin(work: Callable[[], T], *, name: str) -> "asyncio.Future[T]":
    """
    Start `work` in a thread called `flashlive-NAME`; return what it comes to, for the running loop.

    A future that was cancelled, or whose loop is closed, takes nothing any more; the thread ends all the same.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # who lost interest is not shouted at

    def run() -> None:
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001 - the loop raises it
            fail(future, exc)
        else:
            settle(future, result)

    threading.Thread(target=run, name=f"flashlive-{name}", daemon=True).start()
    return future


def settle(future: "asyncio.Future[T]", result: T) -> None:
    """Give a future its result, from another thread than its loop's; nothing where it is done, or the loop closed."""
    doorbell.ring(future.get_loop(), _unless_done, future, future.set_result, result)


def fail(future: "asyncio.Future[T]", error: BaseException) -> None:
    """Have a future raise, the same way."""
    doorbell.ring(future.get_loop(), _unless_done, future, future.set_exception, error)


def _unless_done(future: "asyncio.Future[object]", told: Callable[[object], None], news: object) -> None:
    if not future.done():
        told(news)
