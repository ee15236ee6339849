"""`flashlive devices`: which sound devices there are, and which of them a talk would use."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import typer

from flashlive_cli.cli.options import ConfigOption, JsonOption, ProfileOption
from flashlive_cli.cli.settings import read_settings
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.printable import printable

if TYPE_CHECKING:
    from flashlive_cli.audio.devices import Device
    from flashlive_cli.cli.choice import Choice
    from flashlive_cli.config import Resolved

Side = Literal["input", "output"]
SIDES: Final[Mapping[Side, str]] = {"input": "microphone", "output": "speaker"}

NO_SOUND: Final = (
    "a talk works without by files (--input FILE.wav --output FILE.wav), by pipes (--input - --output -), "
    "and by programs, here run on the machine you sit at: --input 'cmd:ssh laptop arecord -q -f S16_LE -r 16000 -c 1 "
    "-t raw' --output 'cmd:ssh laptop aplay -q -f S16_LE -r 24000 -c 1 -t raw --buffer-time=60000'"
)
_LIKE_A_TELEPHONE: Final = "sounds like a telephone"
HANDS_FREE: Final = f"in its hands-free profile, which {_LIKE_A_TELEPHONE}"
HANDS_FREE_ADVICE: Final = "use another microphone, and the headset as speaker only"

Choices = Mapping[Side, "Choice | FlashliveError"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(devices)


def devices(as_json: JsonOption = False, config: ConfigOption = None, profile: ProfileOption = None) -> None:
    """
    List sound devices, and say which of them a talk would use.

    That is the one the settings name, else the one chosen by --input-device or --output-device last time, else the
    system's default.
    """
    resolved = read_settings({}, config, profile)
    import asyncio  # noqa: PLC0415 - --help needs none of it

    from flashlive_cli.cli.foreign import foreign_stderr  # noqa: PLC0415

    with foreign_stderr():
        there, choices = asyncio.run(_look(resolved))
    if as_json:
        typer.echo(json.dumps(_object(there, choices, resolved), indent=2))
    if not there:
        raise DeviceError(f"there is no sound device; {NO_SOUND}")
    if not as_json:
        for line in (*_table(there, choices), "", *map(printable, _conclusions(choices, resolved))):
            typer.echo(line)


async def _look(resolved: "Resolved") -> "tuple[list[Device], Choices]":
    """Ask the sound system, in a thread that may be left alone."""
    from flashlive_cli.cli.choice import found_in_time  # noqa: PLC0415
    from flashlive_cli.inthread import begin  # noqa: PLC0415

    return await found_in_time(begin(lambda: _find(resolved), name="devices"))


def _find(resolved: "Resolved") -> "tuple[list[Device], Choices]":
    from flashlive_cli.audio.devices import list_devices  # noqa: PLC0415
    from flashlive_cli.cli.choice import choose_device  # noqa: PLC0415

    there = list_devices()
    wanted = _wanted(resolved)
    choices: dict[Side, Choice | FlashliveError] = {}
    for side in SIDES:
        try:
            choices[side] = choose_device(side, wanted[side])
        except FlashliveError as error:
            choices[side] = error
    return there, choices


def _wanted(resolved: "Resolved") -> dict[Side, str | None]:
    return {"input": resolved.config.input_device, "output": resolved.config.output_device}


def _table(there: "Sequence[Device]", choices: Choices) -> list[str]:
    from flashlive_cli.cli.table import table  # noqa: PLC0415 - --help needs none of it

    head = ("#", "name", "host API", "in", "out", "rate", "")
    return table(head, (_row(device, choices) for device in there))


def _row(device: "Device", choices: Choices) -> tuple[str, ...]:
    marks = [f"default {SIDES[side]}" for side in SIDES if _is_default(device, side)]
    marks += [f"{SIDES[side]} chosen last time" for side in _remembered(device)]
    marks += [f"* a talk's {SIDES[side]}" for side in SIDES if _is_chosen(device, choices[side])]
    marks += [f"hands-free: {_LIKE_A_TELEPHONE}"] if device.seems_hands_free else []
    channels = (str(device.input_channels), str(device.output_channels))
    return (str(device.index), device.name, device.host_api, *channels, f"{device.rate_hz} Hz", ", ".join(marks))


def _is_default(device: "Device", side: Side) -> bool:
    return device.is_default_input if side == "input" else device.is_default_output


def _remembered(device: "Device") -> list[Side]:
    from flashlive_cli.cli.remembered import remembered_device  # noqa: PLC0415

    able: Mapping[Side, int] = {"input": device.input_channels, "output": device.output_channels}
    return [side for side in SIDES if able[side] and remembered_device(side) == device.name]


def _is_chosen(device: "Device", choice: "Choice | FlashliveError") -> bool:
    return not isinstance(choice, FlashliveError) and choice.device.index == device.index


def _conclusions(choices: Choices, resolved: "Resolved") -> list[str]:
    """Say which devices a talk would use, why, and what is wrong with them."""
    lines = []
    for side, what in SIDES.items():
        choice = choices[side]
        if isinstance(choice, FlashliveError):
            lines.append(f"{what}: none: {choice}{_named_by(side, resolved)}")
            continue
        device = choice.device
        lines.append(f"{what}: {device.index} {device.name} ({why(choice, side, resolved)})")
        if choice.missing is not None:
            lines.append(f"warning: {choice.missing}, the {what} chosen last time, is not there")
        if device.seems_hands_free:
            lines.append(f"warning: {hands_free_warning(device)}")
    return lines


def hands_free_warning(device: "Device") -> str:
    """Warn of a headset in its call profile, and say what to do."""
    return f"{device.name} is {HANDS_FREE}: {HANDS_FREE_ADVICE}"


def why(choice: "Choice", side: Side, resolved: "Resolved") -> str:
    """Say why a talk would use a device."""
    return resolved.sources[f"{side}_device"] if choice.why == "asked for" else choice.why


def _named_by(side: Side, resolved: "Resolved") -> str:
    return f" ({resolved.sources[f'{side}_device']})" if _wanted(resolved)[side] is not None else ""


def _object(there: "Sequence[Device]", choices: Choices, resolved: "Resolved") -> dict[str, object]:
    """Return what `--json` shows; `a_talk_uses` names a device by its index, or says why there is none."""
    rows = [
        {
            "index": device.index,
            "name": device.name,
            "host_api": device.host_api,
            "input_channels": device.input_channels,
            "output_channels": device.output_channels,
            "rate_hz": device.rate_hz,
            "default_for": [side for side in SIDES if _is_default(device, side)],
            "chosen_last_time_for": _remembered(device),
            "a_talk_uses_it_for": [side for side in SIDES if _is_chosen(device, choices[side])],
            "seems_hands_free": device.seems_hands_free,
        }
        for device in there
    ]
    uses: dict[str, object] = {}
    for side in SIDES:
        choice = choices[side]
        uses[side] = (
            {"index": None, "error": str(choice)}
            if isinstance(choice, FlashliveError)
            else {"index": choice.device.index, "why": why(choice, side, resolved), "missing": choice.missing}
        )
    return {"schema": 1, "devices": rows, "a_talk_uses": uses}
