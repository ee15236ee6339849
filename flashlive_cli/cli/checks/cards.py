"""PortAudio, and the devices that a talk would use."""

from dataclasses import replace

from flashlive_cli.audio.devices import Device, list_devices, load_portaudio
from flashlive_cli.cli.checks import Check, Tell, failure
from flashlive_cli.cli.choice import Choice, choose_device, found_in_time
from flashlive_cli.cli.devices import HANDS_FREE, HANDS_FREE_ADVICE, Side, why
from flashlive_cli.cli.exits import DEVICE
from flashlive_cli.config import Resolved
from flashlive_cli.errors import FlashliveError, SoundSystemHangs
from flashlive_cli.inthread import begin

_RESTART = (
    "restart it (systemctl --user restart pipewire pipewire-pulse, or pulseaudio -k), or plug the device in again"
)
_NO_CARD = "plug one in, or start your sound server; where there is none see the last line"


async def check_portaudio(tell: Tell) -> bool:
    """Load PortAudio and count what it sees, in a thread that may be left alone; return whether it sees anything."""
    try:
        version, apis, there = await found_in_time(begin(_look, name="portaudio"))
    except FlashliveError as error:
        check = failure("portaudio", error)
        hangs = isinstance(error, SoundSystemHangs)
        tell(replace(check, advice=f"{check.advice} {_RESTART}") if hangs else check)
        return False
    figures = {"version": version, "host_apis": apis, "devices": len(there)}
    found = f"{version}; {', '.join(apis) or 'no host API'}; {len(there)} devices"
    if not there:
        tell(Check("portaudio", "failed", found, _NO_CARD, figures, exit_code=DEVICE))
        return False
    tell(Check("portaudio", "ok", found, figures=figures))
    return True


def _look() -> tuple[str, list[str], list[Device]]:
    portaudio = load_portaudio()
    version = str(portaudio.get_portaudio_version()[1]).partition(",")[0]
    return version, [api["name"] for api in portaudio.query_hostapis()], list_devices()


async def choose(side: Side, resolved: Resolved) -> Choice:
    """
    Choose a device as a talk does.

    Raises:
        FlashliveError: there is none, or more than one fits.
    """
    wanted = resolved.config.input_device if side == "input" else resolved.config.output_device
    return await found_in_time(begin(lambda: choose_device(side, wanted), name="devices"))


def words_on(choice: Choice, side: Side, resolved: Resolved) -> tuple[str, list[tuple[str, str]]]:
    """Return how to call a device, and what is wrong with the choice, each with what to do."""
    device = choice.device
    troubles = []
    if choice.missing is not None:
        what = "--input-device" if side == "input" else "--output-device"
        troubles.append((f"{choice.missing}, chosen last time, is not there", f"plug it in, or choose: {what} NAME"))
    if device.seems_hands_free:
        troubles.append((HANDS_FREE, HANDS_FREE_ADVICE))
    return f"{device.index} {device.name} ({device.host_api}, {why(choice, side, resolved)})", troubles
