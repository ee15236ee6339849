"""States as rows: what can be read of them, on wide, narrow, low, colourless and ASCII-only terminals."""

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from flashlive_cli import reports as r
from flashlive_cli.ui.acts import LineTyped
from flashlive_cli.ui.finished import Called, Noted, Printed, Said
from flashlive_cli.ui.panel import LOWEST, Panel, Rows
from flashlive_cli.ui.rows import KEYS, loudness
from flashlive_cli.ui.signs import UNICODE, Signs, signs_for
from flashlive_cli.ui.state import Call, Meters, Spent, State, Words
from flashlive_cli.ui.wrapping import Wrapped, cells, first_sign, fit, fit_end, safe, wrap

QUIET = Meters(float("-inf"), False, float("-inf"), 0.0, 0, 0.0)
LOUD = Meters(-9.0, True, -20.0, 3400.0, 2, 40.0)
USUAL_KEYS = tuple(key for key in KEYS if key != "v")
TALK = State(
    link="open",
    model="gemini-3.1-flash-live-preview",
    voice="Puck",
    echo="cancelling",
    erle_db=31.2,
    replying=True,
    running=(
        Call("1", "check_order_status", 'order_id="A-1001"', 60.0, progress='"found"', printed=("one", "two")),
        Words("model", "Your order has shipped, and it will arrive on Thursday."),
    ),
    answer=r.TurnLatency(1453.0, 20.0, 31.0, 1504.0),
    barge_in=r.BargeInLatency(150.0, 18.0),
    spent=Spent(1204, 311, 40, 0.0123),
)
IDLE = {"replying": False, "running": ()}
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
HOSTILE = "".join(map(chr, [*range(32), 0x7F, *range(0x80, 0xA0)])) + "\x1b[2J\x1b]0;t\x07\u202egnp\u2066\u2028\udc80"


def lines(
    state: State, meters: Meters | None = LOUD, *, now: float = 62.3, width: int = 80, height: int = 24, **more
) -> list[str]:
    """The panel as text."""
    signs = more.pop("signs", UNICODE)
    panel = Panel(signs, keys=more.pop("keys", USUAL_KEYS), **more)
    return ["".join(part.text for part in row) for row in panel.rows(state, meters, now, width=width, height=height)]


def above(*finished, width: int = 80, signs: Signs = UNICODE) -> list[str]:
    """What goes into the scrollback, as text."""
    return ["".join(part.text for part in row) for row in Panel(signs).finished(finished, width)]


def test_a_talk_in_full_swing() -> None:
    assert lines(TALK) == [
        'tool    ⠋ 2.3 s  check_order_status(order_id="A-1001")',
        '        so far: "found"',
        "        printed: two",
        "gemini  Your order has shipped, and it will arrive on Thursday.",
        "── gemini-3.1-flash-live-preview · Puck · speaking ───────────────────── 1:02 ─",
        " you    ● ━━━━━━━━━━━━━━━━━━───   gemini ━━━━━━━━━━━━━━───────  3 s to come",
        " answer   1.5 s   ██████████████████▒░  content 1453 + audio 20 + playing 31 ms",
        " barge-in 168 ms  █████████████████████▒▒▒  noticed 150 + silent 18 ms",
        " echo: cancelled by 31 dB · 1204 tokens in, 311 out, 40 thought · $0.0123",
        " 2 underruns · 40 ms of the microphone lost",
        " m mute · space talk · esc stop voice · t type · ? help · q quit",
    ]


def test_a_narrow_terminal_gets_the_same_in_more_rows() -> None:
    assert lines(replace(TALK, running=TALK.running[1:]), width=40) == [
        "gemini  Your order has shipped, and it",
        "        will arrive on Thursday.",
        "── gemini-3.1-fl… · speaking ─── 1:02 ─",
        " you    ● ━━━━━━━━━━━━━╸──",
        " gemini   ━━━━━━━━━━╸─────  3 s to come",
        " answer   1.5 s = 1453 + 20 + 31 ms",
        " barge-in 168 ms = 150 + 18 ms",
        " echo: cancelled by 31 dB",
        " 1204 tokens in, 311 out, 40 thought",
        " $0.0123 · 2 underruns",
        " 40 ms of the microphone lost",
        " m mute · space talk · esc stop voice",
        " t type · ? help · q quit",
    ]


