"""On which line each key of a TOML text stands."""

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.scenario.places import Place, Places

BARE = re.compile(r"[A-Za-z0-9_-]+")

KEYS = st.one_of(
    st.sampled_from(["a", "turn", "x-1", "17", "_"]),
    st.text(st.sampled_from("ab.=#[]{},'\" \\"), min_size=0, max_size=4),
)
SCALARS = st.one_of(
    st.integers(-99, 99),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
    st.text(st.sampled_from("ab\n\"'#=[]{},.\\\té"), max_size=8),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=5)


class Writer:
    """Writes a table as TOML in a style that is drawn, and notes on which line each place comes to stand."""

    def __init__(self, draw: Any) -> None:
        self.text = ""
        self.lines: dict[Place, int] = {}
        self._draw = draw

    def whole(self, table, place=()) -> None:
        """Write what stands in a line of its own, then the tables with headers."""
        with_header = {}
        for key, value in table.items():
            tables = value if isinstance(value, list) else [value]
            if tables and all(isinstance(each, dict) for each in tables) and self._draw(st.booleans()):
                with_header[key] = value
            else:
                self.pair(place, key, value)
        for key, value in with_header.items():
            inner = (*place, key)
            for index, each in enumerate(value if isinstance(value, list) else [value]):
                self.between()
                at = (*inner, index) if isinstance(value, list) else inner
                names = ".".join(self.spelled(part) for part in inner if isinstance(part, str))
                self.lines.setdefault(inner, self.line)
                self.lines[at] = self.line
                self.text += f"[[{names}]]" if isinstance(value, list) else f"[ {names} ]"
                self.end()
                self.whole(each, at)

    def pair(self, place, key, value) -> None:
        """Write `key = value`; of a table with one key maybe `key.inner = value`."""
        self.between()
        names, at = [key], (*place, key)
        self.lines[at] = self.line
        while isinstance(value, dict) and len(value) == 1 and self._draw(st.booleans()):
            ((inner, value),) = value.items()
            names.append(inner)
            at = (*at, inner)
            self.lines[at] = self.line
        self.text += self._draw(st.sampled_from([".", " . "])).join(map(self.spelled, names)) + " = "
        self.value(value, at)
        self.end()

    def value(self, value, place) -> None:
        if isinstance(value, list):
            self.text += "["
            for index, each in enumerate(value):
                self.text += self._draw(st.sampled_from(["", " ", "\n", "\n  # [ { , = ] }\n"]))
                self.lines[(*place, index)] = self.line
                self.value(each, (*place, index))
                self.text += "," if index + 1 < len(value) or self._draw(st.booleans()) else ""
            self.text += self._draw(st.sampled_from(["", "\n"])) + "]"
        elif isinstance(value, dict):
            self.text += "{"
            for index, (key, each) in enumerate(value.items()):
                self.text += ", " if index else " "
                self.lines[(*place, key)] = self.line
                self.text += f"{self.spelled(key)} = "
                self.value(each, (*place, key))
            self.text += " }"
        elif isinstance(value, str):
            self.text += self.string(value)
        else:
            self.text += json.dumps(value)

    def string(self, text) -> str:
        plain = "'" not in text and "\n" not in text
        styles = ["basic", "long", *(["literal"] if plain else []), *(["long literal"] if "'" not in text else [])]
        match self._draw(st.sampled_from(styles)):
            case "literal":
                return f"'{text}'"
            case "long literal":
                return f"'''\n{text}'''"
            case "long":
                return '"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'
            case _:
                return json.dumps(text)

    def spelled(self, key) -> str:
        bare = BARE.fullmatch(key) is not None and self._draw(st.booleans())
        return key if bare else json.dumps(key)

    def between(self) -> None:
        self.text += self._draw(st.sampled_from(["", "\n", "# a = 1\n", '  # [x] """\n\n', "\t"]))

    def end(self) -> None:
        self.text += self._draw(st.sampled_from(["\n", "  # b = [\n"]))

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1


@given(st.data(), TABLES)
def test_every_key_of_every_text_is_found_on_its_line(data, table):
    writer = Writer(data.draw)
    writer.whole(table)
    assert tomllib.loads(writer.text) == table, "the test writes what it means to"

    places = Places(writer.text)

    assert {place: places.line_of(place) for place in writer.lines} == writer.lines


def test_what_has_no_line_of_its_own_stands_where_that_which_holds_it_does():
    places = Places("a = 1\n[t]\nb = { c = 1 }\n[[u]]\n[[u]]\nd = [\n  1,\n  2,\n]\n")

    assert places.line_of(("t", "b", "c", "deeper", 3)) == 3
    assert places.line_of(("t", "nowhere")) == 2
    assert places.line_of(("u", 1, "nowhere")) == 5
    assert places.line_of(("u", 1, "d", 1)) == 8
    assert places.line_of(("nowhere",)) == 1


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("\n[a.b.c]\nd = 1\n", ("a",), 2),
        ("\n[a.b.c]\nd = 1\n", ("a", "b"), 2),
        ("\nx = [\n{ a.b = 1 },\n]\n", ("x", 0, "a"), 3),
        ("\nx = [\n[1],\n[2, { y = 3 }],\n]\n", ("x", 1, 1, "y"), 4),
        ("[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]\nc = 1\n", ("a", 1, "b", 0, "c"), 6),
        ("[[a]]\n[a.b]\n[[a]]\n\n[a.b]\nc = 1\n", ("a", 1, "b", "c"), 6),
        ('a = """\n\n"""\nb = 1', ("b",), 4),
        ('a = """x\\"""" # "\nb = 1', ("b",), 2),
        ("a = '''\n'' '''\nb = 1", ("b",), 3),
        ("a = 1979-05-27 07:32:00\nb = +1.5e3\nc = 0x1F", ("c",), 3),
    ],
)
def test_the_corners_of_toml(text, place, line):
    tomllib.loads(text)
    assert Places(text).line_of(place) == line
