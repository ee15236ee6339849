"""
Sound devices: which there are, and streams from and to them. The only import of sounddevice.

PortAudio calls a stream's callback in a thread of its own, with a deadline of one block. What else is asked of it
may hang with a bad driver, and is asked in threads that nobody has to wait for: see `inthread`.
"""

import asyncio
import atexit
import contextlib
import ctypes
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from flashlive_cli.audio.inthread import begin
from flashlive_cli.errors import ConfigError, DeviceError
from flashlive_cli.pcm import PcmFormat
from flashlive_cli.printable import printable

OPEN_PATIENCE_S: Final = 5.0
CLOSE_PATIENCE_S: Final = 1.0
STALL_CHECK_S: Final = 0.75
"""A device without a callback in two checks running has stalled: a frozen sound server reports nothing else."""
SLOW_LATENCY_S: Final = 0.06
"""A device that holds more than this is emptied on a flush, at the price of a click: waiting is worse."""
SWITCH_INTERVAL_S: Final = 0.0005
"""A callback waits up to this long for each busy Python thread; with Python's own 5 ms, two of them silenced it."""
DEFAULT: Final = "default"
"""What the system's choice may be called, on systems that have no device of that name."""
COMMON_RATES: Final = (48_000, 44_100)
HANDS_FREE_HZ: Final = 16_000
"""A headset in its call profile runs at this rate or less; its music profile has no microphone."""

_UNSUPPORTED: Final = {-9999, -9998, -9997, -9994}  # host error, channels, rate, sample format: another may do
_BUSY: Final = -9985


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

    @property
    def seems_hands_free(self) -> bool:
        """Whether this looks like a Bluetooth headset in its call profile: telephone sound, both ways."""
        name = self.name.casefold()
        named = any(words in name for words in ("hands-free", "handsfree", "hfp", "hsp", "headset-head-unit"))
        return named or ("bluetooth" in name and self.rate_hz <= HANDS_FREE_HZ)

    def formats(self, wanted: PcmFormat, *, output: bool) -> list[PcmFormat]:
        """Return in which formats to ask for the device, the best first: ours, then its own."""
        most = self.output_channels if output else self.input_channels
        channels = [n for n in dict.fromkeys((1, 2, most)) if 0 < n <= max(1, most)]
        rates = dict.fromkeys((wanted.rate_hz, self.rate_hz, *COMMON_RATES))
        return [PcmFormat(rate, n) for rate in rates if rate > 0 for n in channels]


def load_portaudio() -> Any:
    """
    Import sounddevice, and make libasound keep its complaints off the screen.

    Raises:
        DeviceError: there is no PortAudio; the message says how to install it.
    """
    try:
        import sounddevice  # noqa: PLC0415, TID251 - the one place; 80 ms, and no PortAudio on a bare Linux
    except OSError as exc:
        raise DeviceError(f"PortAudio is not installed; {_how_to_install()}") from exc
    _hush_alsa()
    return sounddevice


_INSTALLERS: Final = {
    "debian": "sudo apt install libportaudio2",
    "fedora": "sudo dnf install portaudio",
    "rhel": "sudo dnf install portaudio",
    "arch": "sudo pacman -S portaudio",
    "suse": "sudo zypper install libportaudio2",
    "alpine": "sudo apk add portaudio",
    "nixos": "nix-shell -p portaudio",
}