def test_before_the_service_has_answered_little_is_known() -> None:
    assert lines(State(), None, now=0.4) == [
        "── connecting ────────────────────────────────────────────────────────── 0:00 ─",
        " m mute · space talk · esc stop voice · t type · ? help · q quit",
    ]


@pytest.mark.parametrize(
    ("change", "meters", "more", "words"),
    [
        ({}, LOUD, {}, "speaking"),
        ({**IDLE}, QUIET, {}, "listening"),
        ({**IDLE, "hearing": True}, QUIET, {}, "hearing you"),
        ({**IDLE, "microphone": "muted"}, QUIET, {}, "microphone muted"),
        ({"microphone": "muted"}, LOUD, {}, " muted  ●"),
        ({"microphone": "waiting", **IDLE}, QUIET, {}, "push to talk"),
        ({"lost": frozenset({"microphone"})}, LOUD, {}, " gone   ●"),
        ({"lost": frozenset({"speaker"})}, LOUD, {}, "no speaker"),
        ({**IDLE, "lost": frozenset({"speaker", "microphone"})}, QUIET, {}, "no microphone and no speaker"),
        ({**IDLE, "waiting_since": 62.0}, QUIET, {}, "waiting for the answer"),
        ({**IDLE, "waiting_since": 50.0}, QUIET, {}, "waiting for 12 s"),
        ({"waiting_since": 50.0, "running": ()}, QUIET, {}, "waiting for 12 s"),
        ({"waiting_since": 50.0, "running": ()}, LOUD, {}, "speaking"),
        ({"link": "moving"}, LOUD, {}, "moving to another connection"),
        ({"ends_at": 104.9}, LOUD, {}, "connection ends in 0:42"),
        ({}, LOUD, {"limit_s": 600.0}, "1:02 of 10:00"),
        ({"ends_at": 700.0}, LOUD, {"limit_s": 600.0}, "1:02 of 10:00"),
        ({"simulated": True}, LOUD, {}, "simulated gemini-3.1"),
        ({"echo": "learning"}, LOUD, {}, "echo: learning the room, half duplex"),
        ({"echo": "half"}, LOUD, {}, "echo: half duplex"),
        ({"echo": "off"}, LOUD, {}, "echo: off"),
        ({"barge_in": r.BargeInLatency(None, 18.0)}, LOUD, {}, "silent 18 ms after it was noticed"),
        ({}, QUIET, {}, "no underruns"),
        ({"question": "may it?"}, LOUD, {}, " ? may it?"),
        ({"question": "may it?"}, LOUD, {}, " y yes · n no · a always"),
        ({"typed": LineTyped("héllo", 2)}, LOUD, {}, " type   héllo"),
        ({"hint": "press q again to quit"}, LOUD, {}, " press q again to quit"),
        ({"help": True}, LOUD, {}, " q     end the talk; Ctrl-C does too"),
        ({"microphone": "muted"}, LOUD, {"keys": ("m",)}, " m unmute"),
        ({"microphone": "pushed"}, LOUD, {"keys": ("space",)}, " space end talking"),
        ({"running": (Words("model", "It is", cut=True),)}, LOUD, {}, "[interrupted]"),
        ({"running": (Call("2", "f", "", 60.0, repeated=True),)}, LOUD, {}, "not run again: f()"),
    ],
)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_the_user_must_know_can_be_read(change, meters, more, words, width) -> None:
    text = "\n".join(lines(replace(TALK, **change), meters, width=width, **more))

    if width > 40:
        assert words in text
    else:  # the rows are shorter, so a line may be cut or go on in the next one
        assert words.split()[0] in text


def test_only_keys_that_do_something_are_named() -> None:
    assert lines(TALK, keys=("?", "q"))[-1] == " ? help · q quit"


def test_of_long_words_the_end_is_shown_and_the_beginning_is_marked_as_left_out() -> None:
    text = " ".join(f"word{n}" for n in range(200))
    shown = lines(replace(TALK, running=(Words("model", text),)))

    assert shown[0].startswith("gemini …word")
    assert shown[5].endswith("word199")
    assert "─" in shown[6]


