"""What a stranger's text may do to a terminal: nothing."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.printable import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred", id="escape sequence"),
        pytest.param("\x1b]0;title\x07", r"\x1b]0;title\x07", id="window title"),
        pytest.param("\x9b2J\x85", r"\x9b2J\x85", id="C1 controls"),
        pytest.param("\x00\x08\x7f", r"\x00\x08\x7f", id="null, backspace, delete"),
        pytest.param("\u202eevil\u202c", r"\u202eevil\u202c", id="bidi override"),
        pytest.param("\u2066a\u2069\u200e\u061c", r"\u2066a\u2069\u200e\u061c", id="bidi isolates and marks"),
        pytest.param("a\u2028b\u2029c", r"a\u2028b\u2029c", id="separators"),
        pytest.param("file\udcff.wav", r"file\udcff.wav", id="undecodable file name"),
        pytest.param("\ud800", r"\ud800", id="lone surrogate"),
        pytest.param("a\tb\r\nc", "a b  c", id="tab and line ends"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text, shown) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["plain", "zażółć", "日本語 全角", "한국어", "e\u0301", "👩\u200d👩\u200d👧", "שלום", "a\\x1b", "\u00a0"]
)
def test_words_of_any_language_stay_as_they_are(text) -> None:
    assert printable(text) == text


def test_newlines_are_kept_on_request_and_nothing_else_is() -> None:
    assert printable("a\nb\r\n\tc\x1b", keep_newlines=True) == "a\nb \n c\\x1b"


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_one_line_that_any_utf8_terminal_can_show(text) -> None:
    shown = printable(text)

    shown.encode()
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(char) for char in shown} & {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"}
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_made_safe_without_changing_its_value(text) -> None:
    safe = printable_json(json.dumps({"text": text}, ensure_ascii=False))

    assert json.loads(safe) == {"text": text}
    assert printable(safe) == safe


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_indented_json_stays_json(text) -> None:
    """A word beyond ASCII once took the line ends with it."""
    safe = printable_json(json.dumps({"text": text, "more": ["zażółć"]}, ensure_ascii=False, indent=2))

    assert json.loads(safe) == {"text": text, "more": ["zażółć"]}
    assert printable(safe, keep_newlines=True) == safe
