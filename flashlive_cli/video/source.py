"""What can be looked at."""

from typing import TYPE_CHECKING, Any, Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.video.extra import load_extra
from flashlive_cli.video.wanted import Wanted

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Source(Protocol):
    """Something to look at; belongs to one thread, which may wait in it."""

    def look(self) -> "NDArray[Any]":
        """
        Return what is to be seen now: rows, columns, blue green red (alpha), 8 bits each. Good until the next look.

        Raises:
            DeviceError: there is nothing to be seen any more.
            FileError: the same of a file.
        """
        ...

    def close(self) -> None:
        """Let it go; may be called again."""
        ...


def load(wanted: Wanted) -> None:
    """
    Import what a source needs, which takes a fifth of a second.

    Raises:
        ConfigError: a package is missing, or broken.
    """
    load_extra("album", "capture", "stills", *(("screen",) if wanted.kind == "screen" else ()))


def open_source(wanted: Wanted, clock: Clock) -> Source:
    """
    Open a source, in the thread that is to look; may take a second.

    Args:
        wanted: which.
        clock: paces what runs on its own: films and folders.

    Raises:
        ConfigError: a package is missing, or broken.
        DeviceError: there is no such camera or screen, or it is taken.
        FileError: a file is no picture.
    """
    load(wanted)
    if wanted.kind == "screen":
        from flashlive_cli.video.screen import Screen  # noqa: PLC0415 - see `load`

        return Screen(wanted)
    if wanted.kind in {"image", "folder"}:
        from flashlive_cli.video.album import Album  # noqa: PLC0415 - see `load`

        return Album(wanted, clock)
    from flashlive_cli.video.capture import Capture  # noqa: PLC0415 - see `load`

    return Capture(wanted, clock)