def test_of_many_calls_the_latest_are_shown_and_the_others_counted() -> None:
    calls = tuple(Call(str(n), f"tool{n}", "", 0.0) for n in range(50))
    shown = lines(replace(TALK, running=calls))

    assert "45 more" in shown[0]
    assert [f"tool{n}()" in shown[n - 44] for n in range(45, 50)] == [True] * 5


def test_the_cursor_of_the_line_being_typed_stays_in_view() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(100))
    for cursor in (0, 1, 50, 99, 100):
        panel = Panel(UNICODE)
        rows = panel.rows(replace(TALK, typed=LineTyped(text, cursor)), LOUD, 0.0, width=40, height=24)
        under_cursor = [part.text for row in rows for part in row if part.style and part.style.reverse]

        assert under_cursor == [text[cursor : cursor + 1] or " "]


def test_the_cursor_is_on_all_that_is_drawn_as_one_sign() -> None:
    for sign in ("e\u0301", "你", "👩\u200d👩\u200d👧", "👍🏽"):
        for before in ("", "x" * 200, "x" * 199 + "你"):
            typed = LineTyped(before + sign + "yz", len(before))
            (row, *_) = Panel(UNICODE).rows(replace(TALK, typed=typed), LOUD, 0.0, width=40, height=3)

            assert [part.text for part in row if part.style and part.style.reverse] == [sign]


def test_a_question_keeps_its_beginning_and_its_keys_however_long_it_is() -> None:
    for height in range(LOWEST, 30):
        shown = lines(replace(TALK, question="may the model " + "word " * 500), width=40, height=height)

        assert any(line.startswith(" ? may the model") for line in shown)
        assert shown[-1] == " y yes · n no · a always"


def test_in_the_narrowest_of_windows_the_keys_of_a_question_leave_room() -> None:
    for width in (1, 2, 3):
        assert len(lines(replace(TALK, question="x"), width=width, height=6)) <= 4


def test_finished_turns_read_like_a_protocol() -> None:
    assert above(
        Said("user", "Where is my order?"),
        Called("check", 'id="A-1001"', ("looking", "found"), "done", '"shipped"', 3.2),
        Called("check", "", (), "failed", "no such order", 2300.0),
        Called("check", "", (), "cancelled", "", 100_000.0),
        Called("check", "", (), "done", '"shipped"', 3.2, repeated=True),
        Printed("check", "late"),
        Said("model", "It has", "shipped."),
        Said("model", "", "All of it."),
        Noted("note", "a note"),
        Noted("summary", "1:02"),
        Noted("warning", "careful"),
        Noted("error", "broken"),
    ) == [
        "you     Where is my order?",
        'tool    check(id="A-1001")',
        "        printed: looking",
        "        printed: found",
        '        after 3 ms: "shipped"',
        "tool    check()",
        "        failed after 2.3 s: no such order",
        "tool    check()",
        "        cancelled after 1:40",
        "tool    check()",
        '        not run again; after 3 ms: "shipped"',
        "tool    printed by check: late",
        "gemini  It has [not heard: shipped.]",
        "gemini  [not heard: All of it.]",
        "note    a note",
        "talk    1:02",
        "warning careful",
        "error   broken",
    ]


def test_words_in_the_scrollback_hang_and_do_not_run_on_forever() -> None:
    told = above(Said("model", "word " * 60), width=200)

    assert len(told) == 4
    assert all(line.startswith("        word") for line in told[1:])
    assert max(map(len, told)) <= 100


def test_the_unheard_rest_is_dim_and_in_brackets() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=40, color_system="standard")
    console.print(Rows(Panel(UNICODE).finished([Said("model", "It is five past", "noon in all of Europe.")], 40)))
    text = out.getvalue()

    assert "It is five past \x1b[2m[not heard:\x1b[0m\n" in text
    assert "\x1b[2mnoon in all of Europe.]\x1b[0m" in text


