"""
A speaker that plays into a WAV file, a pipe or nothing, at a sound card's pace.

    write() ─► [playback ring] ─► thread: take what is due by the clock ─► file

Only what was played is written: the rest of a reply that was cut off is not in the file, nor are the pauses.
"""

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Final, TypeVar

from flashlive_cli.audio.ring import Ring
from flashlive_cli.audio.wavwrite import WavWriter, create_wav
from flashlive_cli.clock import Clock
from flashlive_cli.errors import OutputFailed
from flashlive_cli.pcm import SILENCE_DBFS, WIRE_OUT, level_dbfs

T = TypeVar("T")

BLOCK_MS: Final = 20
"""Played at once. What is in a block is beyond recall for a flush, as on a sound card."""

FADE_MS: Final = 5.0
"""Of the sound that a flush cuts off; a hard cut is a step of a tenth of full scale and clicks, measured."""

_RING_S: Final = 120
"""Seconds of room at the start: longer than replies usually are, 5.5 MB."""

_SYNC_S: Final = 0.4
"""Real seconds after which the file's header is brought up to date: a killed process loses less than 0.5 s."""

_STOP_PATIENCE_S: Final = 2.0
"""Real seconds that `close` gives the thread; it needs microseconds, unless it sits in a write to a stopped pipe."""


class WavSpeaker:
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
        self._clock = clock
        self._writer = writer
        self._failed = failed
        self._listener: tuple[Callable[[float], None], Callable[[float], None]] | None = None
        self._loop = asyncio.get_running_loop()
        self._ring = Ring(WIRE_OUT.rate_hz * _RING_S, overwrite=False)
        self._wake = threading.Condition()  # guards what follows; rung when there is something to play, or to end
        self._playing = False
        self._closing = False
        self._complete = False
        self._starts: deque[int] = deque()  # where replies begin that were written while the former still played
        self._fading_frames = 0  # how many of the next frames are to be faded out
        self._fade_frames = WIRE_OUT.frames_of_ms(fade_ms)
        self._block = b""
        self._idle = asyncio.Event()
        self._idle.set()
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

    @property
    def played_frames(self) -> int:
        """Frames played since the start, the faded ones included: what is in the file if it took all."""
        return self._ring.read_frames

    @property
    def held_frames(self) -> int:
        """Frames waiting to be played."""
        return self._ring.held_frames

    @property
    def level_dbfs(self) -> float:
        """Level of the block that is being played."""
        return level_dbfs(self._block) if self._playing else SILENCE_DBFS

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """
        Be told, in the loop's thread, when a reply begins to sound and when there is nothing left to play.

        Args:
            started: gets the clock time at which the first sample of a reply sounds.
            drained: gets the clock time at which the last sample has sounded.
        """
        self._listener = (started, drained)

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
            if self._complete and self._playing:
                self._starts.append(self._ring.written_frames - self._ring.flushed_frames)
            self._complete = False
            self._ring.write(pcm)
            if not self._playing:
                self._wake.notify()

    def complete(self) -> None:
        """Note that no more of a reply will come: what is written next begins another."""
        with self._wake:
            self._complete = True

    def flush(self) -> int:
        """
        Stop playing within a block and drop what is held; return how many frames were dropped.

        The next 5 ms of sound that was being played are kept and faded out; they count as played.
        """
        with self._wake:
            keep = self._fading_frames
            if self._block and not keep:
                keep = min(self._fade_frames, self._ring.held_frames)
            self._fading_frames = keep
            dropped = self._ring.flush(keep)
            self._starts.clear()
            self._complete = True
            if not self._playing:
                self._idle.set()
                self._bell(self._on_drained, self._clock.now())
        return dropped

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
        self._ring.flush()
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
            self._bell(self._on_left, None)

    def _wait_for_sound(self) -> bool:
        with self._wake:
            while not (self._closing or self._ring.held_frames):
                self._wake.wait()
            self._playing = not self._closing
            return self._playing

    def _play(self) -> None:
        """Play until nothing is held. The schedule counts frames from the start of this playing: it cannot drift."""
        began_s = self._clock.now()
        synced_s = self._clock.source()
        n_frames = 0
        while block := self._due_block(due_s := began_s + n_frames / WIRE_OUT.rate_hz):
            if not n_frames:
                self._bell(self._on_started, began_s)
            elif self._begins_another():
                self._bell(self._on_started, due_s)
            n_frames += WIRE_OUT.frames_in(len(block))
            self._append(block)
            if self._clock.source() - synced_s >= _SYNC_S:
                self._sync()
                synced_s = self._clock.source()
        self._sync()  # before the bell: who is told that all was played finds it in the file
        self._bell(self._on_drained, due_s if n_frames else None)

    def _begins_another(self) -> bool:
        """Whether the latest block holds the beginning of a reply that waited for its turn."""
        with self._wake:
            begins = bool(self._starts) and self._ring.read_frames > self._starts[0]
            if begins:
                self._starts.popleft()
            return begins

    def _due_block(self, due_s: float) -> bytes:
        """Wait until `due_s`, then take a block, or several when late; nothing if none is held, or on closing."""
        with self._wake:
            while not self._closing and (wait_s := due_s - self._clock.now()) > 0:
                self._wake.wait(self._clock.real(wait_s))
            n_due = 1 + int((self._clock.now() - due_s) * 1000 / BLOCK_MS)
            block = b"" if self._closing else self._ring.read(n_due * WIRE_OUT.frames_of_ms(BLOCK_MS))
            if self._fading_frames:
                block = _faded(block, self._fading_frames)
                self._fading_frames = 0
            self._block = block
            self._playing = bool(block)
            return block

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
            self._bell(self._on_failed, exc)

    def _bell(self, bell: Callable[[T], None], news: T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to care
            self._loop.call_soon_threadsafe(bell, news)

    # the rest runs in the loop's thread

    def _on_started(self, when_s: float) -> None:
        if self._listener:
            self._listener[0](when_s)

    def _on_drained(self, when_s: float | None) -> None:
        with self._wake:
            if not self._playing and not self._ring.held_frames:  # else more came while the bell was ringing
                self._idle.set()
        if self._listener and when_s is not None:
            self._listener[1](when_s)

    def _on_failed(self, exc: OutputFailed) -> None:
        if self._failed:
            self._failed(exc)

    def _on_left(self, _: None) -> None:
        self._idle.set()
        self._left.set()


def _faded(block: bytes, n_frames: int) -> bytes:
    """The block with its first `n_frames` fading to silence; what follows them is another sound and stays."""
    from flashlive_cli.audio.fade import faded  # noqa: PLC0415 - numpy: 60 ms that a dial need not wait for

    n_bytes = WIRE_OUT.bytes_of(n_frames)
    return faded(block[:n_bytes]) + block[n_bytes:]
