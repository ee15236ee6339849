"""Runs whose every time is known, as reports and sound would have told them."""

import numpy as np

from flashlive_cli.pcm import PcmFormat
from flashlive_cli.reports import (
    BargeInLatency,
    ReplyComplete,
    ReplyFlushed,
    ReplyStarted,
    SessionReady,
    SpeechEnded,
    SpeechStarted,
    Stamped,
    ToolCalled,
    ToolFinished,
    Transcript,
    TurnLatency,
)
from flashlive_cli.scenario.course import Course


def tone(pcm: PcmFormat, seconds: float, amplitude: int = 8000) -> bytes:
    return np.where(np.arange(round(seconds * pcm.rate_hz)) % 40 < 20, amplitude, -amplitude).astype("<i2").tobytes()


def cut_in(words: str = "once upon a time", args: dict[str, object] | None = None) -> Course:
    """The user asks at 1 s, is answered at 3 s, cuts in at 4 s, a tool is called at 5.5 s, answered at 6 s to 7 s."""
    course = Course()

    def told(t: float, report) -> None:
        course.listen(Stamped(t, 1, report))

    def spoke(start_s: float, seconds: float) -> None:
        course.spoke(tone(course.user.pcm, seconds), start_s + seconds)

    told(0.5, SessionReady("a-model", None, (), simulated=True, setup_ms=100))
    course.begin(0.8)
    spoke(1.0, 1.0)
    told(1.1, SpeechStarted("server", 0.2))
    told(2.5, SpeechEnded("server", 1.2))
    told(2.5, Transcript("user", f"tell me: {words}", final=True))
    told(2.9, ReplyStarted())
    course.played(tone(course.model.pcm, 1.2), 3.0)
    told(3.0, TurnLatency(800, 100, 100, 1000))
    course.begin(3.9)
    spoke(4.0, 0.5)
    told(4.2, ReplyFlushed(1200, 2500))
    told(4.2, Transcript("model", f"{words} and more", final=True, heard=words))
    told(4.21, ReplyComplete(3700, interrupted=True))
    told(4.22, BargeInLatency(200, 20))
    told(5.5, ToolCalled("1", "look_up", args if args is not None else {"what": words}))
    told(5.8, ToolFinished("1", "look_up", ok=True, response={"output": words}, duration_ms=300))
    told(5.9, ReplyStarted())
    course.played(tone(course.model.pcm, 1.0), 6.0)
    told(7.1, Transcript("model", "found", final=True))
    told(7.1, ReplyComplete(1000, interrupted=False))
    course.finish()
    return course
