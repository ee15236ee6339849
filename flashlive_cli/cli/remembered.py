"""The microphone and the speaker chosen last, kept in the user's state folder."""

from typing import Final

from flashlive_cli.cli.devices import Side
from flashlive_cli.cli.statefile import read_state, write_state

FILE: Final = "devices.json"


def remembered_device(side: Side) -> str | None:
    """Return the full name of the device chosen last; None where none was, or the file cannot be read."""
    name = _read().get(side)
    return name if isinstance(name, str) else None


def remember_device(side: Side, name: str | None) -> None:
    """Keep a device's full name, or forget it."""
    chosen = _read() | {side: name}
    write_state(FILE, {key: value for key, value in chosen.items() if value is not None})


def _read() -> dict[str, object]:
    chosen = read_state(FILE)
    return chosen if isinstance(chosen, dict) else {}
