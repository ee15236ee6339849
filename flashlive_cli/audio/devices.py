"""Sound devices: which there are, and which one is meant. The only import of sounddevice."""

import contextlib
import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flashlive_cli.errors import ConfigError, DeviceError
from flashlive_cli.pcm import PcmFormat
from flashlive_cli.printable import printable

SWITCH_INTERVAL_S: Final = 0.0005
"""A callback waits up to this long for each busy Python thread; with Python's own 5 ms, two of them silenced it."""
DEFAULT: Final = "default"
"""What the system's choice may be called, on systems that have no device of that name."""
COMMON_RATES: Final = (48_000, 44_100)
HANDS_FREE_HZ: Final = 16_000
"""A headset in its call profile runs at this rate or less; its music profile has no microphone."""


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
        raise DeviceError("PortAudio is not installed", _how_to_install()) from exc
    except Exception as exc:
        # sounddevice starts PortAudio on import, and its own exception cannot be named before
        if type(exc).__name__ != "PortAudioError":
            raise
        raise DeviceError(f"PortAudio does not start: {exc.args[0]}") from exc
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
        DeviceError: there is no PortAudio, or it cannot tell.
    """
    sounddevice = load_portaudio()
    try:
        apis, rows = sounddevice.query_hostapis(), sounddevice.query_devices()
    except sounddevice.PortAudioError as exc:
        raise DeviceError(f"PortAudio cannot list the devices: {exc.args[0]}") from exc
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
        for index, row in enumerate(rows)
    ]


def find_device(wanted: str | None, *, output: bool) -> Device:
    """
    Find a device by its number or a part of its name, in any letter case; None is the system's choice.

    Raises:
        DeviceError: there is none.
        ConfigError: more than one fits; the messages name the candidates.
    """
    what = "speaker" if output else "microphone"
    if wanted is not None and not wanted.strip():
        raise ConfigError(f"the name of the {what} is empty", f"{DEFAULT} is the system's choice")
    able = [d for d in list_devices() if (d.output_channels if output else d.input_channels)]
    if not able:
        raise DeviceError(f"there is no {what}", "WAV files and pipes work without: --input FILE.wav, --output none")
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
    raise DeviceError(printable(f"{wanted!r} fits no {what}"), printable(f"there are: {names}"))


def likely_devices(names: Sequence[str], *, output: bool) -> list[Device]:
    """
    Return those that may stand in for a lost one, the likeliest first: those of these full names, the system's choice.

    Raises:
        DeviceError: there is no PortAudio, or it cannot tell.
    """
    able = [d for d in list_devices() if (d.output_channels if output else d.input_channels)]
    usual = [d for d in able if (d.is_default_output if output else d.is_default_input)]
    named = [d for name in names for d in able if d.name == name]
    return list(dict.fromkeys([*named, *usual]))
