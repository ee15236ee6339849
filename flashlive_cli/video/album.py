"""Images on the disk: one that is looked at again when it changes, or a folder's, a second each."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.video.quiet import opencv_silent
from flashlive_cli.video.wanted import Wanted, images_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE_S: Final = 1.0
"""Conversation seconds for which an image of a folder is looked at."""
LARGEST_FILE_BYTES: Final = 100 * 2**20


class Album:
    """
    One image, or those of a folder by name, each for `PAGE_S`, and again from the first; a `Source`.

    A folder is read anew each time round, an image when its file has changed: another program may write it.
    """

    def __init__(self, wanted: Wanted, clock: Clock) -> None:
        """Look for the images; see `open_source`."""
        self._folder = wanted.path if wanted.kind == "folder" else None
        self._clock = clock
        self._began_s = clock.now()
        self._paths = [wanted.path] if self._folder is None else images_in(self._folder)
        self._round = 0
        self._seen: tuple[Path, tuple[int, int], NDArray[Any]] | None = None

    def look(self) -> "NDArray[Any]":
        """Return the image whose time it is."""
        page = int((self._clock.now() - self._began_s) / PAGE_S)
        if self._folder is not None and page // len(self._paths) != self._round:
            self._paths = images_in(self._folder)
            self._round = page // len(self._paths)
        path = self._paths[page % len(self._paths)]
        state = _state_of(path)
        if self._seen is None or self._seen[:2] != (path, state):
            self._seen = (path, state, read_image(path))
        return self._seen[2]

    def close(self) -> None:
        """Forget the image."""
        self._seen = None


def read_image(path: Path) -> "NDArray[Any]":
    """
    Read an image file, turned as its camera says.

    Raises:
        FileError: it cannot be read, or is no image, or one of more pixels than there is memory for.
    """
    shown = printable(str(path))
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise FileError(f"{shown}: larger than {LARGEST_FILE_BYTES // 2**20} MB")
        frame = _decoded(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise FileError(f"{shown}: cannot be read: {reason_of(exc)}") from exc
    except MemoryError as exc:
        raise FileError(f"{shown}: too large for the memory there is") from exc
    if frame is None:
        raise FileError(f"{shown}: no image that can be read (PNG, JPEG, WebP, BMP, TIFF)")
    return frame


def _decoded(encoded: bytes) -> "NDArray[Any] | None":
    if not encoded:
        return None
    # read from memory: by their names OpenCV finds no files on Windows that are named beyond ASCII
    with opencv_silent(), contextlib.suppress(cv2.error):  # its word for more pixels than it takes
        return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return None


def _state_of(path: Path) -> tuple[int, int]:
    """Return what tells that a file has changed."""
    try:
        found = path.stat()
    except (OSError, ValueError) as exc:
        raise FileError(f"{printable(str(path))}: cannot be read: {reason_of(exc)}") from exc
    return found.st_mtime_ns, found.st_size
