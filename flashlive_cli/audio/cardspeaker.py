"""
A sound card's speaker.

    `CardSpeaker.write` in the receiver task -> [playback ring] -> playback callback -> device

The callback copies and counts; where it runs dry within a reply, it fades one block (40 us). Its blocks are 5 ms: what
the device holds cannot be called back, and it holds two of them. The ring is in the device's format, so what a device
with a rate or channels of its own needs is done before it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Self

import numpy as np

from flashlive_cli.audio.devices import Device
from flashlive_cli.audio.mouth import Mouth
from flashlive_cli.audio.playout import Playout
from flashlive_cli.audio.rates import Resampler, Samples
from flashlive_cli.audio.ring import Ring
from flashlive_cli.audio.samples import rounded
from flashlive_cli.audio.stalls import Stalls
from flashlive_cli.audio.stream import SLOW_LATENCY_S, Stream
from flashlive_cli.audio.tap import ToWire
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import WIRE_OUT, PcmFormat

BLOCK_MS: Final = 5


class CardSpeaker(Mouth):
    """
    A speaker for 24 kHz mono s16le; made by `open`. When its device is lost, `reopen` goes on with another.

    Belongs to the event loop it was opened in; one task writes and flushes, in the order of the wire.

    Attributes:
        reference: gets a copy of all that is handed to the device, silence included, in its format; None for none.
    """

    _tap_bounded = True

    def __init__(
        self,
        clock: Clock,
        *,
        lost: Callable[[DeviceError], None],
        make_reference: Callable[[PcmFormat], Ring] | None = None,
    ) -> None:
        super().__init__(clock)
        self.reference: Ring | None = None
        self._lost = lost
        self._stalls = Stalls()
        self._make_reference = make_reference
        self._player: _Player | None = None
        self._playout = self._make_playout(WIRE_OUT)
        self._convert: _Converter | None = None

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
            lost: called in the loop when the device is gone, after each opening at most once.
            make_reference: makes the `reference` for the device's format; None for none.
            formats: to be asked for; those that suit the device by default.
            latency: what the device may hold, in seconds.

        Raises:
            DeviceError: it cannot be opened.
        """
        speaker = cls(clock, lost=lost, make_reference=make_reference)
        await speaker._open(device, formats or device.formats(WIRE_OUT, output=True), latency)
        return speaker

    async def shut(self) -> None:
        """Let the device go, which may be lost; what is held and written is kept for `reopen`."""
        player = self._played_by
        player.let_go = True
        await player.stream.close()
        self._playout.stop()

    async def reopen(self, device: Device, formats: Sequence[PcmFormat] | None = None) -> None:
        """
        Go on with this device, after `shut`; returns when it has taken sound.

        It is asked for the former one's format first. One that does not take that gets all that is held converted,
        in the event loop: some 3 ms for each second of sound.

        Raises:
            DeviceError: it cannot be opened, or takes no sound; it is shut again.
        """
        await self._open(device, formats or [self.pcm, *device.formats(WIRE_OUT, output=True)], "low")
        try:
            await self._played_by.stream.moves()
        except BaseException:
            await self.shut()
            raise

    async def _open(self, device: Device, formats: Sequence[PcmFormat], latency: float | Literal["low"]) -> None:
        stream = Stream(device, "speaker", lost=self._lost, stalls=self._stalls)
        player = _Player(stream)
        try:
            await stream.open(formats, output=True, block_ms=BLOCK_MS, callback=player, latency=latency)
            if stream.pcm != self._playout.pcm:
                self._use(stream.pcm)
            if self._make_reference is not None:
                self.reference = self._make_reference(stream.pcm)
            self._player = player
            player.begin(self._playout, self.reference)
            await stream.start()
        except BaseException:
            player.let_go = True
            await stream.close()
            raise

    @property
    def _played_by(self) -> "_Player":
        assert self._player is not None, "a speaker is made by `open`"
        return self._player

    def _use(self, pcm: PcmFormat) -> None:
        """Take the device's format; nobody plays just now."""
        former = self._playout
        if self._convert is not None:
            former.append(self._convert.finish())
        self._close_tap()
        self._convert = None if pcm == WIRE_OUT else _Converter(pcm)
        self._playout = self._make_playout(pcm)
        to_wire = ToWire(former.pcm)

        def converted(sound: bytes, is_whole: bool) -> bytes:
            sound = to_wire(sound) + to_wire.finish()
            if self._convert is None:
                return sound
            return self._convert(sound) + (self._convert.finish() if is_whole else b"")

        self._playout.take_over(former, converted)
        self._open_tap()

    def _make_playout(self, pcm: PcmFormat) -> Playout:
        return Playout(pcm, began=self._began, ended=self._ended)

    def _sounds_s(self) -> float:
        return self._clock.now() + self.latency_s

    @property
    def name(self) -> str:
        """The device's."""
        return self._played_by.stream.device.name

    @property
    def pcm(self) -> PcmFormat:
        """The format that the device is open in."""
        return self._playout.pcm

    @property
    def latency_s(self) -> float:
        """What the device holds: sound that a flush cannot call back, unless the device is slow and emptied."""
        return self._played_by.stream.latency_s

    def write(self, pcm: bytes) -> None:
        """Append 24 kHz mono s16le; the receiver task's."""
        if pcm:
            self._idle.clear()
            self._playout.write(pcm if self._convert is None else self._convert(pcm))

    def complete(self) -> None:
        """Note that all of the reply is here: what is held is played to its end without waiting for more."""
        self._playout.complete(b"" if self._convert is None else self._convert.finish())

    def flush(self) -> int:
        """
        Drop what is held but for 5 ms, which fade out; return how many frames were dropped, at 24 kHz.

        A device that itself holds more than 60 ms is emptied too, which clicks. The receiver task's.
        """
        if self._convert is not None:
            self._convert.finish()
        empties = self.sounding and self.latency_s > SLOW_LATENCY_S
        if empties and self._playout.tap is not None:
            self._playout.tap.forget()
        dropped = super().flush()
        if empties:
            self._played_by.stream.empty()
        return dropped

    async def drained(self) -> None:
        """Wait until all that was written has sounded."""
        self.complete()
        await self._idle.wait()
        await asyncio.sleep(self.latency_s)

    async def close(self) -> None:
        """Close the device."""
        try:
            await self._played_by.stream.close()
        finally:
            self._close_tap()
            self._idle.set()


class _Player:
    """
    One opening of a device: its callback.

    Attributes:
        stream: on which the sound goes.
        let_go: it plays nothing any more; a device that was given up may wake up again.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.let_go = False

    def begin(self, playout: Playout, reference: Ring | None) -> None:
        """Take what is to be played, and what gets a copy of it; before the first callback."""
        self._playout = playout
        self._reference = reference

    def __call__(self, block: Any, _n_frames: int, _time: object, _status: object) -> None:
        """Fill a block, in PortAudio's thread."""
        room = memoryview(block).cast("B")
        self.stream.beats += 1
        if self.let_go:
            room[:] = bytes(len(room))
            return
        self._playout.fill(room)
        if self._reference is not None:
            self._reference.write(room)


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

    def _spread(self, mono: Samples) -> bytes:
        samples = rounded(mono)
        frames = np.zeros((samples.size, self._channels), "<i2")
        frames[:, :2] = samples[:, None]
        spread: bytes = frames.tobytes()
        return spread
