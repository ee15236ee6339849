"""Bytes of terminals in, keys out: every spelling, in any pieces, and nothing typed that nobody typed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.ui.keys import ESC_S, MAX_PASTE_BYTES, PASTE_S, SEQUENCE_S, Answered, Key, KeyParser

SEQUENCES = [
    b"\x1b", b"\x1b[A", b"\x1bOA", b"\x1b[1;5D", b"\x1b[3~", b"\x1b[200~a\r\n\x1b[Ab\x1b[201~", b"\x1b[97;1:3u",
    b"\x1b[?1u", b"\x1b[?62;22c", b"\x1b]11;rgb:00/00/00\x07", b"\x1bP1$r0m\x1b\\", b"\x1b[M !!", b"\x1b[[A",
    b"\x1b[7$", b"\x1b[?2026;2$y", b"\xf0\x9f\x98\x80", b"e\xcc\x81", b"\xff", b"\xc3", b"a", b" ", b"\r", b"\x7f",
    b"\x03",
]  # fmt: skip
TYPED = st.lists(st.one_of(st.sampled_from(SEQUENCES), st.binary(max_size=6)), max_size=12).map(b"".join)


def keys(data: bytes) -> list[Key | Answered]:
    """All that the bytes come to, after a long silence."""
    parser = KeyParser()
    return [*parser.feed(data, 0.0), *parser.flush(100.0)]


def due(parser: KeyParser) -> float | None:
    return parser.pending_until


def names(data: bytes) -> list[str]:
    return [key.name for key in keys(data) if isinstance(key, Key)]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        # xterm, application mode, rxvt, linux console, vt220
        (b"\x1b[A", "up"), (b"\x1bOA", "up"), (b"\x1b[B", "down"), (b"\x1bOB", "down"),
        (b"\x1b[C", "right"), (b"\x1bOC", "right"), (b"\x1b[D", "left"), (b"\x1bOD", "left"),
        (b"\x1b[H", "home"), (b"\x1bOH", "home"), (b"\x1b[1~", "home"), (b"\x1b[7~", "home"),
        (b"\x1b[F", "end"), (b"\x1bOF", "end"), (b"\x1b[4~", "end"), (b"\x1b[8~", "end"),
        (b"\x1b[3~", "delete"), (b"\x1b[2~", "insert"), (b"\x1b[5~", "pageup"), (b"\x1b[6~", "pagedown"),
        (b"\x1bOP", "f1"), (b"\x1b[11~", "f1"), (b"\x1b[24~", "f12"), (b"\x1b[Z", "shift-tab"),
        (b"\x1b[1;5D", "ctrl-left"), (b"\x1bO1;5D", "ctrl-left"), (b"\x1bO5D", "ctrl-left"), (b"\x1bOd", "ctrl-left"),
        (b"\x1b[d", "shift-left"), (b"\x1b[1;2D", "shift-left"), (b"\x1b[1;3D", "alt-left"),
        (b"\x1b\x1b[D", "alt-left"),
        (b"\x1b[1;8D", "ctrl-alt-shift-left"), (b"\x1b[3;5~", "ctrl-delete"), (b"\x1b[3^", "ctrl-delete"),
        (b"\x1b[7$", "shift-home"), (b"\x1b[7@", "ctrl-shift-home"), (b"\x1b[1;9A", "super-up"),
        (b"\x1bb", "alt-b"), (b"\x1b\x7f", "alt-backspace"), (b"\x1b\r", "alt-enter"), (b"\x1b\xc3\xa4", "alt-ä"),
        (b"\x1b\x02", "ctrl-alt-b"), (b"\x15", "ctrl-u"), (b"\x00", "ctrl-space"), (b"\x1c", "ctrl-\\"),
        (b"\r", "enter"), (b"\n", "enter"), (b"\t", "tab"), (b"\x7f", "backspace"), (b"\x08", "backspace"),
        (b"\x1b", "esc"), (b"\x1b[", "alt-["), (b"\x1bO", "alt-O"), (b"\x1b]", "alt-]"), (b"\x1bOM", "enter"),
        # kitty, and xterm's modifyOtherKeys
        (b"\x1b[27u", "esc"), (b"\x1b[13;2u", "shift-enter"), (b"\x1b[127;5u", "ctrl-backspace"),
        (b"\x1b[9;2u", "shift-tab"),
        (b"\x1b[99;5u", "ctrl-c"), (b"\x1b[27;5;99~", "ctrl-c"), (b"\x1b[99;133u", "ctrl-c"),
        (b"\x1b[99;6u", "ctrl-shift-c"),
        (b"\x1b[1089::99;5u", "ctrl-c"), (b"\x1b[32;5u", "ctrl-space"), (b"\x1b[57417u", "left"),
        (b"\x1b[57414;5u", "ctrl-enter"),
    ],
)  # fmt: skip
def test_a_key_has_one_name_however_a_terminal_spells_it(data: bytes, name: str) -> None:
    assert keys(data) == [Key(name)]


@pytest.mark.parametrize("text", ["a", "A", "é", "日", "😀", "e\u0301", "👩\u200d💻", "\U0001f1e9\U0001f1ea"])
def test_text_types_itself_character_by_character(text: str) -> None:
    assert keys(text.encode()) == [Key(char, char) for char in text]


def test_the_space_bar_has_a_name_and_types_a_space() -> None:
    assert keys(b" ") == [Key("space", " ")]
    assert keys(b"\x1b[32u") == [Key("space", " ")]
    assert keys(b"\x1b[32;2:3u") == [Key("space", "", "release")]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"\x1b[97;1:1u", Key("a", "a")),
        (b"\x1b[97;1:2u", Key("a", "a", "repeat")),
        (b"\x1b[97;1:3u", Key("a", "", "release")),
        (b"\x1b[97:65;2:3u", Key("A", "", "release")),
        (b"\x1b[49:33;2u", Key("!", "!")),
        (b"\x1b[97;;229u", Key("å", "å")),
        (b"\x1b[1;1:3A", Key("up", "", "release")),
        (b"\x1b[1;5:2C", Key("ctrl-right", "", "repeat")),
        (b"\x1b[3;1:3~", Key("delete", "", "release")),
        (b"\x1b[27;1:3u", Key("esc", "", "release")),
        (b"\x1b[57400u", Key("1", "1")),
    ],
)
def test_the_kitty_protocol_tells_presses_repeats_and_releases(data: bytes, key: Key) -> None:
    assert keys(data) == [key]


def test_answers_of_the_terminal_are_no_keys() -> None:
    assert keys(b"\x1b[?5u\x1b[?62;22c\x1b[>1;10;0c") == [Answered("kitty", 5), Answered("device"), Answered("device")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[?1;2;3h", b"\x1b[<0;10;20M", b"\x1b[M\x20\x41\x42", b"\x1b[32;1;1M", b"\x1b[I", b"\x1b[?2026;2$y",
        b"\x1b[99~",
        b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1b]52;c;aGk=\x07", b"\x1bP>|xterm(370)\x1b\\", b"\x1b_Gi=1;OK\x1b\\",
        b"\x1b[[E", b"\x1b[57441u", b"\x1b[1;1:9A", b"\x1b[" + b"1;" * 500 + b"u", b"\x1b[55296u",
        b"\x1b[99999999999u",
        b"\x1b[12;34\x18", b"\x1b[201~", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xc2\x9b", b"\x1bO#", b"\x1b[1 q",
    ],
)  # fmt: skip
def test_what_is_unknown_or_broken_is_swallowed_whole(data: bytes) -> None:
    assert keys(data + b"z") == [Key("z", "z")]


def test_a_sequence_broken_off_by_a_key_does_not_take_the_key_along() -> None:
    assert names(b"\x1b[1;\x1b[A") == ["up"]
    assert names(b"\x1b[1;\r") == ["enter"]
    assert names(b"\xc3a") == ["a"]


def test_a_lone_esc_is_the_key_only_after_a_silence() -> None:
    parser = KeyParser()

    assert parser.feed(b"\x1b", 1.0) == []
    assert due(parser) == 1.0 + ESC_S
    assert parser.flush(1.0 + ESC_S / 2) == []
    assert parser.flush(1.0 + ESC_S) == [Key("esc")]
    assert due(parser) is None
    assert parser.feed(b"[A", 2.0) == [Key("[", "["), Key("A", "A")]


def test_an_esc_with_its_sequence_close_behind_is_no_key() -> None:
    parser = KeyParser()

    assert parser.feed(b"\x1b", 1.0) == []
    assert parser.feed(b"[", 1.02) == []
    assert due(parser) == 1.02 + SEQUENCE_S
    assert parser.feed(b"A", 1.3) == [Key("up")]
    assert due(parser) is None


def test_esc_pressed_twice_or_before_another_key_counts() -> None:
    assert names(b"\x1b\x1b") == ["esc", "esc"]
    assert names(b"\x1b\x1b\x1b") == ["esc", "esc", "esc"]
    assert names(b"\x1b\x1bx") == ["esc", "alt-x"]


def test_a_paste_is_one_key_with_all_it_brought() -> None:
    assert keys(b"\x1b[200~rm -rf\r\n\x1b[Aq\xc3\xa4\x1b[201~m") == [
        Key("paste", "rm -rf\r\n\x1b[Aqä"),
        Key("m", "m"),
    ]


def test_a_long_paste_loses_its_end_and_the_next_key_is_a_key() -> None:
    paste, key = keys(b"\x1b[200~" + b"x" * (3 * MAX_PASTE_BYTES) + b"\x1b[201~q")

    assert paste == Key("paste", "x" * MAX_PASTE_BYTES)
    assert key == Key("q", "q")


def test_a_paste_that_never_ends_gives_the_keyboard_back() -> None:
    parser = KeyParser()

    assert parser.feed(b"\x1b[200~half", 1.0) == []
    assert parser.flush(1.0 + PASTE_S) == [Key("paste", "half")]
    assert parser.feed(b"q", 9.0) == [Key("q", "q")]


@given(TYPED, st.data())
def test_pieces_at_any_boundary_give_the_same_keys(data: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    parser = KeyParser()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += parser.feed(data[start:end], 0.0)

    assert [*found, *parser.flush(100.0)] == keys(data)


@given(TYPED)
def test_no_bytes_raise_or_type_a_control_character(data: bytes) -> None:
    for key in keys(data):
        if isinstance(key, Key) and key.name != "paste":
            assert key.name
            assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in key.name + key.text)


@given(TYPED)
def test_after_any_bytes_and_a_silence_a_key_is_a_key_again(data: bytes) -> None:
    parser = KeyParser()
    parser.feed(data, 0.0)
    parser.flush(100.0)

    assert parser.pending_until is None
    assert parser.feed(b"q", 200.0) == [Key("q", "q")]
