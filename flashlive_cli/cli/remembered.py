"""The microphone and the speaker chosen last, kept in the user's state folder."""

import contextlib
import json
import os
from pathlib import Path
from typing import Literal

from flashlive_cli.private import open_private

Side = Literal["input", "output"]


def remembered_device(side: Side) -> str | None:
    """Return the full name of the device chosen last; None where none was, or the file cannot be read."""
    name = _read().get(side)
    return name if isinstance(name, str) else None


def remember_device(side: Side, name: str | None) -> None:
    """Keep a device's full name, or forget it; a state folder that takes nothing is no reason to complain."""
    chosen = _read() | {side: name}
    with contextlib.suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(open_private(path, os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in chosen.items() if value is not None}, file)


def _read() -> dict[str, object]:
    try:
        chosen = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return chosen if isinstance(chosen, dict) else {}


def _path() -> Path:
    import platformdirs  # noqa: PLC0415 - --help needs none of it

    return platformdirs.user_state_path("flashlive", appauthor=False) / "devices.json"
