"""Plain lines and NDJSON: the same talk for people and for programs."""

import contextlib
import io
import json
import os
import threading
from typing import get_args

import pytest

from flashlive_cli import reports as r
from flashlive_cli.errors import OutputFailed
from flashlive_cli.ui.ndjson import JsonScreen
from flashlive_cli.ui.outlet import Outlet
from flashlive_cli.ui.plain import PlainScreen

EXAMPLES: list[r.Report] = [
    r.SessionReady("gemini-x", "Puck", ("f",), simulated=True, setup_ms=12.34),
    r.SessionClosed(1000, "", 3.0, 2),
    r.SpeechStarted("server", 0.5),
    r.SpeechEnded("server", 1.5),
    r.Transcript("user", "What", final=False),
    r.Transcript("user", "What time is it?", final=True),
    r.Transcript("model", "It is noon.", final=True, heard="It is noon."),
    r.Transcript("model", "It is five past noon.", final=True, heard="It is"),
    r.Transcript("model", "It is.", final=True, heard=""),
    r.ReplyStarted(),
    r.ReplyFirstSample(),
    r.ReplyFlushed(100.0, 200.0),
    r.ReplyComplete(300.0, interrupted=False),
    r.ToolCalled("1", "f", {"x": 1, "y": "z"}),
    r.ToolFinished("1", "f", ok=True, response={"output": {"a": [1]}}, duration_ms=3.21),
    r.ToolFinished("1", "f", ok=False, response={"error": "broken"}, duration_ms=3.21),
    r.ToolCancelled("1", "f"),
    r.ToolPrinted("f", "hello"),
    r.UsageReported(1, 2, 3, 6, {"TEXT": 1}, {"AUDIO": 2}),
    r.TurnLatency(600.0, 0.0, 20.0, 620.0),
    r.BargeInLatency(150.0, 17.5),
    r.Warned("careful"),
    r.Failed("broken", 3),
    r.SessionMoving("the tools have changed"),
    r.SessionResumed(False, ("f",), 1500.0),
    r.ToolCalled("2", "f", {"x": 1}, duplicate_of="1"),
    r.ToolAsked("1", "f", {"x": 1}),
    r.ToolProgressed("1", "f", {"output": "half"}),
    r.SoundReady("USB", 16_000, 20.0, "Speaker", 48_000, 10.0, "cancel"),
    r.SoundReady(None, None, None, "aplay -q", 24_000, None, None),
    r.EchoChanged("learning", None),
    r.EchoChanged("half", None),
    r.EchoChanged("cancelling", 31.2),
    r.SoundClosed(2, 20.0, 31.2),
    r.SessionLeaving(50.0),
    r.MicrophoneSwitched("muted"),
    r.TalkSummary(62.0, 3, 1, 2, 612.0, 655.5, 18.2, {"TEXT": 10, "AUDIO": 90}, {"AUDIO": 50}, 0.01234),
    r.VideoReady("screen 1", "speaking", 1.0, 768, 576),
    r.VideoSent("speech", 768, 576, 41_234, "image/jpeg", sent=1),
    r.VideoLost("camera 0", "camera 0: cannot be opened"),
    r.RecordingStarted("recordings/2026-11-22_21-30-05"),
    r.Noted("good to know"),
    r.SessionResumed(True, (), 1500.0, asked_again=True, microphone_lost_ms=400.0),
    r.TalkSummary(1.0, 0, 0, 0, None, None, None, {}, {}, None),
    r.SoundLost("speaker", "USB", "the speaker (USB) went away", 60.0),
    r.SoundRestored("speaker", "default", 24_000, 10.0, 1540.0),
]


def unexpected(failure: OutputFailed) -> None:
    raise failure


def shown(report: r.Report) -> tuple[str, str]:
    """What stdout and stderr get of a report in plain format."""
    data, notes = io.StringIO(), io.StringIO()
    with Outlet(data, name="data", failed=unexpected) as one, Outlet(notes, name="notes", failed=unexpected) as other:
        PlainScreen(one, other)(r.Stamped(1.0, 1, report))
    return data.getvalue(), notes.getvalue()


def as_json(report: r.Report) -> str:
    stream = io.StringIO()
    with Outlet(stream, name="test", failed=unexpected) as outlet:
        JsonScreen(outlet, outlet)(r.Stamped(1.23456, 2, report))
    return stream.getvalue()


def test_the_examples_hold_every_report() -> None:
    assert {type(example) for example in EXAMPLES} == set(get_args(r.Report))


@pytest.mark.parametrize("report", EXAMPLES, ids=lambda report: type(report).__name__)
def test_every_report_is_one_json_line_with_its_type(report) -> None:
    line = as_json(report)

    assert line.count("\n") == 1
    record = json.loads(line)
    assert {"schema": 1, "type": report.type, "t": 1.2346, "turn": 2}.items() <= record.items()
    assert len(record) > 3


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (EXAMPLES[5], "you: What time is it?\n"),
        (EXAMPLES[6], "gemini: It is noon.\n"),
        (EXAMPLES[7], "gemini: It is [not heard: five past noon.]\n"),
        (EXAMPLES[8], "gemini: [not heard: It is.]\n"),
        (EXAMPLES[13], 'tool: f(x=1, y="z")\n'),
        (EXAMPLES[14], 'tool: f -> {"a": [1]} (3 ms)\n'),
        (EXAMPLES[15], "tool: f -> error: broken (3 ms)\n"),
        (EXAMPLES[16], "tool: f was cancelled\n"),
        (EXAMPLES[17], "tool: f printed: hello\n"),
    ],
)
def test_the_conversation_goes_to_stdout_in_stable_lines(report, line) -> None:
    assert shown(report) == (line, "")


