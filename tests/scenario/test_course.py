"""What happened in a run is put to the turn in which it began."""

import numpy as np
import pytest

from flashlive_cli.pcm import WIRE_IN, WIRE_OUT
from flashlive_cli.reports import (
    ReplyComplete,
    ReplyFirstSample,
    ReplyFlushed,
    ReplyStarted,
    SessionReady,
    SessionResumed,
    Stamped,
    ToolCalled,
    ToolCancelled,
    ToolFinished,
    Transcript,
    UsageReported,
    Warned,
)
from flashlive_cli.scenario.course import Course
from tests.scenario.courses import tone

CHUNK_S = 0.02


def usage(cost_usd, total_cost_usd):
    return UsageReported(1, 1, 0, 2, {}, {}, cost_usd, total_cost_usd)


def done(*, cut=False):
    return ReplyComplete(1000.0, cut)


class Played:
    """A course that is told a story: times in seconds, each with what happens."""

    def __init__(self, *story):
        self.course = Course()
        for t, what in story:
            self.happens(t, what)
        self.course.finish()
        self.turns = self.course.turns

    def happens(self, t, what):
        match what:
            case "turn":
                self.course.begin(t)
            case ("user", seconds):
                for begin in range(round(seconds * 50)):
                    self.course.spoke(np.full(320, 9000, "<i2").tobytes(), t + (begin + 1) / 50)
            case ("model", seconds):
                self.course.played(np.full(round(seconds * 24_000), 9000, "<i2").tobytes(), t)
            case str():
                self.happens(t, ReplyStarted())
                self.happens(t, Transcript("model", what, final=True, heard=what))
            case _:
                self.course.listen(Stamped(t, 1, what))


def test_a_turn_has_what_happens_until_the_next_one():
    played = Played(
        (0.5, SessionReady("m", None, (), True, 1.0)),
        (1, "turn"), (1, ("user", 1.0)), (3.2, Transcript("user", "one", final=True)),
        (3.2, ToolCalled("a", "f", {"x": 1})), (3.5, ToolFinished("a", "f", True, {"output": 2}, 300.0)),
        (4, "yes"), (4.1, ("model", 1.0)), (5, usage(0.1, 0.1)), (5.2, done()),
        (6, "turn"), (6, Transcript("user", "two", final=True)), (7, "no"), (7.5, ("model", 0.5)), (8, done()),
    )  # fmt: skip
    one, two = played.turns
    assert (one.heard, one.reply, two.heard, two.reply) == ("one", "yes", "two", "no")
    assert [(call.name, call.args, call.ok, call.response) for call in one.calls] == [
        ("f", {"x": 1}, True, {"output": 2})
    ]
    assert two.calls == []
    assert (one.asked_from_s, one.asked_until_s) == pytest.approx((1, 2))
    assert (one.answered_from_s, one.answered_until_s) == pytest.approx((4.1, 5.1))
    assert (two.asked_from_s, two.asked_until_s) == (6, 6), "a typed turn is asked when it is typed"
    assert (two.answered_from_s, two.answered_until_s) == pytest.approx((7.5, 8.0))
    assert (one.cost_usd, two.cost_usd, played.course.cost_usd) == (0.1, None, 0.1)
    assert played.course.ready_s == 0.5


def test_what_begins_in_a_turn_and_is_told_in_the_next_belongs_to_the_first():
    played = Played(
        (1, "turn"), (2, Transcript("user", "first ", final=False)), (2.1, Transcript("user", "words", final=False)),
        (2.5, ToolCalled("a", "f", {})), (3, ReplyStarted()), (3, ("model", 2.0)),
        (4, "turn"), (4, Transcript("user", "typed", final=True)), (4.1, Transcript("user", "first words", final=True)),
        (4.2, ToolCancelled("a", "f")), (4.3, ReplyFlushed(1.0, 1.0)), (4.4, usage(0.1, 0.1)),
        (4.4, Transcript("model", "long story", final=True, heard="long")), (4.4, done(cut=True)),
        (5, "short"), (5, usage(0.2, 0.3)), (5, done()),
    )  # fmt: skip
    one, two = played.turns
    assert (one.heard, two.heard) == ("first words", "typed")
    assert (one.reply, one.replies[0].heard, two.reply) == ("long story", "long", "short")
    assert one.calls[0].cancelled
    assert one.calls[0].ok is None
    assert (one.interrupted_s, two.interrupted_s) == (None, 4.3), "it is the second turn that cut in"
    assert (one.cost_usd, two.cost_usd) == pytest.approx((0.1, 0.2))


