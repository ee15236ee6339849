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
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # who lost interest is not shouted at

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # T where there is no error

    def run() -> None:
        try:
            news: tuple[T | None, BaseException | None] = (work(), None)
        except BaseException as exc:  # noqa: BLE001 - the loop raises it
            news = (None, exc)
        doorbell.ring(loop, settle, *news)

    threading.Thread(target=run, name=f"flashlive-{name}", daemon=True).start()
    return future
