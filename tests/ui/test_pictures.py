"""A small picture in a terminal, with and without graphics."""

import base64
import io
import re
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from flashlive_cli.ui.acts import PictureShown
from flashlive_cli.ui.panel import Panel
from flashlive_cli.ui.pictures import Overlay, Place, find_graphics, half_blocks, size_in_cells
from flashlive_cli.ui.signs import UNICODE
from flashlive_cli.ui.state import Pictures, State

RED, BLUE = bytes([200, 0, 0]), bytes([0, 0, 200])
FLAG = PictureShown(40, 20, (RED * 40) * 10 + (BLUE * 40) * 10, b"\xff\xd8 a jpeg")
"""Red above blue."""
TALK = State(link="open", model="m", pictures=Pictures(sent=3, tokens=192), preview=FLAG)


def console(colours: Any = "truecolor", *, encoding: str = "utf-8", **more) -> Console:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=stream, force_terminal=True, color_system=colours, **more)


@pytest.mark.parametrize(
    ("environment", "graphics"),
    [
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2", "TMUX": "/tmp/x"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_the_terminal_is_known_by_its_environment(environment: dict[str, str], graphics: str) -> None:
    assert find_graphics(environment, console()) == graphics


@pytest.mark.parametrize(
    "bare", [console(None), console(no_color=True), console(encoding="ascii"), console(legacy_windows=True)]
)
def test_without_colours_or_signs_there_is_no_picture(bare: Console) -> None:
    assert find_graphics({"TERM": "xterm-kitty"}, bare) == "none"


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 20), st.integers(1, 120))
def test_a_picture_takes_no_more_cells_than_there_are(
    width: int, height: int, most_rows: int, most_columns: int
) -> None:
    picture = PictureShown(width, height, bytes(3 * width * height), b"")

    columns, rows = size_in_cells(picture, most_rows=most_rows, most_columns=most_columns)

    assert 1 <= rows <= most_rows
    assert 1 <= columns <= most_columns


def test_half_blocks_have_two_pixels_a_cell() -> None:
    drawn = half_blocks(FLAG, 8, 3)

    assert ["".join(part.text for part in row) for row in drawn] == [" " + "▀" * 8] * 3
    styles = [row[1].style for row in drawn]
    colours = [(style.color.get_truecolor(), style.bgcolor.get_truecolor()) for style in styles]  # type: ignore[union-attr]  # each cell has both
    red, blue = (200, 0, 0), (0, 0, 200)
    assert colours == [(red, red), (red, blue), (blue, blue)]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 10))
def test_any_picture_can_be_drawn_in_any_size(width: int, height: int, columns: int, rows: int) -> None:
    picture = PictureShown(width, height, bytes(3 * width * height), b"")

    drawn = half_blocks(picture, columns, rows)

    assert [len(row) for row in drawn] == [columns + 1] * rows


def rows_of(state: State, graphics, *, width: int = 80, height: int = 30) -> tuple[list[str], Place | None]:
    panel = Panel(UNICODE, keys=("v", "q"), graphics=graphics)
    rows = panel.rows(state, None, 1.0, width=width, height=height)
    return ["".join(part.text for part in row) for row in rows], panel.picture_at


def test_the_panel_shows_what_was_last_sent_and_what_it_cost() -> None:
    rows, place = rows_of(TALK, "blocks")

    assert place is None
    assert sum("▀" in row for row in rows) == 8
    assert " 3 pictures for 192 tokens · no underruns" in rows
    assert rows[-1] == " v show · q quit"


def test_where_graphics_are_laid_over_it_the_panel_has_room_for_them() -> None:
    rows, place = rows_of(TALK, "kitty")

    assert place == Place(row=2, column=1, columns=32, rows=8)
    assert rows[2:10] == [""] * 8
    assert not any("▀" in row for row in rows)


def test_without_graphics_it_says_the_same_without_a_picture() -> None:
    rows, place = rows_of(TALK, "none")

    assert place is None
    assert rows[1:] == [" 3 pictures for 192 tokens · no underruns", " v show · q quit"]


