"""
A speaker that plays into a WAV file, a pipe or nothing, at a sound card's pace.

    write() ─► [playback ring] ─► thread: take what is due by the clock ─► file

Only what was played is written: the rest of a reply that was cut off is not in the file, nor are the pauses.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from typing import IO, Final

from flashlive_cli import doorbell
from flashlive_cli.audio.mouth import Mouth
from flashlive_cli.audio.playout import FADE_MS, Playout
from flashlive_cli.audio.wavwrite import WavWriter, create_wav
from flashlive_cli.clock import Clock
from flashlive_cli.errors import OutputFailed
from flashlive_cli.pcm import WIRE_OUT

BLOCK_MS: Final = 20
"""Played at once. What is in a block is beyond recall for a flush, as on a sound card."""

_ROOM_S: Final = 120
"""Seconds of room at the start: longer than replies usually are, 5.5 MB."""

_SYNC_S: Final = 0.4
"""Real seconds after which the file's header is brought up to date: a killed process loses less than 0.5 s."""

_STOP_PATIENCE_S: Final = 2.0
"""Real seconds that `close` gives the thread; it needs microseconds, unless it sits in a write to a stopped pipe."""


class WavSpeaker(Mouth):
    """
    Plays 24 kHz mono s16le in real time by a clock, as a sound card would, into a file.

    Made by `open`, or over a `WavWriter` that exists already and then started. All methods belong to the event loop
    it was made in, and none of them blocks; one task writes and flushes. The thread is called
    `flashlive-wav-speaker` and does all writing to the file.

    When the file fails (disk full, reader of the pipe gone), playing goes on into nothing and `failure` tells.

    Attributes:
        failure: why the file took no more sound; None while all is well.
    """

    def __init__(
        self,
        clock: Clock,
        writer: WavWriter | None,
        *,
        failed: Callable[[OutputFailed], None] | None = None,
        fade_ms: float = FADE_MS,
    ) -> None:
        self.failure: OutputFailed | None = None
        super().__init__(clock)
        self._writer = writer
        self._failed = failed
        self._playout = Playout(
            WIRE_OUT, room_s=_ROOM_S, preroll_ms=0, fade_ms=fade_ms, began=self._began, ended=self._ended
        )
        self._due_s = 0.0  # the thread's: when the next block is due
        self._wake = threading.Condition()  # guards what follows; rung when there is something to play, or to end
        self._closing = False
        self._left = asyncio.Event()
        # a daemon, because a write to a pipe that nobody reads can be ended by nothing but the reader
        self._thread = threading.Thread(target=self._run, name="flashlive-wav-speaker", daemon=True)

    @classmethod
    def open(
        cls,
        clock: Clock,
        target: str | os.PathLike[str] | IO[bytes] | None,
        *,
        failed: Callable[[OutputFailed], None] | None = None,
        fade_ms: float = FADE_MS,
    ) -> "WavSpeaker":
        """
        Create the file and start the speaker; `close` must be called. Needs a running event loop.

        Args:
            clock: paces the playing.
            target: a path, `-` for standard output, a binary stream, or None to play into nothing.
            failed: called in the loop's thread, once, when the file takes no more sound.
            fade_ms: of the sound that a flush cuts off.

        Raises:
            FileError: the file cannot be created; nothing was started.
        """
        speaker = cls(clock, None if target is None else create_wav(target, WIRE_OUT), failed=failed, fade_ms=fade_ms)
        speaker.start()
        return speaker

    def start(self) -> None:
        """Begin to play; `close` must be called. For a speaker not made by `open`."""
        self._thread.start()

    def write(self, pcm: bytes) -> None:
        """
        Append sound; it is played as soon as what was written before has been.

        Args:
            pcm: 24 kHz mono s16le, any length. After `close`, or when it holds no whole frame, nothing happens.
        """
        with self._wake:
            if self._closing or len(pcm) < WIRE_OUT.frame_bytes:
                return
            self._idle.clear()
            self._playout.write(pcm)
            if not self.sounding:
                self._wake.notify()

    async def drained(self) -> None:
        """
        Wait until nothing is held and the last sample has sounded; returns at once on an idle or closed speaker.

        Waits as long as a pipe's reader stops reading: bound it.
        """
        await self._idle.wait()

    async def close(self) -> None:
        """
        Stop playing, drop what is held, finish the file; a failure in that is in `failure` afterwards.

        Returns within 2 s even if a pipe's reader has stopped reading.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_PATIENCE_S):
                await self._left.wait()
            self._thread.join(_STOP_PATIENCE_S)  # it has rung off and is on its last instructions
        self._playout.flush()
        self._close_tap()
        self._idle.set()

    def _run(self) -> None:
        try:
            while self._wait_for_sound():
                self._play()
        except Exception as exc:  # noqa: BLE001 - a dead thread must be known in the loop, whatever killed it
            with self._wake:
                self._closing = True
            self._fail(OutputFailed(f"the speaker's thread died of {type(exc).__name__}: {exc}"))
        finally:
            self._finish()
            doorbell.ring(self._loop, self._on_left)

    def _wait_for_sound(self) -> bool:
        with self._wake:
            while not (self._closing or self._playout.held_frames):
                self._wake.wait()
            return not self._closing

    def _play(self) -> None:
        """Play until nothing is held. The schedule counts frames from the start of this playing: it cannot drift."""
        began_s = self._due_s = self._clock.now()
        synced_s = self._clock.source()
        n_frames = 0
        while self._wait_until_due() and (block := self._playout.take(self._n_due())):
            n_frames += WIRE_OUT.frames_in(len(block))
            self._append(block)
            if self._clock.source() - synced_s >= _SYNC_S:
                self._sync()
                synced_s = self._clock.source()
            self._due_s = began_s + n_frames / WIRE_OUT.rate_hz
        self._playout.stop()  # where it is closed in mid-reply

    def _wait_until_due(self) -> bool:
        """Wait for the next block's time; False on closing."""
        with self._wake:
            while not self._closing and (wait_s := self._due_s - self._clock.now()) > 0:
                self._wake.wait(self._clock.real(wait_s))
            return not self._closing

    def _n_due(self) -> int:
        """Return how many frames are due: a block, or several when late."""
        n_blocks = 1 + int((self._clock.now() - self._due_s) * 1000 / BLOCK_MS)
        return n_blocks * WIRE_OUT.frames_of_ms(BLOCK_MS)

    def _sounds_s(self) -> float:
        return self._due_s

    def _ended(self, at_frame: int, all_is_played: bool) -> None:
        self._sync()  # before the bell: who is told that all was played finds it in the file
        super()._ended(at_frame, all_is_played)

    def _append(self, block: bytes) -> None:
        if self._writer and not self.failure:
            try:
                self._writer.write(block)
            except OutputFailed as exc:
                self._fail(exc)
                with contextlib.suppress(OutputFailed):
                    self._writer.sync()  # what it took is playable at once, and not only after `close`

    def _sync(self) -> None:
        if self._writer and not self.failure:
            try:
                self._writer.sync()
            except OutputFailed as exc:
                self._fail(exc)

    def _finish(self) -> None:
        if self._writer:
            try:
                self._writer.close()
            except OutputFailed as exc:
                self._fail(exc)

    def _fail(self, exc: OutputFailed) -> None:
        if not self.failure:
            self.failure = exc
            doorbell.ring(self._loop, self._on_failed, exc)

    # the rest runs in the loop's thread

    def _on_failed(self, exc: OutputFailed) -> None:
        if self._failed:
            self._failed(exc)

    def _on_left(self) -> None:
        self._idle.set()
        self._left.set()
