"""Blocking functions on threads that nobody has to wait for."""

import asyncio
import enum
import threading
from collections.abc import AsyncGenerator, Callable
from contextvars import copy_context
from typing import Final, Generic, TypeVar

from flashlive_cli import doorbell

T = TypeVar("T")

THREAD_NAME: Final = "flashlive-tool"
MAX_THREADS: Final = 8
MAX_AHEAD: Final = 16
"""Items a thread may deliver before the first of them is taken: a tool that yields for ever fills no memory."""


class OutOfThreads(Exception):
    """The system has no more threads."""


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

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self.max_threads = max_threads
        self._places = asyncio.Semaphore(max_threads)

    @property
    def all_busy(self) -> bool:
        """Whether the next call would have to wait for a place."""
        return self._places.locked()

    async def run(self, work: Callable[[Callable[[T], bool]], None]) -> AsyncGenerator[T, None]:
        """
        Wait for a place, run `work(deliver)` on a thread, yield what it delivers as it comes, until it returns.

        The thread has a copy of this task's context. `deliver` waits while too much is not yet taken, and returns
        False once nobody listens any more: this was closed, its task cancelled, or the loop is gone. The thread runs
        on all the same, until `work` returns. `work` must not raise: there is nobody above it on its thread.

        Raises:
            OutOfThreads: before anything ran.
        """
        await self._places.acquire()
        crossing: _Crossing[T] = _Crossing(asyncio.get_running_loop())
        context = copy_context()

        def body() -> None:
            context.run(work, crossing.deliver)
            crossing.leave(self._places.release)

        try:
            threading.Thread(target=body, name=THREAD_NAME, daemon=True).start()
        except RuntimeError as exc:
            self._places.release()
            raise OutOfThreads(str(exc)) from exc
        try:
            while (item := await crossing.take()) is not _END:
                yield item
        finally:
            crossing.abandon()


class _End(enum.Enum):
    END = enum.auto()


_END: Final = _End.END


class _Crossing(Generic[T]):
    """What one thread hands to the loop: `deliver` and `leave` are the thread's, all else is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: asyncio.Queue[T | _End] = asyncio.Queue()
        self._room = threading.Semaphore(MAX_AHEAD)
        self._abandoned = False

    def deliver(self, item: T) -> bool:
        self._room.acquire()
        if not self._abandoned and doorbell.ring(self._loop, self._arrived, item):
            return True
        self._room.release()
        _discard(item)
        return False

    def leave(self, left: Callable[[], None]) -> None:
        def gone() -> None:
            left()
            self._items.put_nowait(_END)

        doorbell.ring(self._loop, gone)

    def _arrived(self, item: T) -> None:
        if self._abandoned:
            _discard(item)
        else:
            self._items.put_nowait(item)

    async def take(self) -> T | _End:
        item = await self._items.get()
        self._room.release()
        return item

    def abandon(self) -> None:
        self._abandoned = True
        self._room.release()  # the thread may be waiting for it
        while not self._items.empty():
            _discard(self._items.get_nowait())


def _discard(item: object) -> None:
    if asyncio.iscoroutine(item):
        item.close()  # or Python warns that it was never awaited