@pytest.mark.parametrize("height", range(1, 40))
@pytest.mark.parametrize("graphics", ["blocks", "kitty"])
def test_it_never_takes_more_rows_than_there_are_nor_room_from_the_rest(graphics, height: int) -> None:
    rows, place = rows_of(TALK, graphics, height=height)

    assert len(rows) <= max(1, height - 1)
    if place is not None:
        assert place.row + place.rows <= len(rows)
    without, _ = rows_of(replace(TALK, preview=None), graphics, height=height)
    assert [row for row in rows if row and "▀" not in row] == [row for row in without if row]


@pytest.mark.parametrize("width", [1, 2, 3, 10, 20, 200])
def test_it_keeps_within_the_width(width: int) -> None:
    for row in rows_of(TALK, "blocks", width=width)[0]:
        assert len(row) <= width - 1 or width == 1


def test_help_takes_its_place() -> None:
    rows, place = rows_of(replace(TALK, help=True), "kitty")

    assert place is None
    assert any("show the model one picture" in row for row in rows)


def test_nothing_to_be_seen_is_said() -> None:
    rows, _ = rows_of(replace(TALK, pictures=Pictures(sent=1, lost=True)), "none")

    assert " 1 picture, nothing to be seen · no underruns" in rows


PLACE = Place(row=2, column=1, columns=32, rows=8)


def test_kitty_gets_a_picture_once_and_is_told_where_it_stands_with_each_drawing() -> None:
    overlay = Overlay("kitty")

    first, second = overlay.over(FLAG, PLACE, 12), overlay.over(FLAG, replace(PLACE, row=3), 12)

    pieces = re.findall(r"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\", first)
    assert zlib.decompress(base64.b64decode("".join(data for _, data in pieces))) == FLAG.rgb
    assert "s=40,v=20" in pieces[0][0]
    assert pieces[-1][0].endswith("m=0")
    assert first.endswith("\x1b7\r\x1b[9A\x1b[1C\x1b_Ga=p,i=1815099767,p=1,c=32,r=8,C=1,q=2\x1b\\\x1b8")
    assert second == "\x1b7\r\x1b[8A\x1b[1C\x1b_Ga=p,i=1815099767,p=1,c=32,r=8,C=1,q=2\x1b\\\x1b8"
    assert overlay.over(None, None, 12) == "\x1b_Ga=d,d=I,i=1815099767,q=2\x1b\\"
    assert overlay.over(None, None, 12) == ""


def test_a_large_picture_comes_to_kitty_in_pieces_of_4_kb() -> None:
    import random

    noise = PictureShown(100, 50, random.Random(1).randbytes(15_000), b"")
    given = Overlay("kitty").over(noise, PLACE, 12)

    pieces = re.findall(r"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\", given)
    assert len(pieces) > 1
    assert all(len(data) <= 4096 for _, data in pieces)
    assert [head[-3:] for head, _ in pieces] == ["m=1"] * (len(pieces) - 1) + ["m=0"]
    assert zlib.decompress(base64.b64decode("".join(data for _, data in pieces))) == noise.rgb


def test_iterm_gets_the_file_with_each_drawing() -> None:
    overlay = Overlay("iterm")
    told = [overlay.over(FLAG, PLACE, 12) for _ in range(2)]

    assert told[0] == told[1]
    found = re.fullmatch(r"\x1b7\r\x1b\[9A\x1b\[1C\x1b\]1337;File=inline=1;(.*):(.*)\x07\x1b8", told[0])
    assert found is not None
    assert "width=32;height=8" in found[1]
    assert base64.b64decode(found[2]) == FLAG.jpeg
    assert overlay.away() == ""


@pytest.mark.parametrize("graphics", ["blocks", "none"])
def test_half_blocks_need_nothing_laid_over_them(graphics) -> None:
    assert Overlay(graphics).over(FLAG, PLACE, 12) == ""
