"""
A sound card's speaker.

    `CardSpeaker.write` in the receiver task -> [playback ring] -> playback callback -> device

The callback copies and counts; where it runs dry within a reply, it fades one block (40 us). Its blocks are 5 ms: what
the device holds cannot be called back, and it holds two of them. The ring is in the device's format, so what a device
with a rate or channels of its own needs is done before it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Self

import numpy as np

from flashlive_cli.audio.devices import Device
from flashlive_cli.audio.fade import faded
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.audio.ring import Ring
from flashlive_cli.audio.stream import SLOW_LATENCY_S, Stream
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import FULL_SCALE, WIRE_OUT, PcmFormat, dbfs

BLOCK_MS: Final = 5
FADE_MS: Final = 5
PREROLL_MS: Final = 60
"""Sound held before playback begins: the first chunks may come slower than real time (livekit/agents #3604)."""
REBUFFER_MS: Final = 120
"""The same after an underrun."""
RING_S: Final = 30
"""Room at the start, in seconds; longer replies make it grow."""
METER_MS: Final = 50


class CardSpeaker:
    """
    A speaker for 24 kHz mono s16le; made by `open`.

    Belongs to the event loop it was opened in; one task writes and flushes, in the order of the wire.

    Attributes:
        underruns: times that playback ran dry within a reply.
        reference: gets a copy of all that is handed to the device, silence included, in its format; None for none.
    """

    def __init__(self, clock: Clock, device: Device, *, lost: Callable[[DeviceError], None]) -> None:
        self.underruns = 0
        self.reference: Ring | None = None
        self._clock = clock
        self._stream = Stream(device, "speaker", lost=lost)
        self._listener: tuple[Callable[[float], None], Callable[[float], None]] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._sounding = False  # the callback's: written there alone
        self._complete = True  # no more of this reply will come: play to the end, and call that no underrun
        self._starts: deque[int] = deque()  # where replies begin that were written while the former still played
        self._use(WIRE_OUT)

    @classmethod
    async def open(
        cls,
        clock: Clock,
        device: Device,
        *,
        lost: Callable[[DeviceError], None],
        make_reference: Callable[[PcmFormat], Ring] | None = None,
        formats: Sequence[PcmFormat] | None = None,
        latency: float | Literal["low"] = "low",
    ) -> Self:
        """
        Open the device and begin to play silence.

        Args:
            clock: times what is played.
            device: which; see `devices.find_device`.
            lost: called in the loop when the device is gone.
            make_reference: makes the `reference` for the device's format; None for none.
            formats: to be asked for; those that suit the device by default.
            latency: what the device may hold, in seconds.

        Raises:
            DeviceError: it cannot be opened.
        """
        speaker = cls(clock, device, lost=lost)
        try:
            await speaker._open(formats or device.formats(WIRE_OUT, output=True), latency, make_reference)
        except BaseException:
            await speaker.close()
            raise
        return speaker

    async def _open(
        self,
        formats: Sequence[PcmFormat],
        latency: float | Literal["low"],
        make_reference: Callable[[PcmFormat], Ring] | None,
    ) -> None:
        stream = self._stream
        await stream.open(formats, output=True, block_ms=BLOCK_MS, callback=self._play, latency=latency)
        self._use(stream.pcm)
        if make_reference is not None:
            self.reference = make_reference(stream.pcm)
        await stream.start()

    def _use(self, pcm: PcmFormat) -> None:
        """Take the device's format."""
        self._pcm = pcm
        self._convert = None if pcm == WIRE_OUT else _Converter(pcm)
        self._ring = Ring(pcm.rate_hz * RING_S, overwrite=False, frame_bytes=pcm.frame_bytes)
        self._preroll_frames = pcm.frames_of_ms(PREROLL_MS)
        self._fade_frames = pcm.frames_of_ms(FADE_MS)
        self._silence = memoryview(bytes(pcm.bytes_of_ms(100)))

    def _play(self, block: Any, n_frames: int, _time: object, _status: object) -> None:
        """Fill a block, in PortAudio's thread."""
        room = memoryview(block).cast("B")
        ring, stream = self._ring, self._stream
        stream.beats += 1
        held = ring.held_frames
        if not self._sounding and held and (self._complete or held >= self._preroll_frames):
            self._sounding = True
            stream.tell_loop(self._on_started)
        n_played = ring.read_into(room) if self._sounding else 0
        if n_played < n_frames:
            n_bytes = n_played * self._pcm.frame_bytes
            room[n_bytes:] = self._silence[: len(room) - n_bytes]  # a view: nothing is allocated
            if self._sounding:
                self._stop()
        elif not self._complete and held < 2 * n_frames:
            self._conceal(room)
            self._stop()
        starts = self._starts
        if starts and ring.read_frames > starts[0]:
            starts.popleft()
            stream.tell_loop(self._on_started)
        if self.reference is not None:
            self.reference.write(room)

    def _stop(self) -> None:
        """Note that playing ends, in PortAudio's thread: all has sounded, or the rest waits for more of its reply."""
        self._sounding = False
        if not self._complete:
            self.underruns += 1
            self._preroll_frames = self._pcm.frames_of_ms(REBUFFER_MS)
        self._stream.tell_loop(self._on_drained)

    def _conceal(self, room: memoryview) -> None:
        """Fade the last whole block out where no other is there to follow it: running dry must not click."""
        samples = room.cast("h")
        channels = self._pcm.channels
        n_frames = len(samples) // channels
        for channel in range(min(2, channels)):  # no more of them sound
            for frame in range(n_frames):
                at = frame * channels + channel
                samples[at] = samples[at] * (n_frames - frame) // n_frames

    @property
    def name(self) -> str:
        """The device's."""
        return self._stream.device.name

    @property
    def pcm(self) -> PcmFormat:
        """The format that the device is open in."""
        return self._pcm

    @property
    def played_frames(self) -> int:
        """Frames handed to the device since the start, at 24 kHz."""
        return self._at_wire_rate(self._ring.read_frames)

    @property
    def held_frames(self) -> int:
        """Frames waiting to be played, at 24 kHz."""
        return self._at_wire_rate(self._ring.held_frames)

    @property
    def sounding(self) -> bool:
        """Whether a reply is being played: the speaker's lamp."""
        return self._sounding

    def levels_dbfs(self) -> tuple[float, float]:
        """Return peak and root mean square of the next 50 ms to be played: the speaker's meter."""
        if not self._sounding:
            return dbfs(0), dbfs(0)
        samples = np.frombuffer(self._ring.peek(self._pcm.frames_of_ms(METER_MS)), "<i2").astype(np.float32)
        if not samples.size:
            return dbfs(0), dbfs(0)
        return dbfs(float(np.abs(samples).max()) / FULL_SCALE), dbfs(
            float(np.square(samples).mean()) ** 0.5 / FULL_SCALE
        )

    @property
    def latency_s(self) -> float:
        """What the device holds: sound that a flush cannot call back, unless the device is slow and emptied."""
        return self._stream.latency_s

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """Be told, in the loop's thread, when (in clock seconds) sound begins, and when it has run out."""
        self._listener = (started, drained)

    def write(self, pcm: bytes) -> None:
        """Append 24 kHz mono s16le; the receiver task's."""
        if not pcm:
            return
        if self._complete and (self._sounding or self._ring.held_frames):
            self._starts.append(self._ring.written_frames - self._ring.flushed_frames)
        self._complete = False
        self._idle.clear()
        self._ring.write(pcm if self._convert is None else self._convert(pcm))

    def complete(self) -> None:
        """Note that all of the reply is here: what is held is played to its end without waiting for more."""
        if self._convert is not None and not self._complete:
            self._ring.write(self._convert.finish())
        self._complete = True
        self._preroll_frames = self._pcm.frames_of_ms(PREROLL_MS)

    def flush(self) -> int:
        """
        Drop what is held but for 5 ms, which fade out; return how many frames were dropped, at 24 kHz.

        A device that itself holds more than 60 ms is emptied too, which clicks. The receiver task's.
        """
        if self._convert is not None:
            self._convert.finish()
        self._starts = deque()  # a new one: the callback may be looking at the other
        sounding = self._sounding
        self._complete = sounding or self._complete  # first: what ends now has not run dry
        dropped = self._ring.flush(self._fade_frames if sounding else 0, shape=self._faded)
        self._complete = True
        self._preroll_frames = self._pcm.frames_of_ms(PREROLL_MS)
        if not sounding:
            self._stream.tell_loop(self._on_drained)
        elif self.latency_s > SLOW_LATENCY_S:
            self._stream.empty()
        return self._at_wire_rate(dropped)

    async def drained(self) -> None:
        """Wait until all that was written has sounded."""
        self.complete()
        await self._idle.wait()
        await asyncio.sleep(self.latency_s)

    async def close(self) -> None:
        """Close the device."""
        await self._stream.close()
        self._idle.set()

    def _at_wire_rate(self, n_frames: int) -> int:
        return n_frames * WIRE_OUT.rate_hz // self._pcm.rate_hz

    def _on_started(self) -> None:
        if self._listener:
            self._listener[0](self._clock.now() + self.latency_s)

    def _on_drained(self) -> None:
        if self._ring.held_frames:
            return  # more came while the bell was ringing
        self._idle.set()
        if self._listener:
            self._listener[1](self._clock.now() + self.latency_s)

    def _faded(self, pcm: bytes) -> bytes:
        return faded(pcm, self._pcm.channels)


class _Converter:
    """24 kHz mono, made what a device takes; on more than two channels the first two sound."""

    def __init__(self, pcm: PcmFormat) -> None:
        self._channels = pcm.channels
        self._resample = Resampler(WIRE_OUT.rate_hz, pcm.rate_hz)

    def __call__(self, pcm: bytes) -> bytes:
        return self._spread(self._resample(np.frombuffer(pcm, "<i2").astype(np.float32)))

    def finish(self) -> bytes:
        """Return the rest of a reply, and be ready for another."""
        return self._spread(self._resample.finish())

    def _spread(self, mono: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
        samples = np.clip(np.rint(mono), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
        frames = np.zeros((samples.size, self._channels), "<i2")
        frames[:, :2] = samples[:, None]
        spread: bytes = frames.tobytes()
        return spread
