"""Files that a scenario names, opened without being used: whether they are what they should be."""

from pathlib import Path

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.scenario.clips import open_clip
from flashlive_cli.scenario.places import Place
from flashlive_cli.video.extra import load_extra


def open_named(place: Place, path: Path) -> None:
    """
    Open a file that is there; an image only where what reads images is installed.

    Args:
        place: of the key that names it.
        path: of it.

    Raises:
        FileError: it cannot be read, is of another kind, or is too long; the message names it.
    """
    match [part for part in place if isinstance(part, str)]:
        case [*_, "say"] | [*_, "noise", "file"]:
            open_clip(str(path)).close()
        case [*_, "image"]:
            _open_image(path)
        case ["system"] | ["tools", *_]:
            _read_text(path)
        case _:  # of the simulator, which has read it
            pass


def _open_image(path: Path) -> None:
    try:
        load_extra("album")
    except ConfigError:
        return
    from flashlive_cli.video.album import read_image  # noqa: PLC0415 - OpenCV, for who shows something

    read_image(path)


def _read_text(path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise FileError(f"{path}: is not UTF-8 text") from exc
    except OSError as exc:
        raise FileError(f"{path}: cannot be read: {reason_of(exc)}") from exc
