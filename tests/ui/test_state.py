"""What the panel knows after what it was told, step by step."""

from collections.abc import Iterable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flashlive_cli import reports as r
from flashlive_cli.ui.acts import Act, HelpSwitched, HintShown, LineNoted, LineTyped, PictureShown, QuestionPut
from flashlive_cli.ui.finished import Called, Finished, Noted, Printed, Said
from flashlive_cli.ui.state import MOST_PRINTED, Call, Pictures, Spent, State, Told, Words, advance
from flashlive_cli.ui.wording import taken_up

READY = r.SessionReady("gemini-x", "Puck", ("f", "g"), simulated=False, setup_ms=12.0)
ANSWER = r.TurnLatency(600.0, 10.0, 20.0, 630.0)
CUT_IN = r.BargeInLatency(150.0, 18.0)
SUMMARY = r.TalkSummary(62.0, 3, 1, 2, 612.0, 655.5, 18.2, {"TEXT": 10}, {"AUDIO": 50}, 0.01234)
STALLED = r.Warned("nothing more of the answer for 6 s", unanswered_s=6.0)
LOST = r.SoundLost("microphone", "USB", "the microphone (USB) went away", 60.0)
USAGE = r.UsageReported(100, 20, 3, 123, {}, {}, cost_usd=0.001, total_cost_usd=0.0025)

EXAMPLES: list[Told] = [
    READY,
    r.SessionMoving("the tools have changed"),
    r.SessionResumed(False, ("f",), 1500.0),
    r.SessionLeaving(50.0),
    r.SessionClosed(1008, "go away", 3.0, 2),
    r.SoundReady("USB", 16_000, 20.0, "Speaker", 48_000, 10.0, "cancel"),
    r.SoundLost("microphone", "USB", "the microphone (USB) went away", 60.0),
    r.SoundRestored("microphone", "default", 16_000, 20.0, 1540.0),
    r.EchoChanged("cancelling", 31.2),
    r.SoundClosed(2, 20.0, 31.2),
    r.MicrophoneSwitched("muted"),
    r.SpeechStarted("server", 0.5),
    r.SpeechEnded("local"),
    r.Transcript("user", "What", final=False),
    r.Transcript("user", "What?", final=True),
    r.Transcript("model", "It is", final=False),
    r.Transcript("model", "It is noon.", final=True, heard="It is"),
    r.ReplyStarted(),
    r.ReplyFirstSample(),
    r.ReplyFlushed(100.0, 200.0),
    r.ReplyComplete(300.0, interrupted=False),
    r.ToolCalled("1", "f", {"x": 1, "y": "z"}),
    r.ToolAsked("1", "f", {"x": 1}),
    r.ToolProgressed("1", "f", {"output": "half"}),
    r.ToolPrinted("f", "hello"),
    r.ToolFinished("1", "f", ok=False, response={"error": "broken"}, duration_ms=3.2),
    r.ToolCancelled("2", "g"),
    r.VideoReady("screen 1", "speaking", 1.0, 768, 576),
    r.VideoSent("speech", 768, 576, 41_234, "image/jpeg", sent=1),
    r.VideoLost("camera 0", "camera 0: cannot be opened"),
    PictureShown(2, 1, bytes(6), b"jpeg"),
    USAGE,
    ANSWER,
    CUT_IN,
    SUMMARY,
    r.RecordingStarted("recordings/x"),
    r.Noted("good to know"),
    r.Warned("careful"),
    r.Failed("broken", 3),
    HelpSwitched(True),
    LineTyped("abc", 1),
    QuestionPut("may it?"),
    HintShown("press q again"),
    LineNoted("a line"),
]


def told(*steps: Told, since: State | None = None) -> tuple[State, list[Finished]]:
    """The state after steps a second apart, and all that finished on the way."""
    state, finished = since or State(), []
    for second, step in enumerate(steps):
        state = advance(state, step, float(second))
        finished += state.finished
    return state, finished


def pieces(role, *texts: str) -> Iterable[r.Transcript]:
    return (r.Transcript(role, text, final=False) for text in texts)


