"""
The thread that looks: opens a source, and makes a still whenever one is asked for.

    event loop: look ─► thread flashlive-eye: grab the newest, scale, encode ─► event loop: the still

It looks on demand, so there is no queue of frames that could grow old: what it returns was there a moment ago. After
a look that was expensive it rests. It has the priority of the others: as a nicer thread on a busy machine it would be
kept waiting while it holds Python's lock, and the sound with it (measured: 100 ms, and more).
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.inthread import fail, settle
from flashlive_cli.video.extra import shortly
from flashlive_cli.video.source import Source, load, open_source
from flashlive_cli.video.still import MOST_BYTES, Still
from flashlive_cli.video.wanted import Wanted

PATIENCE_S: Final = 10.0
"""Real seconds for a camera to open and to show something; the slowest were seen to need five."""
STOP_PATIENCE_S: Final = 1.0
MOST_OF_A_CORE: Final = 0.12
"""What looking may cost in the mean: a film of 4K takes a fifth of a second of work for one frame."""

_log: Final = logging.getLogger("flashlive.video")


@dataclass(frozen=True, slots=True)
class _Asked:
    future: "asyncio.Future[Still]"
    most_bytes: int


class Eye:
    """
    Looks at one source; belongs to an event loop, and is closed in it.

    A source that fails is closed, and opened again at the next look: a camera may be plugged in again.

    Attributes:
        name: of the source, for people.
        rest_s: real seconds to leave it alone after the latest look; a look that matters need not wait.
    """

    def __init__(
        self,
        wanted: Wanted,
        clock: Clock,
        *,
        with_previews: bool = False,
        opened: Callable[[Wanted, Clock], Source] = open_source,
    ) -> None:
        """
        Nothing is opened yet.

        Args:
            wanted: what to look at.
            clock: paces what runs on its own.
            with_previews: make a small picture of each still, too.
            opened: opens the source, in the thread.
        """
        self.name = wanted.name
        self.rest_s = 0.0
        self._wanted = wanted
        self._clock = clock
        self._with_previews = with_previews
        self._open = opened
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._source: Source | None = None

    def prepare(self) -> None:
        """Begin to load what looking needs; nothing is opened."""
        if self._thread is None:
            # a daemon: a driver that hangs must not keep the program from ending
            self._thread = threading.Thread(target=self._run, name="flashlive-eye", daemon=True)
            self._thread.start()

    async def look(self, most_bytes: int = MOST_BYTES) -> Still:
        """
        Return what is to be seen now, as a still of no more than so many bytes.

        Raises:
            DeviceError, FileError, ConfigError: see `open_source` and `Source.look`; or nothing came for long.
        """
        self.prepare()
        future: asyncio.Future[Still] = asyncio.get_running_loop().create_future()
        self._asked.put(_Asked(future, min(most_bytes, MOST_BYTES)))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await future
        except TimeoutError:
            raise DeviceError(f"{self.name}: nothing to be seen for {PATIENCE_S:g} s") from None

    async def close(self) -> None:
        """Let the source go, and the thread end; one that hangs in a driver is left there."""
        thread = self._thread
        if thread is None:
            return
        self._asked.put(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_PATIENCE_S):
                while thread.is_alive():  # noqa: ASYNC110 - the end of a thread is no event
                    await asyncio.sleep(0.005)

    def _run(self) -> None:
        with contextlib.suppress(Exception):  # whoever looks is told
            load(self._wanted)
        while (asked := self._asked.get()) is not None:
            if asked.future.cancelled():  # it was asked long ago, while the driver hung
                continue
            try:
                settle(asked.future, self._look(asked.most_bytes))
            except FlashliveError as exc:
                self._give_up(asked, exc)
            except Exception as exc:  # noqa: BLE001 - a driver's own; the talk goes on, and its user knows
                self._give_up(asked, DeviceError(f"{self.name}: {shortly(exc)}"))
        self._let_go()

    def _look(self, most_bytes: int) -> Still:
        if self._source is None:
            self._source = self._open(self._wanted, self._clock)
        from flashlive_cli.video.stills import make_still  # noqa: PLC0415 - OpenCV, which the source has loaded

        begun_s = time.thread_time()
        still = make_still(self._source.look(), most_bytes=most_bytes, with_preview=self._with_previews)
        self.rest_s = (time.thread_time() - begun_s) / MOST_OF_A_CORE
        return still

    def _give_up(self, asked: _Asked, failure: FlashliveError) -> None:
        self._let_go()
        fail(asked.future, failure)

    def _let_go(self) -> None:
        if self._source is not None:
            try:
                self._source.close()
            except Exception:  # noqa: BLE001 - a driver's own; nobody looks any more
                _log.debug("%s cannot be closed", self.name, exc_info=True)
            self._source = None
