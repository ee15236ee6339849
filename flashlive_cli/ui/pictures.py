"""
A small picture in a terminal: by kitty's or iTerm2's graphics where the terminal has them, else by half blocks.

Half blocks are rows like others: each cell shows two pixels, one in the colour of the sign and one in that of the
ground. Graphics are laid over empty rows when these have been drawn: the cursor goes up, the picture is put there, and
the cursor comes back. kitty keeps a picture that it was given once, and is told with each drawing where it stands now;
iTerm2 draws one into its cells, which the next drawing wipes out, so it gets it again.

Sources: sw.kovidgoyal.net/kitty/graphics-protocol, iterm2.com/documentation-images.html.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from flashlive_cli.ui.acts import PictureShown

Graphics = Literal["kitty", "iterm", "blocks", "none"]

MOST_ROWS: Final = 8
LEAST_ROWS: Final = 3
_HALF_BLOCK: Final = "\u2580"
_CELL_HEIGHT: Final = 2
"""In widths of a cell, in most terminals."""
_KITTY_ID: Final = 1_815_099_767
"""Any number that no other program in the same terminal is likely to have taken."""
_KITTY_CHUNK: Final = 4096

_KITTYLIKE: Final = {"ghostty"}
_ITERMLIKE: Final = {"iTerm.app", "WezTerm", "mintty"}


def find_graphics(environment: Mapping[str, str], console: Console) -> Graphics:
    """
    Return how a terminal shows pictures.

    Args:
        environment: of the process. What a multiplexer lets through is not known: there it is half blocks.
        console: on the terminal.
    """
    unicode = console.options.encoding.lower().startswith("utf") and not console.legacy_windows
    if not unicode or console.no_color or console.color_system is None:
        return "none"
    terminal, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if terminal.startswith(("screen", "tmux")) or environment.keys() & {"TMUX", "STY", "ZELLIJ"}:
        return "blocks"
    if terminal in {"xterm-kitty", "xterm-ghostty"} or "KITTY_WINDOW_ID" in environment or program in _KITTYLIKE:
        return "kitty"
    if program in _ITERMLIKE or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return "blocks"


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a picture stands.

    Attributes:
        row: of the panel, from 0, of its top.
        column: of its left.
        columns: its width, in cells.
        rows: its height, in cells.
    """

    row: int
    column: int
    columns: int
    rows: int


def size_in_cells(picture: PictureShown, *, most_rows: int, most_columns: int) -> tuple[int, int]:
    """Return columns and rows that a picture takes, in its own proportions as far as cells allow it."""
    rows = min(most_rows, MOST_ROWS)
    columns = round(rows * _CELL_HEIGHT * picture.width / picture.height)
    if columns > most_columns:
        columns = most_columns
        rows = round(columns * picture.height / picture.width / _CELL_HEIGHT)
    return max(1, columns), max(1, min(rows, most_rows))


@lru_cache(maxsize=2)
def half_blocks(picture: PictureShown, columns: int, rows: int) -> tuple[tuple[Segment, ...], ...]:
    """Return a picture as rows of that many cells, a cell in from the left."""
    drawn = []
    for row in range(rows):
        cells = [Segment(" ")]
        for column in range(columns):
            top, bottom = (
                Color.from_rgb(*_colour(picture, column / columns, (2 * row + half) / (2 * rows), columns, 2 * rows))
                for half in (0, 1)
            )
            cells.append(Segment(_HALF_BLOCK, Style(color=top, bgcolor=bottom)))
        drawn.append(tuple(cells))
    return tuple(drawn)


def _colour(picture: PictureShown, left: float, top: float, n_across: int, n_down: int) -> tuple[int, int, int]:
    """Return the mean of four pixels of a part of a picture; the part begins at these shares of width and height."""
    red = green = blue = 0
    for right, down in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        x = min(picture.width - 1, int((left + right / n_across) * picture.width))
        y = min(picture.height - 1, int((top + down / n_down) * picture.height))
        at = 3 * (y * picture.width + x)
        red, green, blue = red + picture.rgb[at], green + picture.rgb[at + 1], blue + picture.rgb[at + 2]
    return red // 4, green // 4, blue // 4


class Overlay:
    """Lays pictures over a panel, by the terminal's graphics; belongs to the thread that draws."""

    def __init__(self, graphics: Graphics) -> None:
        """Use these graphics; half blocks and none need no overlay."""
        self._graphics = graphics
        self._given: PictureShown | None = None

    def over(self, picture: PictureShown | None, place: Place | None, n_rows: int) -> str:
        """
        Return what puts a picture over a panel that was just drawn, the cursor being at the end of its last row.

        Args:
            picture: what to show; None takes away what was shown.
            place: where; None the same.
            n_rows: of the panel.
        """
        if picture is None or place is None:
            return self.away()
        match self._graphics:
            case "kitty":
                given = "" if picture is self._given else _give_kitty(picture)
                self._given = picture
                put = f"\x1b_Ga=p,i={_KITTY_ID},p=1,c={place.columns},r={place.rows},C=1,q=2\x1b\\"
                return given + _at(place, n_rows, put)
            case "iterm":
                size = f"width={place.columns};height={place.rows};size={len(picture.jpeg)}"
                file = base64.b64encode(picture.jpeg).decode("ascii")
                return _at(place, n_rows, f"\x1b]1337;File=inline=1;preserveAspectRatio=0;{size}:{file}\x07")
            case _:
                return ""

    def away(self) -> str:
        """Return what takes the picture away."""
        if self._given is None:
            return ""
        self._given = None
        return f"\x1b_Ga=d,d=I,i={_KITTY_ID},q=2\x1b\\"


def _at(place: Place, n_rows: int, put: str) -> str:
    """Go there, do it, and come back."""
    n_up = n_rows - 1 - place.row
    up = f"\x1b[{n_up}A" if n_up else ""
    right = f"\x1b[{place.column}C" if place.column else ""
    return f"\x1b7\r{up}{right}{put}\x1b8"


def _give_kitty(picture: PictureShown) -> str:
    """Return what gives kitty a picture, in the pieces it wants, without showing it."""
    pixels = base64.b64encode(zlib.compress(picture.rgb, 1)).decode("ascii")
    pieces = [pixels[begins : begins + _KITTY_CHUNK] for begins in range(0, len(pixels), _KITTY_CHUNK)]
    head = f"a=t,f=24,o=z,s={picture.width},v={picture.height},i={_KITTY_ID},q=2,"
    return "".join(
        f"\x1b_G{'' if index else head}m={int(index < len(pieces) - 1)};{piece}\x1b\\"
        for index, piece in enumerate(pieces)
    )
