"""Files that only their owner may read: whatever holds a conversation."""

import contextlib
import os
import stat
import sys
from pathlib import Path

from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """
    Open a file for writing, creating it if need be, and make it readable by its owner only, also if it was there.

    Args:
        path: where.
        flags: of `os.open` beside `O_WRONLY` and `O_CREAT`: `os.O_TRUNC` or `os.O_APPEND`.

    Returns:
        A file descriptor, which is the caller's to close.

    Raises:
        OSError: it cannot be opened.
        ValueError: the path holds a null character.
    """
    flags |= os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    if sys.platform != "win32" and stat.S_ISREG(os.fstat(descriptor).st_mode):
        with contextlib.suppress(OSError):  # another owner's file, or a file system without modes
            os.fchmod(descriptor, 0o600)
    return descriptor


def save_private(path: Path, content: str | bytes, *, with_folder: bool = False) -> None:
    """
    Write a whole file that its owner may read; one that is there is overwritten.

    Args:
        path: where.
        content: text becomes UTF-8 without any change of its line ends; what is no character is spelled out.
        with_folder: make the folder, too, if it is missing.

    Raises:
        FileError: it cannot be written.
    """
    encoded = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        if with_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(open_private(path, os.O_TRUNC), "wb") as file:
            file.write(encoded)
    except (OSError, ValueError) as exc:
        raise FileError(printable(f"{path}: cannot be written: {reason_of(exc)}")) from exc
