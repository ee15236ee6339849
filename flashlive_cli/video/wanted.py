"""What `--video` asks for, understood before anything is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.nearest import did_you_mean
from flashlive_cli.paths import expanded
from flashlive_cli.printable import printable

Kind = Literal["camera", "screen", "image", "folder", "film"]

IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""What OpenCV's own readers take; a GIF is a film to it."""
_DEVICES: Final[tuple[Literal["camera", "screen"], ...]] = ("camera", "screen")


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    A source of stills.

    Attributes:
        kind: what it is; a `film` is a video file.
        number: of a camera, from 0, or of a screen, from 1; screen 0 is all screens together.
        path: of a file or folder.
    """

    kind: Kind
    number: int = 0
    path: Path = Path()

    @property
    def name(self) -> str:
        """For people."""
        if self.kind in _DEVICES:
            return f"{self.kind} {self.number}" if self.kind == "camera" or self.number else "all screens"
        return str(self.path)


def find_wanted(value: str) -> Wanted:
    """
    Understand `camera`, `camera:N`, `screen`, `screen:N` or a path.

    Raises:
        ConfigError: it is neither.
        FileError: the path leads nowhere.
    """
    word, colon, number = value.partition(":")
    if word in _DEVICES:
        kind: Literal["camera", "screen"] = "camera" if word == "camera" else "screen"
        if not colon:
            return Wanted(kind, 0 if kind == "camera" else 1)
        if not (number.isascii() and number.isdigit() and len(number) <= 3):
            raise ConfigError(f"{value!r}: a {word} has a number, as in {word}:1")
        return Wanted(kind, int(number))
    try:
        path = expanded(value)
        is_folder, is_there = path.is_dir(), path.exists()
    except (OSError, ValueError) as exc:
        raise FileError(f"{value}: no such path") from exc
    if is_folder:
        return Wanted("folder", path=path)
    if is_there:
        return Wanted("image" if path.suffix.lower() in IMAGE_SUFFIXES else "film", path=path)
    hint = did_you_mean(word, _DEVICES, otherwise="; give camera, screen, or a file or folder")
    raise FileError(f"{value}: no such file{hint}")


def images_in(folder: Path) -> list[Path]:
    """
    Return the images of a folder, by name.

    Raises:
        FileError: it holds none, or cannot be read.
    """
    shown = printable(str(folder))
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as exc:
        raise FileError(f"{shown}: cannot be read: {reason_of(exc)}") from exc
    if not paths:
        raise FileError(f"{shown}: holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return paths


def no_such_screen(wanted: Wanted, n_screens: int) -> str:
    """Say that there are not so many screens."""
    known = f"there are {n_screens}, from 1" if n_screens > 1 else "there is one, screen:1"
    return f"{wanted.name}: no such screen; {known}"
