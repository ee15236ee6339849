"""
A sound card's microphone.

    device -> capture callback -> [capture ring] -> `CardMicrophone.read` in the sender task

The callback copies and counts, nothing else. A device that runs at a rate or with channels of its own is converted
where the ring is read.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.devices import Device
from flashlive_cli.audio.ear import Ear, Eared
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.audio.ring import Ring
from flashlive_cli.audio.samples import rounded
from flashlive_cli.audio.stream import Stream
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import WIRE_IN, PcmFormat

BLOCK_MS: Final = 20
CHUNK_BYTES: Final = WIRE_IN.bytes_of_ms(20)
RING_MS: Final = 300
"""Older speech than that is worth less than live speech: a stalled network must not make the model hear the past."""


class CardMicrophone(Eared):
    """
    A microphone: 20 ms chunks of 16 kHz mono s16le, as they come; made by `open`.

    Belongs to the event loop it was opened in; `read` to one task of it.

    Attributes:
        ear: what the sound tells; it gets every chunk.
        lost_ms: milliseconds of sound that were not read in time, as of the latest `read`.
        clean: takes the speaker's echo out of each chunk; see `echo.Echo`.
    """

    def __init__(self, clock: Clock, device: Device, ear: Ear, *, lost: Callable[[DeviceError], None]) -> None:
        self.ear = ear
        self.lost_ms = 0.0
        self.clean: Callable[[bytes], bytes] | None = None
        self._clock = clock
        self._stream = Stream(device, "microphone", lost=lost)
        self._ring = Ring(1, overwrite=True)  # until the format is known
        self._convert: _Converter | None = None
        self._arrived = asyncio.Event()
        self._chunk_frames = 0
        self._converted = bytearray()

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
            lost: called in the loop when the device is gone.
            formats: to be asked for; those that suit the device by default.

        Raises:
            DeviceError: it cannot be opened.
        """
        microphone = cls(clock, device, ear, lost=lost)
        try:
            await microphone._open(formats or device.formats(WIRE_IN, output=False))
        except BaseException:
            await microphone.close()
            raise
        return microphone

    async def _open(self, formats: Sequence[PcmFormat]) -> None:
        stream = self._stream
        await stream.open(formats, output=False, block_ms=BLOCK_MS, callback=self._captured)
        pcm = stream.pcm
        self._chunk_frames = pcm.frames_of_ms(20)
        self._ring = Ring(pcm.frames_of_ms(RING_MS), overwrite=True, frame_bytes=pcm.frame_bytes)
        self._convert = None if pcm == WIRE_IN else _Converter(pcm)
        await stream.start()

    def _captured(self, block: Any, _n_frames: int, _time: object, _status: object) -> None:
        """Take a block, in PortAudio's thread."""
        self._ring.write(memoryview(block))
        self._stream.beats += 1
        self._stream.tell_loop(self._arrived.set)

    @property
    def name(self) -> str:
        """The device's."""
        return self._stream.device.name

    @property
    def pcm(self) -> PcmFormat:
        """The format that the device is open in."""
        return self._stream.pcm

    @property
    def latency_s(self) -> float:
        """What the device holds before it hands over a block."""
        return self._stream.latency_s

    async def read(self) -> bytes:
        """Wait for the next chunk; once the device is lost, for ever."""
        raw = await self._take(self._chunk_frames) if self._convert is None else await self._take_converted()
        chunk = raw if self.clean is None else self.clean(raw)
        self.ear(raw, chunk, self._clock.now())
        self.lost_ms = self.pcm.ms_of(self._ring.overrun_frames)
        return chunk

    async def _take(self, n_frames: int) -> bytes:
        """Wait for so many frames in the device's format."""
        while self._ring.held_frames < n_frames:
            self._arrived.clear()
            await self._arrived.wait()
        return self._ring.read(n_frames)

    async def _take_converted(self) -> bytes:
        """Wait for a chunk from a device with a format of its own; the resampler's blocks are not all of one size."""
        assert self._convert is not None, "asked for only then"
        while len(self._converted) < CHUNK_BYTES:
            self._converted += self._convert(await self._take(self._chunk_frames))
        chunk = bytes(self._converted[:CHUNK_BYTES])
        del self._converted[:CHUNK_BYTES]
        return chunk

    async def close(self) -> None:
        """Close the device."""
        await self._stream.close()


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
