"""The story of a talk, told from what the server says and what the speaker plays."""

import pytest

from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.prices import Price
from flashlive_cli.reports import (
    BargeInLatency,
    ReplyComplete,
    ReplyFirstSample,
    ReplyFlushed,
    ReplyStarted,
    Report,
    Transcript,
    TurnLatency,
    UsageReported,
)
from flashlive_cli.session.bill import Bill
from flashlive_cli.session.narrator import Narrator


def audio(ms: int) -> e.AudioChunk:
    return e.AudioChunk(bytes(48 * ms))


class Story:
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.narrator = Narrator(
            self.reports.append, Bill(Price(text_in=0.5, audio_in=3, image_in=3, text_out=2, audio_out=12))
        )

    def told(self, now: float, *events: e.Event, asked_s: float | None = None) -> None:
        for event in events:
            self.narrator.told(event, now, asked_s=asked_s)

    def final(self, role: str) -> list[tuple[str, str | None]]:
        return [(r.text, r.heard) for r in self.reports if isinstance(r, Transcript) and r.final and r.role == role]


def test_pieces_of_transcript_are_joined_without_inventing_spaces() -> None:
    story = Story()
    story.told(1, *(e.InputTranscript(piece) for piece in (" He", "llo", ",", " you")), e.OutputTranscript("G"))
    story.told(2, e.OutputTranscript("ood day"), e.TurnComplete())

    assert story.final("user") == [("Hello, you", None)]
    assert story.final("model") == [("Good day", "Good day")]


def test_a_guess_is_not_taken_for_words() -> None:
    story = Story()
    story.told(1, e.InputTranscript("hollow", interim=True), e.InputTranscript("hello"), e.SpeechEnded())

    assert story.final("user") == [("hello", None)]


@pytest.mark.parametrize("then", [e.SpeechEnded(), e.ToolCall("1", "f"), e.OutputTranscript("x"), e.TurnComplete()])
def test_the_users_words_are_final_at_the_first_thing_after_them(then) -> None:
    story = Story()
    story.told(1, e.InputTranscript("hello"), then)

    assert story.final("user") == [("hello", None)]


def test_latency_comes_in_stages_that_add_up() -> None:
    story = Story()
    story.told(11.0, e.OutputTranscript("Hi"), asked_s=10.0)
    story.told(11.25, audio(100), asked_s=10.5)
    story.narrator.playing(11.5)

    assert [r for r in story.reports if isinstance(r, TurnLatency)] == [TurnLatency(1000, 250, 250, 1500)]
    assert [type(r) for r in story.reports].count(ReplyFirstSample) == 1


def test_a_tool_call_is_the_first_content() -> None:
    story = Story()
    story.told(11.0, e.ToolCall("1", "f"), asked_s=10.0)
    story.told(13.0, audio(100), asked_s=10.0)
    story.narrator.playing(13.0)

    assert [r for r in story.reports if isinstance(r, TurnLatency)] == [TurnLatency(1000, 2000, 0, 3000)]


def test_a_typed_line_is_asked_when_it_goes_out() -> None:
    story = Story()
    story.narrator.typed("hi", 5.0)
    story.told(6.0, audio(100), asked_s=1.0)
    story.narrator.playing(6.0)

    assert [r.total_ms for r in story.reports if isinstance(r, TurnLatency)] == [1000]


def test_playing_on_after_a_pause_is_no_second_first_sample_latency() -> None:
    story = Story()
    story.told(11.0, audio(100), asked_s=10.0)
    for now in (11.0, 12.0):
        story.narrator.playing(now)

    assert len([r for r in story.reports if isinstance(r, TurnLatency | ReplyFirstSample)]) == 2


@pytest.mark.parametrize(
    ("heard_ms", "heard"),
    [
        (0, ""),
        (400, ""),
        (500, "One"),
        (1000, "One two"),
        (1400, "One two three"),
        (1999, "One two three four"),
        (5000, None),
    ],
)
def test_a_cut_transcript_ends_with_the_last_whole_word_that_was_heard(heard_ms, heard) -> None:
    story = Story()
    story.told(1.0, audio(1000), e.OutputTranscript("One two"))
    story.told(1.1, audio(1000), e.OutputTranscript(" three four five"))
    story.narrator.interrupted(2.0, played_frames=24 * heard_ms, dropped_frames=24 * 100, spoke_s=1.8)
    story.narrator.silent(2.018)
    story.told(2.1, e.TurnComplete())

    text = "One two three four five"
    assert story.final("model") == [(text, text if heard is None else heard)]
    assert ReplyFlushed(heard_ms=heard_ms, dropped_ms=100) in story.reports
    [latency] = [r for r in story.reports if isinstance(r, BargeInLatency)]
    assert latency.speech_start_to_interrupted_ms == pytest.approx(200)
    assert latency.interrupted_to_silence_ms == pytest.approx(18)


def test_a_reply_that_the_end_of_the_talk_cuts_off_is_no_barge_in() -> None:
    story = Story()
    story.told(1.0, audio(1000), e.OutputTranscript("One"))
    story.narrator.interrupted(1.5, played_frames=24 * 500, dropped_frames=24 * 500, spoke_s=None)
    story.narrator.ended()
    story.narrator.silent(1.6)

    assert not [r for r in story.reports if isinstance(r, BargeInLatency)]


