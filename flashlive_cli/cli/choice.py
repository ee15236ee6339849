"""Which microphone and which speaker a talk uses: what was asked for, else the last one chosen, else the system's."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from flashlive_cli.audio.devices import Device, find_device
from flashlive_cli.cli.devices import Side
from flashlive_cli.cli.remembered import remembered_device
from flashlive_cli.errors import ConfigError, DeviceError, SoundSystemHangs

FIND_PATIENCE_S: Final = 10.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """
    A device to be used.

    Attributes:
        device: which.
        why: a setting or flag asks for it, it was chosen last time, or it is the system's own choice.
        missing: the full name of the one chosen last time, where that is not there now.
    """

    device: Device
    why: Literal["asked for", "chosen last time", "system's default"]
    missing: str | None = None


def choose_device(side: Side, wanted: str | None) -> Choice:
    """
    Find the device of one side; in a thread, as drivers may hang.

    Raises:
        DeviceError: there is none.
        ConfigError: more than one fits `wanted`.
    """
    output = side == "output"
    if wanted is not None:
        return Choice(find_device(wanted, output=output), "asked for")
    last = remembered_device(side)
    usual = find_device(None, output=output)
    if last is None:
        return Choice(usual, "system's default")
    try:
        again = find_device(last, output=output)
    except (DeviceError, ConfigError):
        again = usual
    if again.name != last:  # a part of a name may be chosen, and is not what was remembered
        return Choice(usual, "system's default", missing=last)
    return Choice(again, "chosen last time")


async def found_in_time(search: "asyncio.Future[T]") -> T:
    """
    Wait for a thread that asks the sound system for something; see `inthread.begin`.

    Raises:
        SoundSystemHangs: it does not come to an end.
    """
    try:
        async with asyncio.timeout(FIND_PATIENCE_S):
            return await search
    except TimeoutError as exc:
        raise SoundSystemHangs from exc