@pytest.mark.parametrize("report", EXAMPLES, ids=lambda report: type(report).__name__)
def test_what_is_said_about_the_talk_goes_to_stderr_with_the_programs_name(report) -> None:
    data, notes = shown(report)

    assert not (data and notes)
    assert notes == "" or notes.startswith("flashlive: ")


def test_what_is_good_to_know_is_no_warning() -> None:
    assert shown(r.Noted("good to know")) == ("", "flashlive: good to know\n")


def test_what_the_talk_sounds_through_is_said_with_what_it_holds_back() -> None:
    notes = [shown(report)[1] for report in EXAMPLES if isinstance(report, r.SoundReady | r.EchoChanged)]

    assert notes == [
        "flashlive: microphone USB (16 kHz, holds 20 ms), speaker Speaker (48 kHz, holds 10 ms), echo: cancel\n",
        "flashlive: speaker aplay -q\n",
        "flashlive: echo: learning the room; the microphone is off while the reply sounds (headphones: --echo off)\n",
        "flashlive: echo: half duplex; the microphone is off while the reply sounds\n",
        "flashlive: echo: cancelled, by 31 dB\n",
    ]


def test_a_device_that_is_lost_and_one_that_goes_on_in_its_place_are_told_by_name() -> None:
    notes = [shown(report)[1] for report in EXAMPLES if isinstance(report, r.SoundLost | r.SoundRestored)]

    assert notes == [
        "flashlive: the speaker (USB) went away; waiting up to 60 s for it, or for another\n",
        "flashlive: going on after 1.5 s with speaker default (24 kHz, holds 10 ms)\n",
    ]


def test_a_talk_is_summed_up_in_words_that_fit_the_numbers() -> None:
    summaries = [shown(report)[1] for report in EXAMPLES if isinstance(report, r.TalkSummary)]

    assert summaries == [
        (
            "flashlive: 1:02, 3 turns, 1 barge-in, 2 tool calls, 100 tokens in, 50 tokens out, $0.0123\n"
            "flashlive: in the median 612 ms to the first content, 656 ms to the first sound, "
            "18 ms from a barge-in to silence\n"
        ),
        "flashlive: 0:01, 0 turns\n",
    ]


HOSTILE = "\x1b[2J\x07\x9b31m\u202egnp.exe\u2028\udc80\x7f"


@pytest.mark.parametrize(
    "report",
    [
        r.Transcript("model", HOSTILE, final=True, heard=""),
        r.Transcript("user", HOSTILE, final=True),
        r.ToolCalled("1", HOSTILE, {HOSTILE: HOSTILE}),
        r.ToolFinished("1", "f", ok=True, response={"output": HOSTILE}, duration_ms=1.0),
        r.ToolPrinted("f", HOSTILE),
        r.Noted(HOSTILE),
        r.Warned(HOSTILE),
        r.Failed(HOSTILE, 1),
    ],
    ids=lambda report: type(report).__name__,
)
def test_nothing_from_a_stranger_steers_the_terminal(report) -> None:
    plain = "".join(shown(report)).rstrip("\n")
    line = as_json(report).rstrip("\n")

    for text in (plain, line):
        assert not set(text) & set("\x1b\x07\x9b\u202e\u2028\udc80\x7f\n")
        text.encode()
    assert "gnp.exe" in plain
    assert HOSTILE in flattened(json.loads(line)), "a program gets the very text"


def flattened(value: object) -> list[object]:
    if isinstance(value, dict):
        return [inner for pair in value.items() for each in pair for inner in flattened(each)]
    return [value]


def test_a_reader_who_leaves_is_noticed_once_and_nothing_waits() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    noticed = []
    failed = threading.Event()

    def on_failure(failure) -> None:
        noticed.append(str(failure))
        failed.set()

    stream = os.fdopen(theirs, "w", buffering=1)
    with Outlet(stream, name="stdout", failed=on_failure) as outlet:
        outlet.say("one")
        assert failed.wait(10)
        outlet.say("two")
    with contextlib.suppress(BrokenPipeError):
        stream.close()

    assert len(noticed) == 1
    assert "stdout takes no more output" in noticed[0]


def test_a_reader_who_reads_nothing_holds_up_nobody() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb", buffering=0) as reader:
        outlet = Outlet(stream, name="stdout", failed=unexpected)
        outlet.__enter__()
        for _ in range(100):
            outlet.say("x" * 10_000)  # a pipe holds 64 KiB
        outlet.close(timeout_s=0.1)
        got = 0
        while got < 100 * 10_001:
            got += len(reader.read(65536))