def test_a_barge_in_is_measured_in_the_sound():
    played = Played(
        (1, "turn"), (1, Transcript("user", "go", final=True)), (2, ReplyStarted()), (2, ("model", 2.3)),
        (4, "turn"), (4, ("user", 1.0)), (4.25, ReplyFlushed(1.0, 1.0)), (4.3, done(cut=True)),
        (6, ReplyStarted()), (6.1, ("model", 1.0)), (7.2, done()),
    )  # fmt: skip
    one, two = played.turns
    assert (two.asked_from_s, two.interrupted_s, two.silenced_s) == pytest.approx((4, 4.25, 4.3))
    assert one.answered_from_s == 2
    assert one.answered_until_s is None, "it was cut"
    assert (two.answered_from_s, two.answered_until_s) == pytest.approx((6.1, 7.1))


def test_a_reply_that_the_rest_of_the_question_cuts_is_an_answer_to_the_turn_before():
    played = Played(
        (1, "turn"), (2, "turn"), (2, ("user", 3.0)),
        (2.5, ReplyStarted()), (2.5, Transcript("model", "to the first", final=True)), (3, ReplyFlushed(1.0, 1.0)),
        (3, done(cut=True)), (6, "to the second"), (7, done()),
    )  # fmt: skip
    assert [turn.reply for turn in played.turns] == ["to the first", "to the second"]


@pytest.mark.parametrize(("cut", "since"), [(False, 2.5), (True, 5.5)])
def test_a_reply_that_is_whole_or_comes_after_the_question_stays(cut, since):
    played = Played(
        (1, "turn"), (2, "turn"), (2, ("user", 3.0)), (since, "mine"), (since + 1, done(cut=cut)),
    )  # fmt: skip
    assert [turn.reply for turn in played.turns] == ["", "mine"]


def test_what_is_said_in_a_turn_is_its_own_although_it_was_read_late():
    played = Played(
        (1, "turn"), (2, "turn"), (2, Transcript("user", "go", final=True)), (3, "a long story"), (3, ("model", 2.0)),
        (4, "turn"), (3.98, ("user", 0.02)), (4.5, ReplyFlushed(1.0, 1.0)), (4.5, done(cut=True)),
    )  # fmt: skip
    assert [turn.reply for turn in played.turns] == ["", "a long story", ""]
    assert [turn.asked_until_s for turn in played.turns] == [None, 2, pytest.approx(4)]


def test_several_replies_are_one_answer():
    played = Played(
        (1, "turn"), (1, Transcript("user", "go", final=True)),
        (2, "one moment"), (2, ("model", 1.0)), (3, usage(0.1, 0.1)), (3, done()), (4, ToolCalled("a", "f", {})),
        (5, "here it is"), (5, ("model", 1.0)), (6, usage(0.2, 0.3)), (6, done()),
    )  # fmt: skip
    (turn,) = played.turns
    assert turn.reply == "one moment here it is"
    assert (turn.answered_from_s, turn.answered_until_s) == pytest.approx((2, 6))
    assert turn.cost_usd == pytest.approx(0.3)