def test_the_examples_hold_all_that_can_be_told() -> None:
    assert {type(example) for example in EXAMPLES} == {*get_args(r.Report), *get_args(Act)}


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ((), {"link": "connecting", "model": "", "finished": ()}),
        ((READY,), {"link": "open", "model": "gemini-x", "voice": "Puck", "simulated": False}),
        ((READY, r.SessionLeaving(50.0)), {"ends_at": 51.0}),
        ((READY, r.SessionLeaving(50.0), r.SessionMoving("x")), {"link": "moving", "ends_at": 51.0}),
        ((READY, r.SessionMoving("x"), r.SessionResumed(True, (), 1.0)), {"link": "open", "ends_at": None}),
        ((READY, r.SessionClosed(1000, "", 1.0, 1)), {"link": "closed", "finished": ()}),
        ((r.MicrophoneSwitched("waiting"),), {"microphone": "waiting"}),
        ((r.SoundReady(None, None, None, None, None, None, None),), {"echo": None}),
        ((r.SoundReady("m", 16_000, 1.0, "s", 24_000, 1.0, "half"),), {"echo": "half"}),
        ((LOST,), {"lost": {"microphone"}}),
        ((LOST, r.SoundLost("speaker", "S", "gone", 60.0)), {"lost": {"microphone", "speaker"}}),
        ((LOST, r.SoundRestored("microphone", "other", 48_000, 1.0, 1.0)), {"lost": set()}),
        ((LOST, r.SoundRestored("speaker", "other", 48_000, 1.0, 1.0)), {"lost": {"microphone"}}),
        ((r.EchoChanged("learning", None),), {"echo": "learning", "erle_db": None}),
        ((r.EchoChanged("cancelling", 31.2),), {"echo": "cancelling", "erle_db": 31.2}),
        ((ANSWER, CUT_IN), {"answer": ANSWER, "barge_in": CUT_IN}),
        ((USAGE, USAGE), {"spent": Spent(200, 40, 6, 0.0025)}),
        ((USAGE, r.UsageReported(1, 1, 0, 2, {}, {})), {"spent": Spent(101, 21, 3, 0.0025)}),
        ((HelpSwitched(True),), {"help": True}),
        ((HelpSwitched(True), HelpSwitched(False)), {"help": False}),
        ((LineTyped("ab", 1),), {"typed": LineTyped("ab", 1)}),
        ((LineTyped("ab", 1), LineTyped(None)), {"typed": None}),
        ((QuestionPut("may it?"),), {"question": "may it?"}),
        ((QuestionPut("may it?"), QuestionPut(None)), {"question": None}),
        ((HintShown("again"),), {"hint": "again"}),
        ((HintShown("again"), HintShown(None)), {"hint": None}),
    ],
)
def test_what_is_told_is_in_the_state(steps, shown) -> None:
    state, _ = told(*steps)

    assert {name: getattr(state, name) for name in shown} == shown


@pytest.mark.parametrize(
    ("steps", "doing"),
    [
        ((), "connecting"),
        ((READY,), "listening"),
        ((READY, r.SpeechStarted("server")), "hearing"),
        ((READY, r.SpeechStarted("local"), r.SpeechEnded("local")), "waiting"),
        ((READY, r.Transcript("user", "typed", final=True)), "waiting"),
        ((READY, r.Transcript("user", "x", final=True), r.ReplyStarted()), "replying"),
        ((READY, r.Transcript("user", "x", final=True), r.ToolCalled("1", "f", {})), "working"),
        ((READY, r.ReplyStarted(), r.SpeechStarted("server")), "hearing"),
        ((READY, r.ReplyStarted(), r.SpeechEnded("local")), "replying"),
        ((READY, r.ReplyStarted(), r.ReplyFlushed(1.0, 1.0)), "listening"),
        ((READY, r.ReplyStarted(), r.ReplyComplete(1.0, interrupted=False)), "listening"),
        ((READY, r.ToolCalled("1", "f", {}), r.ToolFinished("1", "f", True, {"output": 1}, 1.0)), "waiting"),
        ((READY, r.ToolCalled("1", "f", {}), r.ToolCancelled("1", "f")), "listening"),
        ((READY, r.SpeechStarted("server"), r.SessionMoving("x")), "moving"),
        ((READY, r.ReplyStarted(), r.Warned("careful")), "replying"),
        ((READY, r.ReplyStarted(), STALLED), "waiting"),
        ((READY, r.ReplyStarted(), STALLED, r.Transcript("user", "hm", final=False)), "waiting"),
        ((READY, r.ReplyStarted(), STALLED, r.SpeechStarted("local")), "hearing"),
        ((READY, r.ReplyStarted(), STALLED, r.SpeechStarted("local"), r.SpeechEnded("local")), "waiting"),
        ((READY, r.ReplyStarted(), STALLED, r.Transcript("model", "and", final=False)), "replying"),
        ((READY, r.ReplyStarted(), STALLED, r.ReplyFlushed(1.0, 1.0)), "listening"),
        ((READY, r.ReplyStarted(), STALLED, r.ReplyComplete(1.0, interrupted=False)), "listening"),
        ((READY, r.ReplyStarted(), r.ReplyFlushed(1.0, 1.0), STALLED), "listening"),
        (
            (READY, r.ReplyFlushed(1.0, 1.0), r.SpeechEnded("local"), r.ReplyComplete(1.0, interrupted=True)),
            "waiting",
        ),
    ],
)
def test_one_word_says_what_is_going_on(steps, doing) -> None:
    assert told(*steps)[0].doing == doing