def _how_to_install() -> str:
    """The command for this system; the wheels for macOS and Windows bring PortAudio along."""
    if sys.platform != "linux":
        return "reinstall sounddevice: pip install --force-reinstall sounddevice"
    import platform  # noqa: PLC0415 - for this message alone

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    likes = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    likes = ["suse" if "suse" in like else "debian" if like == "ubuntu" else like for like in likes]
    command = next((_INSTALLERS[like] for like in likes if like in _INSTALLERS), None)
    return f"try: {command}" if command else "install your system's package portaudio, or libportaudio2"


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
    default_api = next((d.host_api for d in able if d.is_default_output or d.is_default_input), None)
    exact = (
        [d for d in able if str(d.index) == wanted]
        or sorted(
            (d for d in able if d.name == wanted),
            key=lambda d: d.host_api != default_api,  # Windows lists each device once for every host API
        )[:1]
    )
    if not exact and wanted.casefold() == DEFAULT:
        return find_device(None, output=output)
    found = exact or [d for d in able if wanted.casefold() in d.name.casefold()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{d.index} {d.name}" for d in (found or able))
    if found:
        raise ConfigError(printable(f"{wanted!r} fits more than one {what}: {names}"))
    raise DeviceError(printable(f"{wanted!r} fits no {what}; there are: {names}"))


_hanging: Final = threading.Event()


def driver_hangs() -> bool:
    """Whether a driver was left alone in this process; it may be printing the same complaint for ever."""
    return _hanging.is_set()


class Stream:
    """
    One PortAudio stream, to be opened, started and closed.

    Belongs to the event loop it was made in. `beats` and `ring` are for the callback.

    Attributes:
        device: what it is for.
        pcm: in which format: the wanted one, or one that the device takes.
        latency_s: what the device holds, as PortAudio tells.
        beats: callbacks so far; the callback counts them.
    """

    def __init__(self, device: Device, *, lost: Callable[[DeviceError], None]) -> None:
        """Be for a device; `lost` is called in the loop, once, when that went away or stalled."""
        self.device = device
        self.pcm = PcmFormat(device.rate_hz)
        self.latency_s = 0.0
        self.beats = 0
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._stream: Any = None
        self._closing = False
        self._check: asyncio.TimerHandle | None = None

    async def open(
        self,
        formats: Sequence[PcmFormat],
        *,
        output: bool,
        block_ms: int,
        callback: Callable[[Any, int, object, object], None],
        latency: float | Literal["low"] = "low",
    ) -> None:
        """
        Open the device in the first format that it takes; `start` it then.

        Args:
            formats: to be asked for in this order.
            output: a speaker's stream, or a microphone's.
            block_ms: frames that a callback moves, in milliseconds.
            callback: as PortAudio has it: block, frames, time, status.
            latency: what the device may hold, in seconds.

        Raises:
            DeviceError: it cannot be opened, takes none of the formats, or does not open within 5 s.
        """

        def make() -> None:
            self._stream, self.pcm = _make(
                self.device,
                formats,
                output=output,
                block_ms=block_ms,
                latency=latency,
                callback=callback,
                finished_callback=self.finished,
            )
            self.latency_s = float(self._stream.latency)
            if self._closing:  # nobody waited for it
                self._stream.close()

        await self._ask(make, patience_s=OPEN_PATIENCE_S)

    async def start(self) -> None:
        """
        Let the callbacks begin, and watch that they go on.

        Raises:
            DeviceError: the device does not start.
        """
        await self._ask(self._stream.start, patience_s=OPEN_PATIENCE_S)
        self._watch(self.beats, 0)

    def ring(self, bell: Callable[..., None], *news: object) -> None:
        """Ring into the loop from a callback."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to care
            self._loop.call_soon_threadsafe(bell, *news)

    def finished(self) -> None:
        """PortAudio's word that a stream has ended: by us, or because its device is gone."""
        if not self._closing:
            self.ring(self._lose, "went away")

    def empty(self) -> None:
        """Drop what the device holds, and go on; a hard cut, for devices that hold much. Returns at once."""

        def restart() -> None:
            with contextlib.suppress(Exception):  # a device that is gone will say so by itself
                self._stream.abort()
                self._stream.start()
            self._closing = False

        if not self._closing:
            self._closing = True  # the end of a stream that we ended is no loss
            begin(restart, name="empty")

    async def close(self) -> None:
        """Close the stream; what the device still holds is dropped. A driver that hangs is left to itself."""
        self._closing = True
        if self._check is not None:
            self._check.cancel()
        if self._stream is None:
            return

        def shut() -> None:
            with contextlib.suppress(Exception):  # a device that is gone has nothing to complain about
                self._stream.abort()
                self._stream.close()

        with contextlib.suppress(DeviceError):
            await self._ask(shut, patience_s=CLOSE_PATIENCE_S)

    async def _ask(self, work: Callable[[], None], *, patience_s: float) -> None:
        """Ask PortAudio for something, in a thread."""
        try:
            async with asyncio.timeout(patience_s):
                await begin(work, name="device")
        except TimeoutError as exc:
            self._abandon()
            name = printable(self.device.name)
            raise DeviceError(f"{name} does not react; restart your sound server, or choose another device") from exc
        except asyncio.CancelledError:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Leave a driver that hangs alone: PortAudio's goodbye at the end of the process would wait for it."""
        self._closing = True
        _hanging.set()
        atexit.unregister(load_portaudio()._exit_handler)  # noqa: SLF001 - sounddevice has no other way

    def _watch(self, beats_before: int, n_still: int) -> None:
        """Look every now and then whether callbacks still come."""
        n_still = 0 if self.beats != beats_before or self._closing else n_still + 1
        if n_still > 1:
            self._lose("has stalled: no sound moves through it")
            return
        self._check = self._loop.call_later(STALL_CHECK_S, self._watch, self.beats, n_still)

    def _lose(self, what: str) -> None:
        if not self._closing:
            self._closing = True
            self._lost(DeviceError(printable(f"{self.device.name} {what}")))


def _make(
    device: Device, formats: Sequence[PcmFormat], *, output: bool, block_ms: int, **settings: object
) -> tuple[Any, PcmFormat]:
    """Open a stream in the first format that does."""
    sounddevice = load_portaudio()
    kind = sounddevice.RawOutputStream if output else sounddevice.RawInputStream
    # shared mode of WASAPI takes the mixer's format alone, unless asked to convert
    extra = sounddevice.WasapiSettings(auto_convert=True) if "WASAPI" in device.host_api else None
    refusals: list[str] = []
    for pcm in formats:
        try:
            stream = kind(
                device=device.index,
                samplerate=pcm.rate_hz,
                channels=pcm.channels,
                blocksize=pcm.frames_of_ms(block_ms),
                dtype="int16",
                extra_settings=extra,
                **settings,
            )
        except (sounddevice.PortAudioError, ValueError) as exc:
            code = exc.args[1] if len(exc.args) > 1 else None
            if code == _BUSY:
                raise DeviceError(printable(f"{device.name} is busy: another program holds it")) from exc
            refusals.append(f"{pcm.rate_hz} Hz, {pcm.channels} channels: {exc.args[0]}")
            if code not in _UNSUPPORTED:
                break
        else:
            return stream, pcm
    raise DeviceError(printable(f"{device.name} cannot be opened ({refusals[0]}); flashlive devices lists the others"))
