"""
Text made to fit: measured in cells, escaped, wrapped by words, cut.

Terminals disagree on emoji that are joined (U+200D): some draw one picture of two cells, some each of its parts. Here
they count as wide as the widest terminal draws them, so that no line is ever wider than it was thought to be.
"""

import re
from collections.abc import Iterator
from typing import Final

from rich.cells import get_character_cell_size

from flashlive_cli.printable import printable

_WORD: Final = re.compile("[^ \u3000]*?[^ \u3000(]\\((?=[^ \u3000)])|[^ \u3000]+")  # f(x) may be broken before the x
_JOINER: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
_SOFT_HYPHEN: Final = "\xad"
_SKIN_TONES: Final = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_KEPT_BEFORE: Final = frozenset("、。，．・：；！？」』）】〕》〉ー々…")  # noqa: RUF001 - wide on purpose
"""Signs that begin no line of Chinese or Japanese."""


def safe(text: str) -> str:
    """Return the text with all that could steer a terminal escaped; what is safe stays as it is."""
    return text if text.isprintable() else printable(text)


def cells(text: str) -> int:
    """Return how many cells the text takes at most, on whatever terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_char_cells, text))


def _char_cells(char: str) -> int:
    if char in {_EMOJI_STYLE, _SOFT_HYPHEN}:  # the one may widen the sign before it, the other is drawn by some
        return 1
    if char in _SKIN_TONES:  # a sign of its own on terminals that cannot join it
        return 2
    return get_character_cell_size(char)


def fit(text: str, width: int, more: str = "…") -> str:
    """Return as much of the text's beginning as fits, ending in `more` where it is cut."""
    if cells(text) <= width:
        return text
    room = width - cells(more)
    if room < 0:
        return ""
    end = used = 0
    for start, stop, size in _clusters(text, 0, len(text)):
        used += size
        if used > room:
            end = start
            break
        end = stop
    return text[:end] + more


def fit_end(text: str, width: int) -> str:
    """Return as much of the text's end as fits."""
    if text.isascii():
        return text[max(0, len(text) - max(0, width)) :]
    start, used = len(text), 0
    for begin, _, size in reversed(list(_clusters(text, 0, len(text)))):
        used += size
        if used > width:
            break
        start = begin
    return text[start:]


def first_sign(text: str) -> str:
    """Return what is drawn as one sign at the text's beginning; nothing where there is none."""
    return next((text[:stop] for _, stop, _ in _clusters(text, 0, len(text))), "")


def wrap(text: str, width: int) -> list[str]:
    """Break the text into lines between words, or within a word that is longer than a line; at least one line."""
    return [text[start:end] for start, end in spans(text, width)]


def spans(text: str, width: int) -> list[tuple[int, int]]:
    """Return where each line begins and ends when the text is wrapped."""
    return list(_lines(text, 0, max(2, width)))


class Wrapped:
    """
    A text that grows at its end, escaped and wrapped as it grows, at the cost of what is new.

    Args of the constructor:
        encoding: of the terminal, where that is not UTF-8: what it lacks is escaped; None where it has all.
    """

    def __init__(self, encoding: str | None = None) -> None:
        self._encoding = encoding
        self._raw = ""
        self._text = ""
        self._width = 0
        self._lines: list[tuple[int, int]] = [(0, 0)]

    def lines(self, raw: str, width: int) -> list[str]:
        """Return the lines of the text, which is mostly the one of last time and some more."""
        width = max(2, width)
        grown = raw.startswith(self._raw)
        if not grown:
            self._text, self._raw = "", ""
        self._text += encodable(safe(raw[len(self._raw) :]), self._encoding)
        if grown and width == self._width:
            # a line that has another one after it is full: it stays
            self._lines[-1:] = _lines(self._text, self._lines[-1][0], width)
        else:
            self._lines = list(_lines(self._text, 0, width))
        self._raw, self._width = raw, width
        return [self._text[start:end] for start, end in self._lines]


def encodable(text: str, encoding: str | None) -> str:
    r"""Escape what a terminal of that encoding cannot show (`\u4f60`); None is one that can show all."""
    if encoding is None or text.isascii():
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _lines(text: str, begin: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield where each line begins and ends; spaces at a break belong to neither."""
    start = end = begin
    used = -1  # nothing on the line yet
    for word in _WORD.finditer(text, begin):
        for first, last, size in _pieces(text, word.start(), word.end(), width):
            with_gap = used + cells(text[end:first]) + size
            if used >= 0 and with_gap <= width:
                end, used = last, with_gap
                continue
            if used >= 0:
                yield start, end
            start, end, used = first, last, size
    yield (start, end) if used >= 0 else (begin, begin)


def _pieces(text: str, begin: int, end: int, width: int) -> Iterator[tuple[int, int, int]]:
    """Yield the parts of a word that a line must not be broken in, each with its cells: none is wider than a line."""
    if text.isascii() and end - begin <= width:
        yield begin, end, end - begin
        return
    start, used, breakable = begin, 0, False
    for first, last, size in _clusters(text, begin, end):
        breaks = (breakable or size > 1) and first > start and text[first] not in _KEPT_BEFORE
        if breaks or used + size > width:
            if first > start:
                yield start, first, used
            start, used = first, 0
        if size > width:  # a family of emoji on a terminal as narrow as that
            for index in range(first, last):
                yield index, index + 1, _char_cells(text[index])
            start = last
            continue
        used += size
        breakable = size > 1
    if start < end:
        yield start, end, used


def _clusters(text: str, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield what is drawn as one sign: where it begins and ends, and its cells."""
    start, used = begin, 0
    for index in range(begin, end):
        char = text[index]
        size = _char_cells(char)
        joined = size == 0 or char == _EMOJI_STYLE or char in _SKIN_TONES
        if index > start and not joined and text[index - 1] != _JOINER:
            yield start, index, used
            start, used = index, 0
        used += size
    if start < end:
        yield start, end, used
