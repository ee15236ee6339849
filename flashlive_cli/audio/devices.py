"""
Microphone and speaker: sound cards through PortAudio. The only import of sounddevice.

    device -> capture callback -> [capture ring] -> `CardMicrophone.read` in the sender task
    `CardSpeaker.write` in the receiver task -> [playback ring] -> playback callback -> device

A callback copies and counts, nothing else; PortAudio calls it in a thread of its own, with a deadline of one block.
The speaker's blocks are 5 ms: what the device holds cannot be called back, and it holds two blocks.
"""

import asyncio
import contextlib
import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flashlive_cli.audio.ring import Ring
from flashlive_cli.audio.vad import VoiceDetector
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, DeviceError
from flashlive_cli.pcm import SILENCE_DBFS, WIRE_IN, WIRE_OUT, PcmFormat, level_dbfs
from flashlive_cli.printable import printable

CHUNK_BYTES: Final = WIRE_IN.bytes_of_ms(20)
CAPTURE_BLOCK_MS: Final = 10
PLAYBACK_BLOCK_MS: Final = 5
FADE_MS: Final = 5
CAPTURE_RING_MS: Final = 300
"""Older speech than that is worth less than live speech: a stalled network must not make the model hear the past."""
PREROLL_MS: Final = 60
"""Sound held before playback begins: the first chunks may come slower than real time (livekit/agents #3604)."""
REBUFFER_MS: Final = 120
"""The same after an underrun."""
PLAYBACK_RING_S: Final = 120
UTTERANCE_GAP_S: Final = 0.5
SWITCH_INTERVAL_S: Final = 0.0005
"""A callback waits up to this long for each busy Python thread; with Python's own 5 ms, two of them silenced it."""


@dataclass(frozen=True, slots=True)
class Device:
    """
    One sound device.

    Attributes:
        index: PortAudio's number, good until devices come or go.
        name: as the system calls it.
        host_api: through which PortAudio reaches it.
        input_channels: 0 for a device that cannot be heard.
        output_channels: 0 for a device that cannot be spoken through.
        rate_hz: its own.
        is_default_input: the system's choice of microphone.
        is_default_output: the system's choice of speaker.
    """

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    rate_hz: int
    is_default_input: bool
    is_default_output: bool


def load_portaudio() -> Any:
    """
    Import sounddevice, and make libasound keep its complaints off the screen.

    Raises:
        DeviceError: there is no PortAudio; the message says how to install it.
    """
    try:
        import sounddevice  # noqa: PLC0415, TID251 - the one place; 80 ms, and no PortAudio on a bare Linux
    except OSError as exc:
        raise DeviceError(
            "PortAudio is not installed; Debian, Ubuntu: apt install libportaudio2; Fedora: dnf install portaudio"
        ) from exc
    _hush_alsa()
    return sounddevice


_ERROR_HANDLER: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
_hush: Final = _ERROR_HANDLER(lambda *_: None)  # kept for the life of the process: C calls it


def _hush_alsa() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_hush)


def list_devices() -> list[Device]:
    """
    Return what there is.

    Raises:
        DeviceError: there is no PortAudio.
    """
    sounddevice = load_portaudio()
    apis = sounddevice.query_hostapis()
    default_in, default_out = sounddevice.default.device
    return [
        Device(
            index=index,
            name=row["name"],
            host_api=apis[row["hostapi"]]["name"],
            input_channels=row["max_input_channels"],
            output_channels=row["max_output_channels"],
            rate_hz=round(row["default_samplerate"]),
            is_default_input=index == default_in,
            is_default_output=index == default_out,
        )
        for index, row in enumerate(sounddevice.query_devices())
    ]


