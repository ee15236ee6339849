"""
A screen, by mss: X11 on Linux, Quartz on macOS, GDI on Windows.

A screen of 4K has 33 MB, and Python holds its lock while mss copies them: 17 ms in which no sound is sent. So on X11 a
screen is taken strip by strip, with the lock given back in between; elsewhere one strip costs as much as the whole.
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import mss
import numpy as np
from mss.exception import ScreenShotError

from flashlive_cli.errors import DeviceError
from flashlive_cli.video.wanted import Wanted, no_such_screen

if TYPE_CHECKING:
    from mss.models import Monitor
    from numpy.typing import NDArray


STRIP_BYTES: Final = 2**21
"""Copied in a millisecond."""


class Screen:
    """One screen, or all of them as one; a `Source`."""

    def __init__(self, wanted: Wanted) -> None:
        """Find the screen; see `open_source`."""
        self._name = wanted.name
        self._display, screens = _open_display(wanted)
        if wanted.number >= len(screens):
            self.close()
            raise DeviceError(no_such_screen(wanted, len(screens) - 1))
        self._area = screens[wanted.number]
        self._frame: NDArray[Any] | None = None

    def look(self) -> "NDArray[Any]":
        """Return what the screen shows: blue, green, red, a byte that means nothing; the next look writes over it."""
        try:
            return self._grab_in_strips() if sys.platform == "linux" else self._grab(self._area)
        except (ScreenShotError, OSError, AssertionError, ValueError) as exc:  # mss asserts that there is an answer
            raise DeviceError(f"{self._name}: cannot be seen any more: {str(exc) or 'the display is gone'}") from exc

    def close(self) -> None:
        """Leave the display."""
        with contextlib.suppress(ScreenShotError):  # it is gone
            self._display.close()

    def _grab_in_strips(self) -> "NDArray[Any]":
        width, height, top = (int(self._area[key]) for key in ("width", "height", "top"))
        if self._frame is None:  # one for all: see `capture.py`
            self._frame = np.empty((height, width, 4), np.uint8)
        n_rows = max(1, STRIP_BYTES // (4 * width))
        for begins in range(0, height, n_rows):
            strip = {**self._area, "top": top + begins, "height": min(n_rows, height - begins)}
            self._frame[begins : begins + n_rows] = self._grab(strip)
        return self._frame

    def _grab(self, area: "Monitor") -> "NDArray[Any]":
        shot = self._display.grab(area)
        return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)


def count_screens(wanted: Wanted) -> int:
    """
    Return how many screens there are.

    Raises:
        DeviceError: no display can be seen, for which this one was `wanted`.
    """
    display, screens = _open_display(wanted)
    with contextlib.suppress(ScreenShotError):
        display.close()
    return len(screens) - 1


def _open_display(wanted: Wanted) -> "tuple[mss.MSS, list[Monitor]]":
    """Return the display with its screens, of which the first is all of them together."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        wayland = " (Wayland alone shows its screen to no such program)" if os.environ.get("WAYLAND_DISPLAY") else ""
        raise DeviceError(f"{wanted.name}: there is no display here: DISPLAY is not set{wayland}")
    try:
        display = mss.MSS()
        return display, list(display.monitors)
    except (ScreenShotError, OSError) as exc:
        raise DeviceError(f"{wanted.name}: the display {_display()} cannot be seen: {exc}") from exc


def _display() -> str:
    return os.environ.get("DISPLAY", "") if sys.platform == "linux" else ""