def test_a_stalled_reply_is_waited_for_since_it_stalled() -> None:
    assert told(READY, r.ReplyStarted(), STALLED)[0].waiting_since == 2.0 - 6.0


def test_pieces_of_words_are_joined_exactly_as_they_come() -> None:
    state, finished = told(*pieces("user", "Wh", "at  is", " ", "it"), *pieces("model", " No", "on", ".  "))

    assert state.running == (Words("user", "What  is it"), Words("model", " Noon.  "))
    assert finished == []


def test_final_words_leave_the_panel_for_the_scrollback_once() -> None:
    asked = r.Transcript("user", "What is it?", final=True)
    said = r.Transcript("model", "Noon.", final=True, heard="Noon.")
    state, finished = told(*pieces("user", "What is"), asked, *pieces("model", "Noon."), said, r.ReplyFirstSample())

    assert state.running == ()
    assert finished == [Said("user", "What is it?"), Said("model", "Noon.")]


@pytest.mark.parametrize(
    ("text", "heard", "said"),
    [
        ("It is five past noon.", "It is", Said("model", "It is", "five past noon.")),
        ("It is.", "", Said("model", "", "It is.")),
        ("It is.", "It is.", Said("model", "It is.")),
        ("It is.", None, Said("model", "It is.")),
    ],
)
def test_the_unheard_rest_of_a_cut_reply_is_told_apart(text, heard, said) -> None:
    state, finished = told(
        *pieces("model", text), r.ReplyFlushed(1.0, 1.0), r.Transcript("model", text, final=True, heard=heard)
    )

    assert finished == [said]
    assert state.running == ()


def test_a_reply_that_is_cut_is_marked_before_it_is_known_how_much_was_heard() -> None:
    state, finished = told(r.ReplyStarted(), *pieces("model", "It is"), r.ReplyFlushed(1200.0, 1.0))

    assert state.running == (Words("model", "It is", cut=True),)
    assert finished == []


def test_a_cut_reply_without_words_leaves_a_note() -> None:
    assert told(r.ReplyStarted(), r.ReplyFlushed(1200.0, 1.0))[1] == [Noted("note", "the reply was cut after 1.2 s")]


def test_words_and_calls_stand_in_the_order_of_their_beginning() -> None:
    state, _ = told(*pieces("model", "Let me see"), r.ToolCalled("1", "f", {"x": "é"}), *pieces("user", "no"))

    assert state.running == (Words("model", "Let me see"), Call("1", "f", 'x="é"', 1.0), Words("user", "no"))


def test_a_call_gathers_what_comes_of_it_and_leaves_with_its_result() -> None:
    running, before = told(
        r.ToolCalled("1", "f", {"x": 1, "y": [True]}),
        r.ToolCalled("2", "f", {}),
        r.ToolProgressed("1", "f", {"output": "half"}),
        r.ToolPrinted("f", "hello"),
        r.ToolAsked("1", "f", {}),
    )
    _, finished = told(r.ToolFinished("1", "f", True, {"output": {"a": 1}}, 3.2), since=running)

    assert running.calls == (
        Call("1", "f", "x=1, y=[true]", 0.0, progress='"half"'),
        Call("2", "f", "", 1.0, printed=("hello",)),
    )
    assert before == []
    assert finished == [Called("f", "x=1, y=[true]", (), "done", '{"a": 1}', 3.2)]


@pytest.mark.parametrize(
    ("end", "called"),
    [
        (r.ToolFinished("1", "f", False, {"error": "broken"}, 3.2), Called("f", "", (), "failed", "broken", 3.2)),
        (r.ToolCancelled("1", "f"), Called("f", "", (), "cancelled", "", 1000.0)),
    ],
)
def test_a_call_that_fails_says_so(end, called) -> None:
    state, finished = told(r.ToolCalled("1", "f", {}), end)

    assert state.running == ()
    assert finished == [called]


def test_a_call_that_repeats_another_says_that_it_was_not_run() -> None:
    steps = (r.ToolCalled("2", "f", {}, duplicate_of="1"), r.ToolFinished("2", "f", True, {"output": 1}, 3.2))

    assert told(*steps)[1] == [Called("f", "", (), "done", "1", 3.2, repeated=True)]


def test_what_nobody_was_told_of_can_end_all_the_same() -> None:
    _, finished = told(r.ToolFinished("9", "f", True, {"output": 1}, 3.2), r.ToolPrinted("g", "late"))

    assert finished == [Called("f", "", (), "done", "1", 3.2), Printed("g", "late")]


def test_a_tool_that_never_stops_printing_fills_no_memory() -> None:
    state, _ = told(r.ToolCalled("1", "f", {}), *(r.ToolPrinted("f", str(n)) for n in range(MOST_PRINTED + 10)))

    assert len(state.calls[0].printed) == MOST_PRINTED
    assert state.calls[0].printed[-1] == str(MOST_PRINTED + 9)