def find_device(wanted: str | None, *, output: bool) -> Device:
    """
    Find a device by its number or a part of its name, in any letter case; None is the system's choice.

    Raises:
        DeviceError: there is none.
        ConfigError: more than one fits; the messages name the candidates.
    """
    what = "speaker" if output else "microphone"
    able = [d for d in list_devices() if (d.output_channels if output else d.input_channels)]
    if not able:
        raise DeviceError(f"there is no {what}; WAV files and pipes work without: --input FILE.wav, --output none")
    if wanted is None:
        default = [d for d in able if (d.is_default_output if output else d.is_default_input)]
        return (default or able)[0]
    exact = [d for d in able if wanted in {str(d.index), d.name}]
    found = exact or [d for d in able if wanted.casefold() in d.name.casefold()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{d.index} {d.name}" for d in (found or able))
    if found:
        raise ConfigError(printable(f"{wanted!r} fits more than one {what}: {names}"))
    raise DeviceError(printable(f"{wanted!r} fits no {what}; there are: {names}"))


class _Stream:
    """One open PortAudio stream, its callbacks' bells, and what went wrong with it."""

    def __init__(self, make: Callable[[Any], Any], device: Device, lost: Callable[[DeviceError], None]) -> None:
        sounddevice = load_portaudio()
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._device = device
        self._closing = False
        try:
            self.stream = make(sounddevice)
            self.stream.start()
        except (sounddevice.PortAudioError, ValueError) as exc:
            raise DeviceError(printable(f"{device.name} cannot be opened: {exc}")) from exc

    @property
    def latency_s(self) -> float:
        """What the device holds, as PortAudio tells."""
        return float(self.stream.latency)

    def ring(self, bell: Callable[..., None], *news: object) -> None:
        """Ring into the loop from a callback."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to care
            self._loop.call_soon_threadsafe(bell, *news)

    def finished(self) -> None:
        """PortAudio's word that a stream has ended: by us, or because its device is gone."""
        if not self._closing:
            self.ring(self._lost, DeviceError(printable(f"{self._device.name} went away")))

    def close(self) -> None:
        """Close the stream; what the device still holds is dropped."""
        self._closing = True
        with contextlib.suppress(Exception):  # a device that is gone has nothing to complain about
            self.stream.abort()
            self.stream.close()


class CardMicrophone:
    """
    A microphone: 20 ms chunks of 16 kHz mono s16le, as they come.

    Belongs to the event loop it was opened in; `read` to one task of it.

    Attributes:
        speech_started_s: clock time of the onset of the latest utterance; None before any.
        speech_ended_s: clock time of its latest sound.
        level_dbfs: of the chunk read last, cleaned.
        clean: takes the speaker's echo out of each chunk; see `echo.Echo`.
    """

    def __init__(self, clock: Clock, device: Device, *, lost: Callable[[DeviceError], None]) -> None:
        """
        Open the device.

        Raises:
            DeviceError: it cannot be opened.
        """
        self.speech_started_s: float | None = None
        self.speech_ended_s: float | None = None
        self.level_dbfs = SILENCE_DBFS
        self.clean: Callable[[bytes], bytes] | None = None
        self._clock = clock
        self._ring = Ring(WIRE_IN.frames_of_ms(CAPTURE_RING_MS), overwrite=True)
        self._arrived = asyncio.Event()
        self._detect = VoiceDetector()
        self._stream = _Stream(lambda sd: self._open(sd, device, WIRE_IN), device, lost)

    def _open(self, sounddevice: Any, device: Device, pcm: PcmFormat) -> Any:
        return sounddevice.RawInputStream(
            samplerate=pcm.rate_hz,
            blocksize=pcm.frames_of_ms(CAPTURE_BLOCK_MS),
            device=device.index,
            channels=1,
            dtype="int16",
            latency="low",
            callback=self._captured,
            finished_callback=self._finished,
        )

    def _captured(self, block: Any, _n_frames: int, _time: object, _status: object) -> None:
        """Take a block, in PortAudio's thread."""
        self._ring.write(memoryview(block))
        if self._ring.held_frames * WIRE_IN.frame_bytes >= CHUNK_BYTES:
            self._stream.ring(self._arrived.set)

    def _finished(self) -> None:
        self._stream.finished()

    @property
    def overrun_frames(self) -> int:
        """Frames that were lost because nobody read them in time."""
        return self._ring.overrun_frames

    @property
    def latency_s(self) -> float:
        """What the device holds before it hands over a block."""
        return self._stream.latency_s

    async def read(self) -> bytes:
        """Wait for the next chunk."""
        while self._ring.held_frames * WIRE_IN.frame_bytes < CHUNK_BYTES:
            self._arrived.clear()
            await self._arrived.wait()
        chunk = self._ring.read(CHUNK_BYTES // WIRE_IN.frame_bytes)
        if self.clean is not None:
            chunk = self.clean(chunk)
        self.level_dbfs = level_dbfs(chunk)
        if self._detect(chunk, self.level_dbfs):
            now = self._clock.now()
            if self.speech_ended_s is None or now - self.speech_ended_s > UTTERANCE_GAP_S:
                self.speech_started_s = now
            self.speech_ended_s = now
        return chunk

    async def close(self) -> None:
        """Close the device."""
        self._stream.close()


class CardSpeaker:
    """
    A speaker for 24 kHz mono s16le.

    Belongs to the event loop it was opened in; one task writes and flushes, in the order of the wire.

    Attributes:
        underruns: times that playback ran dry within a reply.
    """

    def __init__(
        self, clock: Clock, device: Device, *, lost: Callable[[DeviceError], None], reference: Ring | None = None
    ) -> None:
        """
        Open the device; a `reference` gets a copy of all that is handed to it, silence included.

        Raises:
            DeviceError: it cannot be opened.
        """
        self.underruns = 0
        self._reference = reference
        self._clock = clock
        self._ring = Ring(WIRE_OUT.rate_hz * PLAYBACK_RING_S, overwrite=False)
        self._listener: tuple[Callable[[float], None], Callable[[float], None]] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._sounding = False  # the callback's: written there alone
        self._complete = True  # no more of this reply will come: play to the end, and call that no underrun
        self._preroll_frames = WIRE_OUT.frames_of_ms(PREROLL_MS)
        self._stream = _Stream(lambda sd: self._open(sd, device, WIRE_OUT), device, lost)

    def _open(self, sounddevice: Any, device: Device, pcm: PcmFormat) -> Any:
        return sounddevice.RawOutputStream(
            samplerate=pcm.rate_hz,
            blocksize=pcm.frames_of_ms(PLAYBACK_BLOCK_MS),
            device=device.index,
            channels=1,
            dtype="int16",
            latency="low",
            callback=self._play,
            finished_callback=self._finished,
        )

    def _play(self, block: Any, n_frames: int, _time: object, _status: object) -> None:
        """Fill a block, in PortAudio's thread."""
        room = memoryview(block).cast("B")
        held = self._ring.held_frames
        if not self._sounding and held and (self._complete or held >= self._preroll_frames):
            self._sounding = True
            self._stream.ring(self._on_started)
        n_played = self._ring.read_into(room) if self._sounding else 0
        room[n_played * 2 :] = bytes((n_frames - n_played) * 2)
        if self._reference is not None:
            self._reference.write(room)
        if self._sounding and n_played < n_frames:
            self._sounding = False
            if not self._complete:
                self.underruns += 1
                self._preroll_frames = WIRE_OUT.frames_of_ms(REBUFFER_MS)
            self._stream.ring(self._on_drained)

    def _finished(self) -> None:
        self._stream.finished()

    @property
    def played_frames(self) -> int:
        """Frames handed to the device since the start."""
        return self._ring.read_frames

    @property
    def held_frames(self) -> int:
        """Frames waiting to be played."""
        return self._ring.held_frames

    @property
    def latency_s(self) -> float:
        """What the device holds: sound that a flush cannot call back."""
        return self._stream.latency_s

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """Be told, in the loop's thread and with clock seconds, when sound begins and when it has run out."""
        self._listener = (started, drained)

    def write(self, pcm: bytes) -> None:
        """Append 24 kHz mono s16le."""
        self._complete = False
        self._idle.clear()
        self._ring.write(pcm)

    def complete(self) -> None:
        """Note that all of the reply is here: what is held is played to its end without waiting for more."""
        self._complete = True
        self._preroll_frames = WIRE_OUT.frames_of_ms(PREROLL_MS)

    def flush(self) -> int:
        """Drop what is held but for 5 ms, which fade out; return how many frames were dropped."""
        keep = WIRE_OUT.frames_of_ms(FADE_MS) if self._sounding else 0
        dropped = self._ring.flush(keep, shape=_faded)
        self.complete()
        if not self._sounding:
            self._idle.set()
        return dropped

    async def drained(self) -> None:
        """Wait until all that was written has sounded."""
        self.complete()
        await self._idle.wait()
        await asyncio.sleep(self.latency_s)

    async def close(self) -> None:
        """Close the device."""
        self._stream.close()
        self._idle.set()

    def _on_started(self) -> None:
        if self._listener:
            self._listener[0](self._clock.now())

    def _on_drained(self) -> None:
        if not self._ring.held_frames:
            self._idle.set()
        if self._listener:
            self._listener[1](self._clock.now())


def _faded(pcm: bytes) -> bytes:
    """The same sound, falling to silence."""
    import numpy as np  # noqa: PLC0415 - loaded long before anybody is interrupted

    samples = np.frombuffer(pcm, "<i2")
    faded: bytes = (samples * np.linspace(1, 0, samples.size, dtype=np.float32)).astype("<i2").tobytes()
    return faded
