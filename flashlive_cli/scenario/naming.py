"""Names of files, such as each run's evidence, that every system takes, and takes for different ones. Pure."""

import re
import zlib
from typing import Final

MOST_CHARS: Final = 100
"""Of a name. Windows refuses paths beyond 260, and these are folders within folders."""

_ELSE: Final = re.compile(r"[^\w.+-]+", re.ASCII)
_DEVICE: Final = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.ASCII | re.IGNORECASE)
"""No names of files on Windows, whatever follows a dot: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""


def slug(text: str) -> str:
    """Return a text as a name for a file: the same for the same text; a long one ends with a checksum of all of it."""
    name = _DEVICE.sub(r"\1_", _ELSE.sub("-", text).strip("-.") or "scenario")
    checksum = zlib.crc32(text.encode("utf-8", "surrogatepass"))  # names that are no UTF-8 have half characters
    return name if len(name) <= MOST_CHARS else _with_tail(name, f"-{checksum:08x}")


class Slugs:
    """Gives names for files, each of them once: also for systems to which `A` and `a` are the same."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, text: str) -> str:
        """Return the slug of a text; numbered, from 2 on, where that is given away."""
        name = slug(text)
        found, number = name, 1
        while found.casefold() in self._given:
            number += 1
            found = _with_tail(name, f"-{number}")
        self._given.add(found.casefold())
        return found


def _with_tail(name: str, tail: str) -> str:
    return name[: MOST_CHARS - len(tail)].rstrip("-.") + tail
