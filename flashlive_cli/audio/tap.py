"""
What a speaker really played, for a recording: piece by piece, with the time at which each sounded.

    begin, write, end (the player's thread) -> [ring] -> `deliver` in the event loop, five times a second

A piece's time is counted in frames from the moment its reply began to sound, and not read from a clock when somebody
looks: pieces of one reply fit each other. Each reply has a moment of its own, so that the device's clock and ours do
not drift apart.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flashlive_cli.audio.ring import Ring
from flashlive_cli.clock import Clock
from flashlive_cli.pcm import WIRE_OUT, PcmFormat

if TYPE_CHECKING:
    from flashlive_cli.audio.rates import Samples

POLL_S: Final = 0.2
PIECE_S: Final = 0.5
ROOM_S: Final = 4
"""Held at most for a sound card, whose callback must not wait for memory: no loop hangs for so long."""


class Tap:
    """
    Takes what a player plays, and hands it on in the loop.

    Belongs to the event loop it was made in; `begin`, `write` and `end` to the one player.
    """

    def __init__(self, clock: Clock, pcm: PcmFormat, played: Callable[[bytes, float], None], *, bounded: bool) -> None:
        """
        Begin with the next reply; `close` must be called.

        Args:
            clock: tells what has sounded by now.
            pcm: what is played. All channels that sound carry the same, of which the first is taken.
            played: gets mono s16le at 24 kHz, at most 0.5 s of it, and the clock time at which it began to sound.
            bounded: whether a loop that hangs loses sound; else the player's thread makes room.
        """
        self._clock = clock
        self._pcm = pcm
        self._played = played
        self._ring = Ring(pcm.rate_hz * ROOM_S, overwrite=bounded, frame_bytes=pcm.frame_bytes)
        self._marks: deque[tuple[int, float | None]] = deque()  # where a reply begins, and when; or where none does
        self._convert = None if pcm == WIRE_OUT else ToWire(pcm)
        self._at = 0  # the next frame's place in all that was written
        self._begun_at = 0  # the reply's first frame's
        self._begun_s: float | None = None  # when it sounded; None where no reply is
        self._n_delivered = 0  # of the reply, at 24 kHz
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(POLL_S, self._poll)

    # the player's

    def begin(self, offset_frames: int, when_s: float) -> None:
        """Note that a reply begins, so many frames into what is written next, and when that frame sounds."""
        self._marks.append((self._ring.written_frames + offset_frames, when_s))

    def write(self, pcm: bytes | memoryview) -> None:
        """Take a block of what sounds; copies and returns."""
        self._ring.write(pcm)

    def end(self) -> None:
        """Note that nothing sounds after what was written last."""
        self._marks.append((self._ring.written_frames, None))

    # the loop's

    def deliver(self, until_s: float | None = None) -> None:
        """Hand on what was written; with a time, only what has sounded by then."""
        while True:
            at = self._ring.read_frames + self._ring.overrun_frames
            if at > self._at:  # sound was lost, or forgotten
                self._go_on(at, self._begun_at, self._begun_s)
            while self._marks and self._marks[0][0] <= at:
                self._go_on(at, *self._marks.popleft())
            n_frames = min(self._ring.held_frames, round(PIECE_S * self._pcm.rate_hz))
            if self._marks:
                n_frames = min(n_frames, self._marks[0][0] - at)
            if until_s is not None and self._begun_s is not None:
                sounded = int((until_s - self._begun_s) * self._pcm.rate_hz) - (at - self._begun_at)
                n_frames = min(n_frames, sounded)
            if n_frames <= 0:
                return
            sound = self._ring.read(n_frames)
            self._at = at + n_frames
            if self._begun_s is not None:
                self._hand_on(sound if self._convert is None else self._convert(sound))

    def forget(self) -> None:
        """Hand on what has sounded by now; the rest never will, as the device was emptied."""
        self.deliver(self._clock.now())
        self._ring.read(self._ring.held_frames)

    def close(self) -> None:
        """Hand on the rest. The player must have ended."""
        self._timer.cancel()
        self.deliver()
        self._go_on(self._at, self._at, None)

    def _poll(self) -> None:
        self._timer = self._loop.call_later(POLL_S, self._poll)
        self.deliver(self._clock.now())

    def _go_on(self, at: int, begun_at: int, begun_s: float | None) -> None:
        """Go on at a frame of a reply that began with another, or of none."""
        if self._begun_s is not None and self._convert is not None:
            self._hand_on(self._convert.finish())
        self._at = self._begun_at = at
        self._begun_s = None if begun_s is None else begun_s + (at - begun_at) / self._pcm.rate_hz
        self._n_delivered = 0

    def _hand_on(self, pcm: bytes) -> None:
        assert self._begun_s is not None, "what is of no reply is not handed on"
        if pcm:
            when_s = self._begun_s + self._n_delivered / WIRE_OUT.rate_hz
            self._n_delivered += WIRE_OUT.frames_in(len(pcm))
            self._played(pcm, when_s)


class ToWire:
    """A device's sound, made 24 kHz mono again."""

    def __init__(self, pcm: PcmFormat) -> None:
        from flashlive_cli.audio.rates import Resampler  # noqa: PLC0415 - numpy: not for who plays into files

        self._channels = pcm.channels
        self._resample = Resampler(pcm.rate_hz, WIRE_OUT.rate_hz)

    def __call__(self, pcm: bytes) -> bytes:
        """Take what was played; return what it completes."""
        import numpy as np  # noqa: PLC0415 - the same

        return self._rounded(self._resample(np.frombuffer(pcm, "<i2")[:: self._channels].astype(np.float32)))

    def finish(self) -> bytes:
        """Return the rest of a reply, and be ready for another."""
        return self._rounded(self._resample.finish())

    @staticmethod
    def _rounded(samples: "Samples") -> bytes:
        from flashlive_cli.audio.samples import rounded  # noqa: PLC0415 - the same

        return rounded(samples).tobytes()