def test_arguments_and_results_of_any_size_are_shown_by_their_beginning() -> None:
    state, _ = told(r.ToolCalled("1", "f", {"x": "y" * 100_000}))
    _, finished = told(r.ToolFinished("1", "f", True, {"output": "z" * 100_000}, 1.0), since=state)

    assert len(state.calls[0].arguments) < 1000
    assert state.calls[0].arguments.endswith("(100004 characters)")
    assert isinstance(finished[0], Called)
    assert len(finished[0].result) < 1000


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        (READY, [Noted("note", "talking to gemini-x, voice Puck; tools: f, g")]),
        (r.Noted("good to know"), [Noted("note", "good to know")]),
        (r.Warned("careful"), [Noted("warning", "careful")]),
        (r.Failed("broken", 3), [Noted("error", "broken")]),
        (LineNoted("a line"), [Noted("note", "a line")]),
        (
            r.SessionClosed(1008, "go away", 1.0, 1),
            [Noted("note", "the connection was closed with code 1008: go away")],
        ),
        (r.ReplyComplete(1.0, False, "SAFETY"), [Noted("warning", "the reply ended early: SAFETY")]),
        (
            r.SessionResumed(False, (), 1500.0),
            [Noted("note", "moved to another connection in 1.5 s; a new session, which knows the words alone")],
        ),
    ],
)
def test_what_the_user_should_know_goes_into_the_scrollback(step, lines) -> None:
    assert told(step)[1] == lines


def test_the_summary_of_the_talk_stays() -> None:
    lines = [line.text for line in told(SUMMARY)[1] if isinstance(line, Noted) and line.kind == "summary"]

    assert lines[0].startswith("1:02, 3 turns")
    assert len(lines) == 2


@given(st.lists(st.sampled_from(EXAMPLES), max_size=40))
def test_in_whatever_order_it_is_told_every_final_word_leaves_and_nothing_is_left_twice(steps) -> None:
    state, finished = told(*steps)

    assert sum(isinstance(line, Said) for line in finished) == sum(
        isinstance(step, r.Transcript) and step.final for step in steps
    )
    assert len([each for each in state.running if isinstance(each, Words) and each.role == "user"]) <= 1
    assert len([each for each in state.running if isinstance(each, Words) and each.role == "model"]) <= 1


@pytest.mark.parametrize("microphone", ["muted", "waiting"])
def test_speech_that_goes_nowhere_is_not_waited_for(microphone) -> None:
    state, _ = told(READY, r.MicrophoneSwitched(microphone), r.SpeechStarted("local"), r.SpeechEnded("local"))

    assert state.doing == "listening"


def test_muting_in_mid_speech_ends_the_hearing() -> None:
    state, _ = told(READY, r.SpeechStarted("local"), r.MicrophoneSwitched("muted"))

    assert state.doing == "listening"


def test_pictures_are_counted_and_their_tokens_added_up() -> None:
    """As all tokens: each prompt reads the whole history again, and that is what is billed."""
    state, _ = told(
        r.VideoReady("screen 1", "speaking", 1.0, 768, 576),
        r.VideoSent("speech", 768, 576, 41_234, "image/jpeg", sent=1),
        r.VideoSent("key", 768, 576, 41_234, "image/jpeg", sent=2),
        r.UsageReported(100, 20, 3, 123, {"IMAGE": 128, "AUDIO": 50}, {}),
        r.UsageReported(100, 20, 3, 123, {"VIDEO": 10, "IMAGE": 128}, {}),
    )
    assert state.pictures == Pictures(sent=2, tokens=266)

    lost = advance(state, r.VideoLost("screen 1", "screen 1: cannot be seen any more"), 3.0)
    assert lost.pictures == Pictures(sent=2, tokens=266, lost=True)
    assert lost.finished == (Noted("warning", "screen 1: cannot be seen any more; the talk goes on without pictures"),)

    found = advance(lost, r.VideoReady("screen 1", "key", 1.0, 768, 576), 4.0)
    assert found.pictures == Pictures(sent=2, tokens=266)
    assert found.finished == (Noted("note", "seeing screen 1 (768x576), sent when v is pressed"),)


def test_the_latest_picture_is_kept_in_small() -> None:
    state, _ = told(PictureShown(2, 1, bytes(6), b"one"), PictureShown(2, 1, bytes(6), b"two"))

    assert state.preview == PictureShown(2, 1, bytes(6), b"two")


def test_a_talk_that_is_taken_up_says_so() -> None:
    def told(resumed: bool | None) -> str:
        return taken_up(replace(READY, resumed=resumed))

    assert told(None) == ""
    assert told(True) == "; the last talk goes on"
    assert told(False) == "; the last talk goes on, in a new session that knows its words"
