"""A thread that does all file work, so that nobody who has something to write ever waits for a disk."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from flashlive_cli.errors import reason_of
from flashlive_cli.printable import printable

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

FLUSH_S: Final = 0.2
"""Real seconds after which what was taken is brought to the disk: a killed process loses what came since."""

MOST_WAITING_BYTES: Final = 256 * 1024 * 1024
"""That may wait for a disk that hangs: half an hour of a talk."""

_CLOSE_PATIENCE_S: Final = 5.0

_log: Final = logging.getLogger("flashlive.recording")


class Paper(Protocol[T_contra]):
    """What is written on; all of it is called in the scribe's thread, and may raise `OSError`."""

    def take(self, item: T_contra, /) -> None:
        """Write an item, or keep it for `flush`."""
        ...

    def flush(self) -> None:
        """Bring what was taken to the disk, as a file that is valid as it is."""
        ...

    def close(self) -> None:
        """Finish and close; also called after a failure, to save what can be saved."""
        ...


class Scribe(Generic[T]):
    """
    Writes items on a paper, in order, in a thread of its own.

    `put` belongs to one thread and never waits. When the paper fails (disk full, gone, or so slow that too much
    waits), writing ends and `failed` is told once.

    Args:
        paper: belongs to the thread from `start` on.
        name: of the thread.
        what: is written, for the message.
        failed: called once, in the scribe's thread, or in that which calls `close` and waits in vain.
    """

    def __init__(self, paper: Paper[T], *, name: str, what: str, failed: Callable[[str], None]) -> None:
        self._paper = paper
        self._what = what
        self._failed = failed
        self._items: queue.SimpleQueue[tuple[T, int] | None] = queue.SimpleQueue()
        self._put_bytes = 0  # written by the one who puts
        self._taken_bytes = 0  # written by the thread
        self._told = threading.Lock()  # taken by who tells of a failure, and never given back
        self._ended = False
        # a daemon: a disk that hangs must not keep the program from ending
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to write what was put and what will be; `close` must be called."""
        self._thread.start()

    def put(self, item: T, n_bytes: int) -> None:
        """Hand over an item of about that size; lost after a failure, and after `close`."""
        if self._ended:
            return
        self._put_bytes += n_bytes
        if self._put_bytes - self._taken_bytes > MOST_WAITING_BYTES:
            self._ended = True
            self._items.put(None)
            self._tell("the disk does not keep up")
            return
        self._items.put((item, n_bytes))

    def close(self, timeout_s: float = _CLOSE_PATIENCE_S) -> None:
        """Write what waits and end the thread; give up on a disk that needs more than `timeout_s` for that."""
        self._ended = True
        self._items.put(None)
        if self._thread.ident is None:
            self._thread.start()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                self._tell(f"not all of it was written within {timeout_s:g} s")

    def _run(self) -> None:
        try:
            self._write()
            self._paper.close()
        except OSError as exc:
            self._fail(reason_of(exc))
        except Exception as exc:  # noqa: BLE001 - whatever it was, the talk goes on, and its user knows
            self._fail(f"{type(exc).__name__}: {exc}")

    def _write(self) -> None:
        flushed_s = time.monotonic()
        while True:
            with contextlib.suppress(queue.Empty):
                taken = self._items.get(timeout=FLUSH_S)
                if taken is None:
                    return
                self._paper.take(taken[0])
                self._taken_bytes += taken[1]
            if time.monotonic() - flushed_s >= FLUSH_S:
                self._paper.flush()
                flushed_s = time.monotonic()

    def _fail(self, why: str) -> None:
        self._ended = True
        try:
            self._paper.close()
        except Exception:  # noqa: BLE001 - it has failed already, which is told
            _log.debug("%s cannot be closed", self._what, exc_info=True)
        while True:  # what waits is let go
            try:
                self._items.get_nowait()
            except queue.Empty:
                break
        self._tell(why)

    def _tell(self, why: str) -> None:
        if self._told.acquire(blocking=False):
            message = f"{printable(self._what)} ends here: {printable(why)}; what was written before is kept"
            with contextlib.suppress(RuntimeError):  # the loop that should know is closed
                self._failed(message)