def test_without_colour_there_is_no_colour_and_nothing_is_lost() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system="standard", _environ={"NO_COLOR": "1"})
    panel = Panel(signs_for(console))
    console.print(Rows(panel.finished([Said("model", "It is", "noon."), Noted("error", "broken")], 80)))
    console.print(Rows(panel.rows(TALK, LOUD, 62.3, width=80, height=24)))
    text = out.getvalue()

    assert {int(n) for found in re.findall(r"\x1b\[([\d;]*)m", text) for n in found.split(";")} <= {0, 1, 2, 7}
    assert "[not heard: noon.]" in text
    assert "●" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "shift_jis"])
def test_a_terminal_without_unicode_gets_signs_it_has(encoding) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), force_terminal=True, width=80)
    signs = signs_for(console)
    panel = Panel(signs, keys=tuple(KEYS))
    words = (Words("model", "你好 ¡café! …"), Call("1", "日本", "x", 0.0))
    console.print(Rows(panel.finished([Said("model", "你好 ¡café!", "…")], 80)))
    for state in (TALK, replace(TALK, running=words, question="¿qué?"), replace(TALK, typed=LineTyped("你é", 1))):
        console.print(Rows(panel.rows(state, LOUD, 62.3, width=80, height=24)))
    text = raw.getvalue().decode(encoding)

    assert "=====" in text
    assert "gemini" in text
    assert "━" not in text
    if encoding == "ascii":
        assert r"\u4f60\u597d" in text


def test_words_from_right_to_left_stand_after_ours_and_in_the_order_they_were_spoken() -> None:
    call = Call("1", "שלום", 'x="עולם"', 60.0)
    shown = lines(replace(TALK, running=(Words("model", "שלום עולם"), call)))

    assert shown[0] == "gemini  שלום עולם"
    assert shown[1] == 'tool    ⠋ 2.3 s  שלום(x="עולם")'


def test_a_low_terminal_gets_one_row() -> None:
    for height in range(1, LOWEST):
        assert len(lines(TALK, height=height)) == 1
    assert lines(TALK, height=3)[0].endswith("Thursday.")
    assert lines(replace(TALK, running=()), height=3)[0].endswith(" 1:02 ─")
    assert lines(replace(TALK, question="may it?"), height=3) == ["y/n/a? may it?"]


@pytest.mark.parametrize(
    ("level_dbfs", "halves"),
    [(float("-inf"), 0), (float("nan"), 0), (-90.0, 0), (-60.0, 0), (-30.0, 10), (0.0, 20), (3.0, 20)],
)
def test_a_meter_shows_sixty_decibels(level_dbfs, halves) -> None:
    assert loudness(level_dbfs, 10).halves == halves


SAMPLES = [
    "hello",
    " ",
    "  ",
    "你好",
    FAMILY,
    "שלום",
    "e\u0301",
    "。",
    "f(x)",
    "\u2764\ufe0f",
    "x" * 50,
    "\u3000",
    HOSTILE,
]
FLAG, THUMB = "\U0001f1f5\U0001f1f1", "\U0001f44d\U0001f3fd"
SCRAPS = st.lists(st.one_of(st.text(max_size=8), st.sampled_from([*SAMPLES, FLAG, THUMB])), max_size=20)
TEXTS = SCRAPS.map("".join)
STATES = st.builds(
    State,
    link=st.sampled_from(["connecting", "open", "moving", "closed"]),
    model=TEXTS,
    voice=st.none() | TEXTS,
    simulated=st.booleans(),
    ends_at=st.none() | st.floats(0, 1e6),
    microphone=st.sampled_from(["open", "muted", "waiting", "pushed"]),
    echo=st.sampled_from([None, "cancel", "half", "off", "learning", "cancelling"]),
    erle_db=st.none() | st.floats(-200, 200),
    waiting_since=st.none() | st.floats(0, 100),
    running=st.lists(
        st.one_of(
            st.builds(Words, role=st.sampled_from(["user", "model"]), text=TEXTS, cut=st.booleans()),
            st.builds(
                Call,
                id=st.just("1"),
                name=TEXTS,
                arguments=TEXTS,
                since=st.floats(0, 1e5),
                progress=st.none() | TEXTS,
                printed=st.lists(TEXTS, max_size=2).map(tuple),
            ),
        ),
        max_size=12,
    ).map(tuple),
    answer=st.none() | st.builds(r.TurnLatency, *[st.floats(0, 1e7)] * 4),
    barge_in=st.none() | st.builds(r.BargeInLatency, st.none() | st.floats(0, 1e7), st.floats(0, 1e7)),
    spent=st.builds(Spent, *[st.integers(0, 10**9)] * 3, st.none() | st.floats(0, 1e4)),
    help=st.booleans(),
    typed=st.none() | st.builds(LineTyped, TEXTS, st.integers(0, 100)),
    question=st.none() | TEXTS,
    hint=st.none() | TEXTS,
)
METERS = st.none() | st.builds(
    Meters, st.floats(), st.booleans(), st.floats(), st.floats(0, 1e9), st.integers(0, 10**6), st.floats(0, 1e9)
)
WIDTHS = st.sampled_from([40, 80, 200]) | st.integers(1, 250)


