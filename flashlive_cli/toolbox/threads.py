"""Blocking functions on threads that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Final, TypeVar

T = TypeVar("T")

THREAD_NAME: Final = "flashlive-tool"


class DaemonThreads:
    """
    Runs functions on daemon threads, one thread a call, at most `max_threads` at a time.

    Why not `ThreadPoolExecutor` or `asyncio.to_thread`: both wait at exit for every thread they ever started,
    so one tool stuck in a socket would keep the program from ending after Ctrl-C. Python cannot stop a thread;
    a daemon thread is one it does not wait for. The price: at exit a tool may be cut off between two lines.

    A call that was given up keeps its place until its function really returns. So a tool that hangs for ever
    costs a thread, and never more than `max_threads` of them. Starting a thread costs about 0.1 ms.

    Belongs to one event loop, the one that first has to wait.
    """

    def __init__(self, max_threads: int) -> None:
        self.max_threads = max_threads
        self._places = asyncio.Semaphore(max_threads)

    @property
    def all_busy(self) -> bool:
        """Whether the next call would have to wait for a place."""
        return self._places.locked()

    async def run(self, work: Callable[[], T]) -> T:
        """
        Wait for a place, run `work` on a thread with a copy of this task's context, return its result.

        `work` must not raise: there is nobody above it on its thread. When this is cancelled the thread
        runs on and its result is dropped.
        """
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[T] = loop.create_future()
        context = copy_context()

        def deliver(result: T) -> None:
            self._places.release()
            if not finished.done():
                finished.set_result(result)
            elif asyncio.iscoroutine(result):
                result.close()  # or Python warns that it was never awaited

        def body() -> None:
            result = context.run(work)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(deliver, result)

        try:
            threading.Thread(target=body, name=THREAD_NAME, daemon=True).start()
        except RuntimeError:  # the system has no more threads
            self._places.release()
            raise
        return await finished
