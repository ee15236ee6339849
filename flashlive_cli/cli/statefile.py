"""What is remembered between commands: small JSON files in the state folder, readable by their owner only."""

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import Final

from flashlive_cli.private import open_private

_log: Final = logging.getLogger("flashlive.state")


def state_path(name: str) -> Path:
    """Return where the file of that name is, whether it is there or not."""
    import platformdirs  # noqa: PLC0415 - --help needs none of it

    return platformdirs.user_state_path("flashlive", appauthor=False) / name


def read_state(name: str) -> object:
    """Return what the file says; None where there is none, or it is damaged."""
    try:
        return json.loads(state_path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def write_state(name: str, value: object) -> None:
    """
    Replace the file in one step: who reads it meanwhile, or after a crash, finds the old words or the new.

    From any thread, but one at a time for a file. A state folder that takes nothing is no reason to complain.
    """
    path = state_path(name)
    beside = path.with_name(f".{name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(open_private(beside, os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(value, file)
        beside.replace(path)
    except OSError:
        _log.debug("%s cannot be written", path, exc_info=True)
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