@given(STATES, METERS, st.floats(0, 1e5), st.tuples(WIDTHS, st.integers(1, 70)), st.sampled_from([UNICODE, None]))
def test_whatever_is_told_nothing_is_wider_or_higher_than_the_terminal(state, meters, now, size, signs) -> None:
    width, height = size
    signs = signs or signs_for(Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii")))
    shown = lines(state, meters, now=now, width=width, height=height, signs=signs, limit_s=100.0)

    assert len(shown) <= max(1, height - 2)
    assert all(cell_len(line) <= cells(line) <= max(1, width - 1) for line in shown)
    assert_harmless("\n".join(shown))


@given(
    st.one_of(
        st.builds(Said, st.sampled_from(["user", "model"]), TEXTS, TEXTS),
        st.builds(
            Called,
            TEXTS,
            TEXTS,
            st.lists(TEXTS, max_size=2).map(tuple),
            st.sampled_from(["done", "failed", "cancelled"]),
            TEXTS,
            st.floats(0, 1e7),
        ),
        st.builds(Printed, TEXTS, TEXTS),
        st.builds(Noted, st.sampled_from(["note", "summary", "warning", "error"]), TEXTS),
    ),
    WIDTHS.filter(lambda width: width > 2),
)
def test_whatever_has_finished_its_lines_fit(finished, width) -> None:
    shown = above(finished, width=width)

    assert all(cell_len(line) <= cells(line) < width for line in shown)
    assert_harmless("\n".join(shown))


def assert_harmless(text: str) -> None:
    """Nothing steers the terminal."""
    text.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)


@given(SCRAPS, st.integers(2, 30))
def test_wrapping_loses_nothing_but_spaces_at_the_breaks(scraps, width) -> None:
    text = safe("".join(scraps))
    told = wrap(text, width)

    assert all(cells(line) <= width for line in told)
    assert re.sub("[ \u3000]", "", "".join(told)) == re.sub("[ \u3000]", "", text)
    assert cells(fit(text, width)) <= width
    assert cells(fit_end(text, width)) <= width
    assert text.endswith(fit_end(text, width))
    assert fit_end(text, cells(text)) == text
    assert first_sign(text) + text[len(first_sign(text)) :] == text
    assert bool(first_sign(text)) == bool(text)


@given(SCRAPS.filter(lambda scraps: "(" not in "".join(scraps)), st.integers(2, 30))
def test_words_that_come_piece_by_piece_are_wrapped_like_those_that_come_at_once(scraps, width) -> None:
    growing, text, told = Wrapped(), "", [""]
    for scrap in scraps:
        text += scrap
        told = growing.lines(text, width)

    assert told == wrap(safe(text), width)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one two three", ["one two", "three"]),
        ("one  two", ["one  two"]),
        ("onetwothreefour", ["onetwoth", "reefour"]),
        ("你好世界很大。", ["你好世界", "很大。"]),
        ("你好世界。", ["你好世", "界。"]),
        ("look_up(x=1)", ["look_up(", "x=1)"]),
        ("e\u0301" * 9, ["e\u0301" * 8, "e\u0301"]),
        ("", [""]),
    ],
)
def test_lines_are_broken_where_a_reader_expects_it(text, told) -> None:
    assert wrap(text, 8) == told
