"""
A microphone that hears files: clips when told to play one, silence in between, at a sound card's pace.

    source ─► thread: read, convert ─► [2 s of look-ahead] ─► read(), when the next chunk is due

The thread may sit in a read of a slow disk or a silent pipe; the event loop never does.
"""

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final

from flashlive_cli import doorbell
from flashlive_cli.audio.clips import Clip
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError
from flashlive_cli.pcm import CHUNK_BYTES, CHUNK_S, SILENCE_DBFS, SILENT_CHUNK, WIRE_IN, level_dbfs

if TYPE_CHECKING:
    from collections.abc import Callable

SPEECH_FLOOR_DBFS: Final = -50.0
"""
A chunk louder than this counts as speech. Pauses in recordings of a room lie at -60 dBFS and below, the quietest
syllables of normally recorded speech at -40: this sits between. The server judges by itself; this only says from
when latencies are counted.
"""

_LOOK_AHEAD_BYTES: Final = WIRE_IN.bytes_of_ms(2000)
"""Ten blocks of a slow disk, or 100 ms of the wall's time at 20 times the speed."""

_DISK_PATIENCE_S: Final = 0.25
"""
Seconds of the wall's time that a due chunk waits for a disk, so that a busy machine puts no hole into a file's
sound. A disk slower than that is treated like a slow pipe: silence fills in.
"""

UTTERANCE_GAP_S: Final = 0.5
"""Quiet between two utterances of a clip: pauses within a sentence are shorter, and no server answers sooner."""

_STOP_PATIENCE_S: Final = 0.2
"""Seconds of the wall's time that `close` gives the thread; it needs microseconds, unless it sits in a read."""


class WavMicrophone:
    """
    Delivers 20 ms chunks (640 bytes, 16 kHz mono s16le) at the pace of a clock: a clip, or silence when none plays.

    Chunk `n` is due `(n + 1) * 20 ms` of clock time after the first `read`, whatever the reader did meanwhile: there
    is no drift, and after a stall the chunks that became due are handed out at once. A clip starts at the beginning
    of a chunk, and all of its samples are delivered once and in order; zeros fill up its last chunk. Where a live
    pipe is slower than real time, chunks of silence come in between.

    All methods belong to one event loop; `read` to one task of it. The thread is called `flashlive-wav-mic`, and
    there is one while a clip is being read.

    Attributes:
        speech_started_s: clock time at which the first chunk louder than `SPEECH_FLOOR_DBFS` was read, of the clip's
            latest utterance; None before.
        speech_ended_s: the same of the clip's latest such chunk.
        level_dbfs: level of the chunk read last.
        on_paced: told in the loop when each chunk was due and when it was read, in clock seconds: how late all is that
            lives in the loop. None for nobody.
    """

    def __init__(self, clock: Clock) -> None:
        self.speech_started_s: float | None = None
        self.speech_ended_s: float | None = None
        self.level_dbfs = SILENCE_DBFS
        self.on_paced: Callable[[float, float], None] | None = None
        self._clock = clock
        self._began_s: float | None = None
        self._n_read = 0
        self._feed: _Feed | None = None
        self._running: list[_Feed] = []
        self._closed = False

    @property
    def playing(self) -> bool:
        """Whether a clip is being played."""
        return self._feed is not None

    @property
    def speaking(self) -> bool:
        """Whether an utterance of a clip is being read: the microphone's lamp."""
        ended_s = self.speech_ended_s
        return self.playing and ended_s is not None and self._clock.now() - ended_s <= UTTERANCE_GAP_S

    async def read(self) -> bytes:
        """Wait until the next chunk is due and return it; after `close`, silence."""
        if self._began_s is None:
            self._began_s = self._clock.now()
        due_s = self._began_s + (self._n_read + 1) * CHUNK_S
        await self._clock.sleep_until(due_s)
        feed = self._feed
        if feed and not feed.live:
            await feed.ready(_DISK_PATIENCE_S)
        # no await from here on: a cancelled read has taken nothing
        self._n_read += 1
        if self.on_paced is not None:
            self.on_paced(due_s, self._clock.now())
        chunk = feed.take() if feed else b""
        self.level_dbfs = level_dbfs(chunk)
        if chunk and self.level_dbfs > SPEECH_FLOOR_DBFS:
            now = self._clock.now()
            if self.speech_ended_s is None or now - self.speech_ended_s > UTTERANCE_GAP_S:
                self.speech_started_s = now
            self.speech_ended_s = now
        return chunk.ljust(CHUNK_BYTES, b"\0") if chunk else SILENT_CHUNK

    async def play(self, clip: Clip) -> None:
        """
        Play a clip from the next chunk on; return when its last sample was read, or when the microphone is closed.

        The clip is closed at the end, whichever way it comes. When cancelled, the rest of the clip is not heard.

        Raises:
            FileError: reading the clip failed; what was read before has been or would have been played.
            RuntimeError: another clip is playing, or the microphone is closed.
        """
        if self._feed or self._closed:
            raise RuntimeError("the microphone is closed" if self._closed else "one clip at a time")
        self.speech_started_s = self.speech_ended_s = None
        feed = self._feed = _Feed(clip, asyncio.get_running_loop())
        self._running = [other for other in self._running if other.thread.is_alive()]
        self._running.append(feed)
        feed.thread.start()
        try:
            await feed.done.wait()
        finally:
            feed.stop()
            if self._feed is feed:
                self._feed = None
        if feed.error:
            raise feed.error

    async def close(self) -> None:
        """
        End the clip that plays, and the thread.

        A thread that sits in a read of a silent pipe is left there: nothing portable gets it out, and as a daemon it
        does not keep the process. It ends as soon as its read does.
        """
        self._closed = True
        self._feed = None
        for feed in self._running:
            feed.stop()
            feed.done.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_PATIENCE_S):
                for feed in self._running:
                    await feed.left.wait()
                    feed.thread.join(_STOP_PATIENCE_S)  # it has rung off and is on its last instructions


