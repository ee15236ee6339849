"""The packages that pictures need, which come with `flashlive-cli[video]` and not with flashlive itself."""

import importlib
import importlib.util
from typing import Final

from flashlive_cli.errors import ConfigError

EXTRA: Final = "flashlive-cli[video]"
_PACKAGES: Final = {"OpenCV": "cv2", "mss": "mss"}


def load_extra(*modules: str) -> None:
    """
    See whether they are there, and import what of flashlive needs them: a fifth of a second.

    Args:
        modules: names within `flashlive_cli.video`.

    Raises:
        ConfigError: one is not there, or its installation is broken; the message says which, and what to do.
    """
    for name, module in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            raise ConfigError(f"pictures need {name}, which is not installed: pip install '{EXTRA}'")
    try:
        for module in modules:
            importlib.import_module(f"flashlive_cli.video.{module}")
    except Exception as exc:  # a library that is missing, or was built for another: each in its own words
        raise ConfigError(f"pictures need packages that cannot be loaded here: {shortly(exc)}") from exc


def shortly(exc: Exception) -> str:
    """Say in one line what a stranger's code has met."""
    words = str(exc).strip().partition("\n")[0]
    return f"{type(exc).__name__}: {words}" if words else type(exc).__name__