def test_what_was_played_of_an_earlier_reply_does_not_count_for_this_one() -> None:
    story = Story()
    story.told(1.0, audio(500), e.OutputTranscript("First."), e.TurnComplete())
    story.told(2.0, audio(1000), e.OutputTranscript("Second one."))
    story.narrator.interrupted(3.0, played_frames=24 * 750, dropped_frames=24 * 750, spoke_s=None)

    assert ReplyFlushed(heard_ms=250, dropped_ms=750) in story.reports


def test_two_barge_ins_in_a_row_are_each_measured_by_what_was_played() -> None:
    story = Story()
    for played_ms, now in ((300, 1.0), (700, 2.0)):
        story.told(now, audio(1000), e.OutputTranscript("One two."))
        story.narrator.interrupted(now, played_frames=24 * played_ms, dropped_frames=0, spoke_s=None)
        story.told(now, e.TurnComplete())

    assert [r.heard_ms for r in story.reports if isinstance(r, ReplyFlushed)] == [300, 400]


def test_what_an_older_turn_asked_does_not_count_for_this_one() -> None:
    story = Story()
    story.narrator.typed("silent turn", 1.0)
    story.told(2.0, e.ToolCall("1", "f"), e.TurnComplete())
    story.narrator.listening()
    story.told(32.0, audio(100), asked_s=31.0)
    story.narrator.playing(32.0)

    assert [r.total_ms for r in story.reports if isinstance(r, TurnLatency)] == [1000]


def test_a_reply_that_ended_before_it_sounded_is_heard_all_the_same() -> None:
    story = Story()
    story.told(11.0, audio(100), e.TurnComplete(), asked_s=10.0)
    story.narrator.playing(11.0)

    assert [type(r) for r in story.reports][-2:] == [ReplyFirstSample, TurnLatency]


def test_words_that_trail_an_interruption_belong_to_the_cut_reply() -> None:
    story = Story()
    story.told(1.0, audio(100), e.OutputTranscript("One"))
    story.narrator.interrupted(1.1, played_frames=2400, dropped_frames=0, spoke_s=None)
    story.told(1.2, e.OutputTranscript(" two"), e.TurnComplete())

    assert [text for text, _ in story.final("model")] == ["One two"]


def test_a_cut_reply_without_an_end_of_turn_ends_at_the_next_one() -> None:
    story = Story()
    story.told(1.0, audio(100), e.OutputTranscript("One"))
    story.narrator.interrupted(1.1, played_frames=0, dropped_frames=2400, spoke_s=None)
    story.told(1.2, e.InputTranscript("stop"), audio(100))

    assert [type(r) for r in story.reports if isinstance(r, ReplyStarted | ReplyComplete)] == [
        ReplyStarted,
        ReplyComplete,
        ReplyStarted,
    ]


def test_turns_are_counted_and_usage_is_passed_on() -> None:
    story = Story()
    story.told(1.0, e.Usage(prompt=1, total=3, prompt_by_modality={"AUDIO": 1}), e.TurnComplete(), e.TurnComplete())

    assert story.narrator.turn == 3
    assert [r.prompt_tokens_by_modality for r in story.reports if isinstance(r, UsageReported)] == [{"AUDIO": 1}]


def test_what_the_server_goes_on_to_say_after_a_key_is_no_part_of_the_story() -> None:
    story = Story()
    story.told(1.0, audio(100), e.OutputTranscript("Once upon a time "))
    story.narrator.interrupted(1.05, played_frames=1200, dropped_frames=1200, spoke_s=None, by="key")
    story.told(1.2, e.OutputTranscript("there was a king."))
    story.told(2.0, e.TurnComplete())
    story.told(3.0, audio(100), e.OutputTranscript("Yes?"), e.TurnComplete())

    assert [text for text, _ in story.final("model")] == ["Once upon a time", "Yes?"]
    assert [r.by for r in story.reports if isinstance(r, ReplyFlushed)] == ["key"]


def test_a_line_typed_over_a_reply_is_what_the_next_one_answers() -> None:
    story = Story()
    story.told(1.0, audio(100))
    story.narrator.typed("stop", 1.5)
    story.narrator.interrupted(1.52, played_frames=0, dropped_frames=2400, spoke_s=None)
    story.told(1.53, e.TurnComplete())
    story.told(2.0, audio(100), asked_s=0.2)
    story.narrator.playing(2.1)

    assert [round(r.total_ms) for r in story.reports if isinstance(r, TurnLatency)] == [600]


def test_words_without_spaces_are_divided_where_the_sound_stopped() -> None:
    story = Story()
    story.told(1.0, audio(1000), e.OutputTranscript("明日は雨が降ります。"))
    story.narrator.interrupted(1.5, played_frames=12_000, dropped_frames=12_000, spoke_s=None)
    story.told(1.6, e.TurnComplete())

    assert story.final("model") == [("明日は雨が降ります。", "明日は雨が")]


def test_words_that_come_after_the_end_of_their_turn_are_no_part_of_the_next_answer() -> None:
    story = Story()
    story.told(1, audio(100), e.TurnComplete())
    story.told(2, e.OutputTranscript("It is noon."))
    story.narrator.typed("And now?", 3)
    story.told(4, audio(100), e.OutputTranscript("Still noon."), e.TurnComplete())

    assert [text for text, _ in story.final("model")] == ["It is noon.", "Still noon."]
    assert story.narrator.reply_started_s == 4
