"""Lines with pictures in them: `what is this? @cat.png`."""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flashlive_cli.cli.eyes import show_preview
from flashlive_cli.cli.screen import Screen
from flashlive_cli.errors import FlashliveError
from flashlive_cli.paths import expanded
from flashlive_cli.printable import printable
from flashlive_cli.session.wishes import Say, Wish
from flashlive_cli.video.wanted import IMAGE_SUFFIXES

if TYPE_CHECKING:
    import asyncio

    from flashlive_cli.video.still import Still

_SUFFIXES: Final = "|".join(suffix[1:] for suffix in sorted(IMAGE_SUFFIXES))
_NAMED: Final = re.compile(rf'(?<!\S)@(?:"([^"]+)"|(\S+?\.(?:{_SUFFIXES}))(?=[.,;:!?)\]]*(?:\s|$)))', re.IGNORECASE)
"""An `@` at the beginning of a word, and a file name with an image's ending, or one in quotes."""


def names_pictures(text: str) -> bool:
    """Whether a line has pictures in it."""
    return _NAMED.search(text) is not None


@dataclass(frozen=True, slots=True)
class Pictured:
    """
    A line with its pictures.

    Attributes:
        text: what is said: the names of the files stay in it, without their folders.
        pictures: in the order of the line.
    """

    text: str
    pictures: "tuple[Still, ...]"


def read_pictures(text: str, *, with_previews: bool = False) -> Pictured:
    """
    Read the pictures of a line, in any thread; takes some 50 ms each, and loads OpenCV.

    Raises:
        ConfigError: OpenCV is not installed, or broken.
        FileError: one cannot be read, or is no picture.
        DeviceError: there is no memory for it.
    """
    from flashlive_cli.video.extra import load_extra  # noqa: PLC0415 - for who sends pictures

    load_extra("album", "stills")
    from flashlive_cli.video.album import read_image  # noqa: PLC0415 - the same
    from flashlive_cli.video.stills import make_still  # noqa: PLC0415 - the same

    paths = [expanded(found[1] or found[2]) for found in _NAMED.finditer(text)]
    pictures = tuple(make_still(read_image(path), with_preview=with_previews) for path in paths)
    return Pictured(_NAMED.sub(lambda found: Path(found[1] or found[2]).name, text), pictures)


class Lines:
    """
    Takes a talk's wishes, and has the pictures of typed lines read before they are said; belongs to the event loop.

    Lines are said in the order in which they were typed; one whose pictures cannot be read is not, and the user is
    told why.
    """

    def __init__(self, wish: Callable[[Wish], None], screen: Screen) -> None:
        """Pass wishes on by `wish`."""
        self._wish = wish
        self._screen = screen
        self._waiting: deque[Say | asyncio.Future[Pictured]] = deque()

    def take(self, wish: Wish) -> None:
        """Take a wish; all but lines are passed on at once."""
        if not isinstance(wish, Say):
            self._wish(wish)
        elif names_pictures(wish.text):
            from flashlive_cli.inthread import begin  # noqa: PLC0415 - for who sends pictures

            text, shows = wish.text, self._screen.panel is not None
            reading = begin(lambda: read_pictures(text, with_previews=shows), name="pictures")
            self._waiting.append(reading)
            reading.add_done_callback(lambda _: self._pass_on())
        else:
            self._waiting.append(wish)
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if not isinstance(first, Say) and not first.done():
                return
            self._waiting.popleft()
            if isinstance(first, Say):
                self._wish(first)
            elif not first.cancelled():
                self._say(first)

    def _say(self, reading: "asyncio.Future[Pictured]") -> None:
        try:
            line = reading.result()
        except FlashliveError as failure:
            self._not_said(str(failure))
            return
        except Exception as exc:  # noqa: BLE001 - OpenCV's own; the lines behind this one are said
            self._not_said(f"its pictures could not be read: {type(exc).__name__}: {exc}")
            return
        for still in line.pictures[-1:]:
            show_preview(still, self._screen)
        self._wish(Say(line.text, line.pictures))

    def _not_said(self, why: str) -> None:
        self._screen.warn(f"{printable(why)}; the line was not sent")
