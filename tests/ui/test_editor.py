"""A typed line: what each key makes of it, character by character as a reader counts them, and its window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.printable import printable
from flashlive_cli.ui.editor import MAX_CHARS, Cancelled, Line, Sent, edit
from flashlive_cli.ui.keys import Key, KeyParser

ONE = [
    "é", "e\u0301", "e\u0323\u0302", "日", "😀", "👍🏽", "👩\u200d💻", "👨\u200d👩\u200d👧\u200d👦", "❤\ufe0f",
    "1\ufe0f\u20e3", "🇩🇪", "🏴\U000e0067\U000e0062\U000e007f", "각", "\u1100\u1161\u11a8", "नि", "กี่",
]  # fmt: skip
"""Each is seen as one character."""

NAMES = [
    "left", "right", "up", "down", "home", "end", "backspace", "delete", "ctrl-left", "ctrl-right", "ctrl-a",
    "ctrl-e", "ctrl-u", "ctrl-k", "ctrl-w", "ctrl-d", "alt-b", "alt-backspace", "f1",
]  # fmt: skip


def at(marked: str, **more: object) -> Line:
    """A line with its cursor at the bar."""
    return Line(marked.replace("|", ""), marked.index("|"), **more)  # type: ignore[arg-type]  # tests name the fields


def after(line: Line, *names: str) -> Line:
    for name in names:
        edited = edit(line, Key(name))
        assert isinstance(edited, Line)
        line = edited
    return line


def marked(line: Line) -> str:
    return f"{line.text[: line.cursor]}|{line.text[line.cursor :]}"


def typed(data: bytes) -> Line | Sent | Cancelled:
    line: Line | Sent | Cancelled = Line()
    for key in KeyParser().feed(data, 0.0):
        assert isinstance(line, Line)
        assert isinstance(key, Key)
        line = edit(line, key)
    return line


@pytest.mark.parametrize(
    ("before", "name", "then"),
    [
        ("hel|lo", "left", "he|llo"), ("|hi", "left", "|hi"), ("hi|", "right", "hi|"), ("|hi", "right", "h|i"),
        ("one two|", "home", "|one two"), ("one| two", "ctrl-a", "|one two"), ("|one", "end", "one|"),
        ("|one", "ctrl-e", "one|"),
        ("one two|", "ctrl-left", "one |two"), ("one |two", "ctrl-left", "|one two"),
        ("one, |two", "alt-b", "|one, two"),
        ("one| two", "ctrl-right", "one two|"), ("|one two", "alt-f", "one| two"),
        ("hel|lo", "backspace", "he|lo"), ("|hi", "backspace", "|hi"), ("h|i", "delete", "h|"),
        ("hi|", "delete", "hi|"),
        ("one| two", "ctrl-u", "| two"), ("one| two", "ctrl-k", "one|"),
        ("say a-b  |x", "ctrl-w", "say |x"), ("|x", "ctrl-w", "|x"), ("say a-b|", "alt-backspace", "say a-|"),
        ("hi|", "f1", "hi|"), ("h|i", "ctrl-d", "h|"),
    ],
)  # fmt: skip
def test_a_key_changes_the_line(before: str, name: str, then: str) -> None:
    assert marked(after(at(before), name)) == then


@pytest.mark.parametrize("one", ONE)
def test_what_is_seen_as_one_character_goes_at_once(one: str) -> None:
    line = Line(f"a{one}b", 1 + len(one))

    assert marked(after(line, "backspace")) == "a|b"
    assert marked(after(line, "left")) == f"a|{one}b"
    assert marked(after(line, "left", "right")) == f"a{one}|b"
    assert marked(after(line, "left", "delete")) == "a|b"


def test_two_flags_are_two_characters() -> None:
    assert after(Line("🇩🇪🇫🇷", 4), "backspace").text == "🇩🇪"


def test_typing_inserts_at_the_cursor() -> None:
    assert typed("wörld\x1b[Hhello \x1b[F!".encode()) == Line("hello wörld!", 12)


def test_what_grows_together_keeps_the_cursor_behind_it() -> None:
    line = edit(at("a|\u0301b"), Key("e", "e"))

    assert isinstance(line, Line)
    assert line.cursor == 3


def test_enter_sends_what_is_there_and_an_empty_line_cancels() -> None:
    assert typed(b" hello \r") == Sent("hello")
    assert edit(Line(), Key("enter")) == Cancelled()
    assert edit(Line("  ", 2), Key("enter")) == Cancelled()
    assert edit(Line("text", 2), Key("esc")) == Cancelled()
    assert edit(Line(), Key("ctrl-d")) == Cancelled()


def test_a_release_changes_nothing() -> None:
    assert edit(Line("hi", 2), Key("enter", "", "release")) == Line("hi", 2)


def test_a_paste_becomes_one_harmless_line() -> None:
    assert typed(b"\x1b[200~one\r\ntwo\tthree\x1b[2J\x07\xe2\x80\xae\x1b[201~") == Line("one two three[2J", 16)


def test_a_line_does_not_grow_for_ever() -> None:
    line = edit(Line("x" * (MAX_CHARS - 2), 1), Key("paste", "abcdef"))

    assert isinstance(line, Line)
    assert line.text.startswith("xabx")
    assert len(line.text) == MAX_CHARS


def test_former_lines_come_back_and_the_draft_is_kept() -> None:
    line = Line("draft", 2, ("first", "second"))

    assert marked(after(line, "up")) == "second|"
    assert marked(after(line, "up", "up")) == "first|"
    assert marked(after(line, "up", "up", "up")) == "first|"
    assert marked(after(line, "up", "up", "down")) == "second|"
    assert after(line, "up", "up", "down", "down") == Line("draft", 5, ("first", "second"), None, "draft")
    assert after(line, "down") == line
    assert after(Line("x", 1), "up") == Line("x", 1)


def test_a_former_line_can_be_changed_and_sent() -> None:
    line = after(Line("", 0, ("stop", "go on")), "up", "up", "backspace")

    assert edit(line, Key("enter")) == Sent("sto")


TEXT = st.lists(st.one_of(st.sampled_from(ONE), st.sampled_from("ab 日"), st.characters()), max_size=30).map("".join)
KEYS = st.one_of(st.sampled_from(NAMES).map(Key), TEXT.map(lambda text: Key("paste", text)))


@given(st.lists(KEYS, max_size=15))
def test_whatever_is_typed_stays_printable_and_the_cursor_within_it(keys: list[Key]) -> None:
    line = Line(former=("früher", "\x1b[2J"))
    for key in keys:
        edited = edit(line, key)
        if not isinstance(edited, Line):
            continue
        line = edited
        assert printable(line.text) == line.text
        assert 0 <= line.cursor <= len(line.text)


@given(TEXT)
def test_walking_through_a_line_meets_the_same_places_both_ways(text: str) -> None:
    line = edit(Line(), Key("paste", text))
    assert isinstance(line, Line)
    back = [line]
    while back[-1].cursor:
        back.append(after(back[-1], "left"))
    forth = [back[-1]]
    while forth[-1].cursor < len(line.text):
        forth.append(after(forth[-1], "right"))

    assert forth == back[::-1]
