"""
A sound card's microphone.

    device -> capture callback -> [capture ring] -> `CardMicrophone.read` in the sender task

The callback copies and counts, nothing else; what comes too late it counts only. A device that runs at a rate or with
channels of its own is converted where the ring is read.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.devices import Device
from flashlive_cli.audio.ear import Ear, Eared
from flashlive_cli.audio.lateness import LATEST_MS, Lateness
from flashlive_cli.audio.losses import Losses
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.audio.ring import Ring
from flashlive_cli.audio.samples import rounded
from flashlive_cli.audio.stalls import Stalls
from flashlive_cli.audio.stream import Stream
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import CHUNK_BYTES, CHUNK_MS, CHUNK_S, SILENT_CHUNK, WIRE_IN, PcmFormat

BLOCK_MS: Final = 20
SILENT_S: Final = 0.3
"""A device that has given nothing for so long is silent; what it gives later of that time is of the past."""
LOOK_S: Final = 0.1


class CardMicrophone(Eared):
    """
    A microphone: 20 ms chunks of 16 kHz mono s16le, as they come; made by `open`.

    Where a device that was heard goes silent, be it lost, closed or frozen, chunks of silence stand in at the pace of
    time: who takes turns by what comes over the wire must not wait for ever. `reopen` goes on with another device.

    Belongs to the event loop it was opened in; `read` to one task of it.

    Attributes:
        ear: what the sound tells; it gets every chunk.
        lost_ms: milliseconds of sound that were not read in time, or not heard at all, as of the latest `read`.
        clean: takes the speaker's echo out of each chunk; see `echo.Echo`.
    """

    def __init__(self, clock: Clock, ear: Ear, *, lost: Callable[[DeviceError], None]) -> None:
        self.ear = ear
        self.lost_ms = 0.0
        self.clean: Callable[[bytes], bytes] | None = None
        self._clock = clock
        self._lost = lost
        self._arrived = asyncio.Event()
        self._capture: _Capture | None = None
        self._losses = Losses()
        self._stalls = Stalls()
        self._silence_due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls,
        clock: Clock,
        device: Device,
        ear: Ear,
        *,
        lost: Callable[[DeviceError], None],
        formats: Sequence[PcmFormat] | None = None,
    ) -> Self:
        """
        Open the device and begin to hear.

        Args:
            clock: times what is heard.
            device: which; see `devices.find_device`.
            ear: gets every chunk.
            lost: called in the loop when the device is gone, after each opening at most once.
            formats: to be asked for; those that suit the device by default.

        Raises:
            DeviceError: it cannot be opened.
        """
        microphone = cls(clock, ear, lost=lost)
        await microphone._open(device, formats)
        microphone._look()
        return microphone

    async def shut(self) -> None:
        """Let the device go, which may be lost; silence is heard until `reopen`."""
        capture = self._heard_through
        self._losses.shut(capture.lateness, self._clock.source(), overrun_ms=capture.overrun_ms)
        await capture.stream.close()

    async def reopen(self, device: Device) -> None:
        """
        Go on with this device, after `shut`; returns when sound has come from it.

        Raises:
            DeviceError: it cannot be opened, or no sound comes; it is shut again.
        """
        await self._open(device, None)
        capture = self._heard_through
        try:
            await capture.stream.moves()
        except BaseException:
            await capture.stream.close()
            raise
        self._losses.back(capture.first_came_s - BLOCK_MS / 1000)

    async def _open(self, device: Device, formats: Sequence[PcmFormat] | None) -> None:
        stream = Stream(device, "microphone", lost=self._lost, stalls=self._stalls)
        capture = _Capture(stream, self._arrived.set, now=self._clock.source)
        try:
            await stream.open(
                formats or device.formats(WIRE_IN, output=False), output=False, block_ms=BLOCK_MS, callback=capture
            )
            capture.use(stream.pcm)
            self._capture = capture
            await stream.start()
        except BaseException:
            await stream.close()
            raise

    @property
    def _heard_through(self) -> "_Capture":
        assert self._capture is not None, "a microphone is made by `open`"
        return self._capture

    @property
    def name(self) -> str:
        """The device's."""
        return self._heard_through.stream.device.name

    @property
    def pcm(self) -> PcmFormat:
        """The format that the device is open in."""
        return self._heard_through.stream.pcm

    @property
    def latency_s(self) -> float:
        """What the device holds before it hands over a block."""
        return self._heard_through.stream.latency_s

    async def read(self) -> bytes:
        """Wait for the next chunk; what a device that goes silent does not give is silence."""
        raw = await self._next()
        if raw is None:
            self.ear.miss()
            chunk = SILENT_CHUNK
        else:
            chunk = raw if self.clean is None else self.clean(raw)
            self.ear(raw, chunk, self._clock.now())
        capture = self._heard_through
        self.lost_ms = self._losses.total_ms(capture.lateness, self._clock.source(), overrun_ms=capture.overrun_ms)
        return chunk

    async def _next(self) -> bytes | None:
        """Wait for a chunk of the device; None is one that does not come."""
        while True:
            capture = self._heard_through
            chunk = capture.take()
            if chunk is not None:
                return chunk
            now = self._clock.source()
            deaf_since_s = self._losses.deaf_since_s
            silent = now - (capture.came_s if deaf_since_s is None else deaf_since_s) > SILENT_S
            if not silent:
                self._arrived.clear()
                await self._arrived.wait()
            elif now < self._silence_due_s:
                await asyncio.sleep(self._silence_due_s - now)
            else:
                self._silence_due_s = max(self._silence_due_s, now - CHUNK_S) + CHUNK_S
                return None

    def _look(self) -> None:
        """Wake who waits now and then: what does not come rings no bell."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        self._arrived.set()

    async def close(self) -> None:
        """Close the device."""
        if self._timer is not None:
            self._timer.cancel()
        await self._heard_through.stream.close()


class _Capture:
    """
    One opening of a device: its callback, its ring, and what makes chunks of that.

    Attributes:
        stream: from which the sound comes.
        first_came_s: when its first block did; `inf` before.
        came_s: when the latest block did that was live; `inf` before any.
        lateness: of its blocks, once the format is known.
    """

    def __init__(self, stream: Stream, arrived: Callable[[], None], *, now: Callable[[], float]) -> None:
        self.stream = stream
        self.first_came_s = self.came_s = math.inf
        self._arrived = arrived
        self._now = now

    def use(self, pcm: PcmFormat) -> None:
        """Take the format that the device is open in; before its first callback."""
        self._pcm = pcm
        self._chunk_frames = pcm.frames_of_ms(CHUNK_MS)
        self._ring = Ring(pcm.frames_of_ms(LATEST_MS), overwrite=True, frame_bytes=pcm.frame_bytes)
        self._convert = None if pcm == WIRE_IN else _Converter(pcm)
        self._converted = bytearray()
        self.lateness = Lateness(pcm.rate_hz)

    def __call__(self, block: Any, n_frames: int, _time: object, _status: object) -> None:
        """Take a block, in PortAudio's thread."""
        now = self._now()
        if not self.stream.beats:
            self.first_came_s = now
        self.stream.beats += 1
        if self.lateness.is_late(n_frames, now):
            return
        self.came_s = now
        self._ring.write(memoryview(block))
        self.stream.tell_loop(self._arrived)

    @property
    def overrun_ms(self) -> float:
        """Milliseconds of sound that came, and were not taken in time."""
        return self._pcm.ms_of(self._ring.overrun_frames)

    def take(self) -> bytes | None:
        """Return the next chunk, if it is there; a resampler's blocks are not all of one size."""
        if self._convert is None:
            return self._ring.read(self._chunk_frames) if self._ring.held_frames >= self._chunk_frames else None
        while len(self._converted) < CHUNK_BYTES:
            if self._ring.held_frames < self._chunk_frames:
                return None
            self._converted += self._convert(self._ring.read(self._chunk_frames))
        chunk = bytes(self._converted[:CHUNK_BYTES])
        del self._converted[:CHUNK_BYTES]
        return chunk


class _Converter:
    """A device's sound, made 16 kHz mono."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._channels = pcm.channels
        self._resample = Resampler(pcm.rate_hz, WIRE_IN.rate_hz)
        self._live = np.zeros(pcm.channels, bool)

    def __call__(self, block: bytes) -> bytes:
        samples = self._mixed(np.frombuffer(block, "<i2").reshape(-1, self._channels))
        return rounded(self._resample(samples)).tobytes()

    def _mixed(self, frames: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Take the mean of the channels that carry sound: one microphone on eight inputs is not an eighth as loud."""
        self._live |= frames.any(axis=0)
        mixed: npt.NDArray[np.float32] = (frames[:, self._live] if self._live.any() else frames).mean(
            axis=1, dtype=np.float32
        )
        return mixed
