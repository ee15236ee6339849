"""
What is certain before anything is opened: that a source can never show anything, whatever happens later.

A camera may be plugged in, a display may come, a file may still be written: of these the talk tells, and tries again.
A text file will not become a film. What begins as images and films do is believed without a look, as a look takes
OpenCV, and with it a fifth of a second that the talk does not have to wait for.
"""

import codecs
import contextlib
import re
from pathlib import Path
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, DeviceError, FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.video.extra import load_extra
from flashlive_cli.video.wanted import Wanted, images_in, no_such_screen

_HEAD_BYTES: Final = 4096
_IN_TEXT: Final = frozenset("\t\n\f\r\x1b")
_IMAGES: Final = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP|BM|II\*\0|MM\0\*", re.DOTALL)
_FILMS: Final = re.compile(
    rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI |OggS|GIF8|FLV\x01|\x00\x00\x01[\xb3\xba]|\x30\x26\xb2\x75", re.DOTALL
)
"""MP4 and QuickTime, Matroska and WebM, AVI, Ogg, GIF, Flash, MPEG, Windows Media."""


def check_wanted(wanted: Wanted) -> None:
    """
    Refuse what can never be seen.

    Raises:
        ConfigError: there is a display, and it has no such screen.
        FileError: a file that is neither image nor film, or a folder without images.
    """
    match wanted.kind:
        case "folder":
            images_in(wanted.path)
        case "image" | "film":
            _check_file(wanted)
        case "screen" if wanted.number > 1:
            _check_screen(wanted)
        case "screen" | "camera":
            pass


def _check_file(wanted: Wanted) -> None:
    looks_right = _IMAGES if wanted.kind == "image" else _FILMS
    head = _head(wanted.path)
    if not head or looks_right.match(head):
        return
    if wanted.kind == "film" and _is_text(head):  # FFmpeg would show its letters as those of a terminal
        raise FileError(f"{printable(wanted.name)}: no video, but text")
    with contextlib.suppress(ConfigError):  # who has no OpenCV is told so in the talk
        load_extra("album", "capture")
        from flashlive_cli.video.album import read_image  # noqa: PLC0415 - OpenCV, for what is doubtful
        from flashlive_cli.video.capture import Capture  # noqa: PLC0415 - the same

        if wanted.kind == "image":
            read_image(wanted.path)
        else:
            Capture(wanted, Clock()).close()


def _head(path: Path) -> bytes:
    """Return how a file begins; nothing of what is no plain file: a device, or a pipe that is read once."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except (OSError, ValueError) as exc:
        raise FileError(f"{printable(str(path))}: cannot be read: {reason_of(exc)}") from exc


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in _IN_TEXT for char in text)


def _check_screen(wanted: Wanted) -> None:
    try:
        load_extra("screen")
        from flashlive_cli.video.screen import count_screens  # noqa: PLC0415 - mss, for who names a screen

        n_screens = count_screens(wanted)
    except (ConfigError, DeviceError):  # no mss, or no display now: told in the talk
        return
    if wanted.number > n_screens:
        raise ConfigError(no_such_screen(wanted, n_screens))