def test_answers_that_sound_without_a_break_are_told_apart():
    played = Played(
        (1, "turn"), (1, Transcript("user", "go", final=True)), (2, ReplyStarted()), (2, ReplyFirstSample()),
        (2, ("model", 1.0)), (2.8, done()),
        (2.85, "turn"), (2.85, Transcript("user", "on", final=True)), (2.9, ReplyStarted()),
        (3.012, ReplyFirstSample()), (3.0, ("model", 0.5)), (3.5, ("model", 0.5)), (3.6, done()),
    )  # fmt: skip
    one, two = played.turns
    assert (one.answered_from_s, one.answered_until_s) == pytest.approx((2, 3))
    assert (two.answered_from_s, two.answered_until_s) == pytest.approx((3, 4))


def test_words_without_sound_and_sound_without_words_are_answers():
    words = Played((1, "turn"), (2, "yes"), (3, done())).turns[0]
    sound = Played((1, "turn"), (2, ReplyStarted()), (2, ("model", 1.0)), (3, done())).turns[0]
    nothing = Played((1, "turn"), (2, ("user", 1.0))).turns[0]
    assert [turn.answered for turn in (words, sound, nothing)] == [True, True, False]
    assert words.answered_from_s is None


def test_a_repeated_call_is_noted_as_one():
    played = Played((1, "turn"), (2, ToolCalled("a", "f", {})), (3, ToolCalled("b", "f", {}, duplicate_of="a")))
    assert [call.repeats for call in played.turns[0].calls] == [False, True]


def test_what_is_of_no_turn_is_kept_too():
    played = Played(
        (0.5, Warned("early")), (0.6, Transcript("user", "nobody", final=True)), (1, "turn"),
        (2, SessionResumed(True, (), 1.0)), (3, SessionResumed(False, (), 1.0)), (4, Warned("late")),
    )  # fmt: skip
    assert played.course.warnings == ["early", "late"]
    assert played.course.moves == 2
    assert played.turns[0].heard == ""


def test_a_run_that_came_to_no_turn_is_finished():
    assert Played().turns == []


@pytest.mark.parametrize("early_s", [0.0, 0.001, 0.012, 0.019])
def test_a_chunk_that_was_under_way_when_a_turn_began_is_of_that_turn(early_s) -> None:
    """
    A clip that is loud from its first sample was taken for the end of the turn before, one time in a few: then the
    answer to that had come before its question was over.
    """
    course = Course()

    def speak(begun_s: float, chunks: int) -> None:
        course.begin(begun_s)
        for number in range(chunks):
            course.spoke(tone(WIRE_IN, CHUNK_S), begun_s - early_s + (number + 1) * CHUNK_S)

    course.spoke(bytes(WIRE_IN.bytes_of_ms(20)), 0.98)
    speak(1.0, 50)
    for number in range(100):  # silence until the very chunk
        course.spoke(bytes(WIRE_IN.bytes_of_ms(20)), 2.0 - early_s + (number + 1) * CHUNK_S)
    speak(4.0, 25)
    course.finish()

    first, second = course.turns
    assert (first.asked_from_s, first.asked_until_s) == pytest.approx((1.0 - early_s, 2.0 - early_s))
    assert (second.asked_from_s, second.asked_until_s) == pytest.approx((4.0 - early_s, 4.5 - early_s))


@pytest.mark.parametrize("late_s", [-0.5, 0.0, 0.04, 0.15])
def test_sound_is_its_replys_also_where_the_report_comes_later(late_s) -> None:
    """At ten times the speed, 4 ms of waiting for the event loop are 40 ms of the conversation."""
    course = Course()
    course.begin(0.5)
    for start_s in (1.0, 3.0):
        course.listen(Stamped(start_s + late_s, 1, ReplyStarted()))
        course.played(tone(WIRE_OUT, 1.5), start_s)
        course.listen(Stamped(start_s + 1.6, 1, ReplyComplete(1500, interrupted=False)))
        if start_s < 3:
            course.begin(2.9 + min(late_s, 0))
    course.finish()

    assert [(turn.answered_from_s, turn.answered_until_s) for turn in course.turns] == [(1.0, 2.5), (3.0, 4.5)]
