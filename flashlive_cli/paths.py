"""Paths as people write them, where no shell has been at them."""

from pathlib import Path

from flashlive_cli.errors import FileError
from flashlive_cli.printable import printable


def expanded(name: str) -> Path:
    """
    Return a path whose `~` is somebody's home.

    Raises:
        FileError: nobody here has that home.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError as exc:
        raise FileError(f"{printable(name)}: nobody here has that home") from exc
