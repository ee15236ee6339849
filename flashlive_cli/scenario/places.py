"""
On which line each key of a TOML text stands. Pure.

`tomllib` says what a text means and not where; a complaint about a scenario should name the line. This finds
headers and keys of a text that `tomllib` has already taken, so it need not judge what it reads.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Final

Place = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and numbers in arrays, from 0."""

_WORD: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'{3}.*?\'{3,5}'  # texts of several lines
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''  # texts of one
    r"|#[^\n]*|\n|[\[\]{}=,.]|[^\s\[\]{}=,.#\"']+",
    re.DOTALL,
)


class Places:
    """The lines of one text; lines count from 1."""

    def __init__(self, text: str) -> None:
        """Look through a text that is TOML."""
        self._lines: dict[Place, int] = {(): 1}
        for place, line in _find(text):
            self._lines.setdefault(place, line)

    def __contains__(self, place: Place) -> bool:
        """Whether a key or table is written at this place."""
        return place in self._lines

    def line_of(self, place: Place) -> int:
        """Return the line of a key or table; of what holds it, where it has none of its own."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]


def _find(text: str) -> Iterator[tuple[Place, int]]:
    lines = _Lines(text)
    counts: dict[Place, int] = {}
    table: Place = ()
    for words, number in lines.statements():
        if words[0] == "[":
            is_array = words[1:2] == ["["]
            named = _inside(_key(words, "]"), counts)
            if is_array:
                counts[named] = counts.get(named, -1) + 1
                named = (*named, counts[named])
            table = named
            for depth in range(1, len(table) + 1):
                yield table[:depth], number
            continue
        key = (*table, *_key(words, "="))
        for depth in range(len(table) + 1, len(key) + 1):
            yield key[:depth], number
        yield from _within(key, lines.value)


def _key(words: list[str], until: str) -> Place:
    names = [word for word in words[: words.index(until)] if word not in "[."]
    return tuple(_unquoted(name) for name in names)


def _unquoted(name: str) -> str:
    return str(tomllib.loads(f"x = {name}")["x"]) if name[0] in "\"'" else name


def _inside(named: Place, counts: dict[Place, int]) -> Place:
    """Say which element of an array of tables is meant by its name: the latest."""
    whole: Place = ()
    for depth, name in enumerate(named, 1):
        whole = (*whole, name)
        if depth < len(named) and whole in counts:
            whole = (*whole, counts[whole])
    return whole


def _within(key: Place, words: list[tuple[str, int]]) -> Iterator[tuple[Place, int]]:
    """Find elements of arrays and keys of inline tables, in the words of a value."""
    place = key
    stack: list[tuple[Place, bool]] = []  # where we are, and whether that is an array
    counts: list[int] = []
    name: list[str] = []
    naming = False
    for word, line in words:
        if word in "[{":
            if stack and stack[-1][1]:
                yield place, line
            stack.append((place, word == "["))
            counts.append(0)
            naming = word == "{"
            name = []
            if word == "[":
                place = (*place, 0)
        elif word in "]}":
            place, _ = stack.pop()
            counts.pop()
            naming = False
        elif word == "," and stack:
            outer, is_array = stack[-1]
            counts[-1] += 1
            naming = not is_array
            name = []
            if is_array:
                place = (*outer, counts[-1])
        elif word == "=" and naming and stack:
            place = (*stack[-1][0], *(_unquoted(part) for part in name))
            naming = False
            yield place, line
        elif naming and word != ".":
            name.append(word)
        elif stack and stack[-1][1]:
            yield place, line


class _Lines:
    """
    Statements of a text: a header, or a key with its value.

    Attributes:
        value: words of the latest statement's value, each with its line.
    """

    def __init__(self, text: str) -> None:
        self.value: list[tuple[str, int]] = []
        self._text = text

    def statements(self) -> Iterator[tuple[list[str], int]]:
        """Yield the words of each statement, and the line on which it begins."""
        statement: list[tuple[str, int]] = []
        depth, line = 0, 1
        for found in _WORD.finditer(self._text):
            word = found[0]
            if word == "\n":
                line += 1
                if not depth and statement:
                    yield self._told(statement)
                    statement = []
                continue
            if word.startswith("#"):
                continue
            statement.append((word, line))
            line += word.count("\n")
            depth += (word in "[{") - (word in "]}")
        if statement:
            yield self._told(statement)

    def _told(self, statement: list[tuple[str, int]]) -> tuple[list[str], int]:
        words = [word for word, _ in statement]
        self.value = statement[words.index("=") + 1 :] if "=" in words else []
        return words, statement[0][1]
