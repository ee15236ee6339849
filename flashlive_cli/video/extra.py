"""The packages that pictures need, which come with `flashlive-cli[video]` and not with flashlive itself."""

import importlib.util
from typing import Final

from flashlive_cli.errors import ConfigError

EXTRA: Final = "flashlive-cli[video]"
_PACKAGES: Final = {"OpenCV": "cv2", "mss": "mss"}


def check_extra() -> None:
    """
    See whether they are there, without importing them.

    Raises:
        ConfigError: one is not; the message names it and what to install.
    """
    for name, module in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            raise ConfigError(f"pictures need {name}, which is not installed: pip install '{EXTRA}'")