class _Feed:
    """
    One clip on its way in. Its thread fills, the event loop takes; `_room` guards what both touch.

    Attributes:
        done: set in the loop when the last sample was taken, or reading failed.
        left: set in the loop when the thread is about to end.
        error: why reading failed; to be looked at after `done`.
    """

    def __init__(self, clip: Clip, loop: asyncio.AbstractEventLoop) -> None:
        self.live = clip.live
        self.done = asyncio.Event()
        self.left = asyncio.Event()
        self.error: FileError | None = None
        self.thread = threading.Thread(target=self._run, name="flashlive-wav-mic", daemon=True)
        self._clip = clip
        self._loop = loop
        self._arrived = asyncio.Event()
        self._room = threading.Condition()
        self._pcm = bytearray()
        self._ended = False
        self._stopped = False

    async def ready(self, patience_s: float) -> None:
        """Wait until a chunk or the clip's end is there, but not longer than `patience_s` of the wall's time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not (self._ended or self._stopped or len(self._pcm) >= CHUNK_BYTES):
                    self._arrived.clear()
                    await self._arrived.wait()

    def take(self) -> bytes:
        """Take the next chunk; a shorter one is the clip's last, and none means that it is late or past its end."""
        with self._room:
            if len(self._pcm) < CHUNK_BYTES and not self._ended:
                return b""
            chunk = bytes(self._pcm[:CHUNK_BYTES])
            del self._pcm[:CHUNK_BYTES]
            if len(self._pcm) < _LOOK_AHEAD_BYTES:
                self._room.notify()
        self._look()
        return chunk

    def stop(self) -> None:
        """Let the thread end: at once, or when the read it sits in returns."""
        with self._room:
            self._stopped = True
            self._room.notify()
        self._arrived.set()

    def _look(self) -> None:
        self._arrived.set()
        if self._ended and not self._pcm:
            self.done.set()

    def _run(self) -> None:
        try:
            while (pcm := self._clip.read()) and not self._stopped:
                with self._room:
                    self._pcm += pcm
                doorbell.ring(self._loop, self._look)
                with self._room:
                    while len(self._pcm) >= _LOOK_AHEAD_BYTES and not self._stopped:
                        self._room.wait()
        except FileError as exc:
            self.error = exc
        except Exception as exc:  # noqa: BLE001 - half a clip must not pass for a whole one, whatever ended it
            self.error = FileError(f"{self._clip.name}: reading it died of {type(exc).__name__}: {exc}")
        finally:
            self._clip.close()
            with self._room:
                self._ended = True
            doorbell.ring(self._loop, self._look)
            doorbell.ring(self._loop, self.left.set)
