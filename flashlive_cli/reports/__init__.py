"""
What a talk tells whoever listens: the screen, the NDJSON stream, a recording, a scenario's judge.

Each report is a frozen struct with the type name of the public NDJSON schema; `record` turns a stamped one
into the object of its line. Fields carry their units in their names. Reports are made by `session` and consumed
everywhere else; nobody has to know a protocol event.

Structs, as events and commands are: a start makes seventy such classes, at half a millisecond each as dataclasses and
at a hundredth of one as these.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from flashlive_cli.reports.connection import (
    Failed,
    Noted,
    RecordingStarted,
    SessionClosed,
    SessionLeaving,
    SessionMoving,
    SessionReady,
    SessionResumed,
    Warned,
)
from flashlive_cli.reports.figures import (
    BargeInLatency,
    TalkSummary,
    TurnLatency,
    UsageReported,
)
from flashlive_cli.reports.sound import (
    EchoChanged,
    MicrophoneSwitched,
    SoundClosed,
    SoundLost,
    SoundReady,
    SoundRestored,
)
from flashlive_cli.reports.speech import (
    ReplyComplete,
    ReplyFirstSample,
    ReplyFlushed,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    Transcript,
)
from flashlive_cli.reports.tools import (
    ToolAsked,
    ToolCalled,
    ToolCancelled,
    ToolFinished,
    ToolPrinted,
    ToolProgressed,
)
from flashlive_cli.reports.video import VideoLost, VideoReady, VideoSent

__all__ = [
    "SCHEMA_VERSION",
    "BargeInLatency",
    "EchoChanged",
    "Failed",
    "Listener",
    "MicrophoneSwitched",
    "Noted",
    "RecordingStarted",
    "ReplyComplete",
    "ReplyFirstSample",
    "ReplyFlushed",
    "ReplyStarted",
    "Report",
    "SessionClosed",
    "SessionLeaving",
    "SessionMoving",
    "SessionReady",
    "SessionResumed",
    "SoundClosed",
    "SoundLost",
    "SoundReady",
    "SoundRestored",
    "SpeechEnded",
    "SpeechStarted",
    "Stamped",
    "TalkSummary",
    "ToolAsked",
    "ToolCalled",
    "ToolCancelled",
    "ToolFinished",
    "ToolPrinted",
    "ToolProgressed",
    "Transcript",
    "TurnLatency",
    "UsageReported",
    "VideoLost",
    "VideoReady",
    "VideoSent",
    "Warned",
    "record",
]

SCHEMA_VERSION: Final = 1
"""`schema` of every NDJSON line; raised when a field changes its meaning or goes away, not when one is added."""

Report = (
    SessionReady
    | SessionMoving
    | SessionResumed
    | SessionLeaving
    | SessionClosed
    | SoundReady
    | SoundLost
    | SoundRestored
    | EchoChanged
    | SoundClosed
    | MicrophoneSwitched
    | VideoReady
    | VideoSent
    | VideoLost
    | SpeechStarted
    | SpeechEnded
    | Transcript
    | ReplyStarted
    | ReplyFirstSample
    | ReplyFlushed
    | ReplyComplete
    | ToolCalled
    | ToolAsked
    | ToolProgressed
    | ToolFinished
    | ToolCancelled
    | ToolPrinted
    | UsageReported
    | TurnLatency
    | BargeInLatency
    | TalkSummary
    | RecordingStarted
    | Noted
    | Warned
    | Failed
)


class Stamped(Struct, frozen=True):
    """
    A report with its place in the talk.

    Attributes:
        t: seconds since the talk's start, monotonic.
        turn: the server's turn it belongs to, from 1.
        report: what happened.
    """

    t: float
    turn: int
    report: Report


_DIGITS: Final = {"ms": 1, "s": 3, "db": 2, "usd": 6}
"""How many decimals of a float are written, by the unit at the end of its name."""

Listener = Callable[[Stamped], None]
"""Takes a report in the event loop's thread; must not wait."""


def record(stamped: Stamped) -> dict[str, object]:
    """Return the object of an NDJSON line."""
    report = stamped.report
    return {
        "schema": SCHEMA_VERSION,
        "type": report.type,
        "t": round(stamped.t, 4),
        "turn": stamped.turn,
        **{name: _plain(name, value) for name, value in asdict(report).items()},
    }


def _plain(name: str, value: object) -> object:
    """Round a measured float by the unit that its name ends in, to what is below any clock or meter here."""
    digits = _DIGITS.get(name.rpartition("_")[2])
    return round(value, digits) if isinstance(value, float) and digits is not None else value
