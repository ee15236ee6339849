"""
What can be made to go wrong, by name, with where it was seen.

A fault either strikes, once in a session however many sockets that has, or is a manner: it holds from the start,
from a moment on, or through one turn. `faults` reads how one is asked for, and `mischief` does what is told here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

Strike = Literal[
    "goaway-early",
    "goaway-mid-answer",
    "drop-1006",
    "close-1008",
    "close-1011",
    "stall",
    "stall-after-goaway",
    "phantom-interrupt",
    "malformed-json",
    "huge-message",
    "quota",
]
"""What strikes, once in a session."""

Manner = Literal[
    "short-lease",
    "resume-refused",
    "slow-pong",
    "late-transcript",
    "transcript-without-audio",
    "merged-fields",
    "many-parts",
    "unknown-fields",
    "tiny-chunks",
    "slow-audio",
    "jitter",
    "duplicate-call",
    "no-context-update",
    "text-frames",
]
"""What lasts."""

FaultName = Literal[Strike, Manner]


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    One setting of a fault.

    Attributes:
        default: its value where none is given.
        words: what it is, with its unit.
        least, most: what it may be.
    """

    default: float
    words: str
    least: float = 0.0
    most: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """
    One fault.

    Attributes:
        name: as it is asked for.
        words: what the client meets.
        source: where it was seen or is documented; or that it was not.
        binds: what it can be bound to with an @: `time`, `turn`, both or nothing.
        at_s: when it strikes unless told otherwise, in seconds after setup.
        turn: the same, as the number of a turn; with neither it strikes at setup.
        parameters: by name.
    """

    name: FaultName
    words: str
    source: str
    binds: tuple[str, ...] = ("time", "turn")
    at_s: float | None = None
    turn: int | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def lasts(self) -> bool:
        """It is a manner; else it strikes once."""
        return self.name in get_args(Manner)

    @property
    def when(self) -> str:
        """When it happens unless told otherwise, for people."""
        if self.lasts:
            return "all along"
        if self.at_s is not None:
            return f"{self.at_s:g} s after setup"
        return "at setup" if self.turn is None else f"in turn {self.turn}"


_AFTER: Final = {"after": Parameter(0.4, "seconds of the reply's audio that are sent before; no more than it has")}

_TABLE: Final = (
    Description(
        name="goaway-early",
        words="`goAway` comes at once and leaves minutes; a client that moves at once cuts off the greeting",
        source="https://github.com/livekit/agents-js/pull/2507",
        at_s=1.0,
        parameters={"left": Parameter(300, "seconds until the connection is cut")},
    ),
    Description(
        name="goaway-mid-answer",
        words="`goAway` comes in the middle of a reply, and the cut before a long reply is over",
        source="https://github.com/pydantic/pydantic-ai/issues/7188",
        turn=1,
        parameters={"left": Parameter(50, "seconds until the connection is cut")} | _AFTER,
    ),
    Description(
        name="short-lease",
        words="every connection is told to go away sooner than after nine minutes",
        source="https://ai.google.dev/gemini-api/docs/live-api/session-management (promises no time)",
        binds=(),
        parameters={
            "after": Parameter(60, "seconds after setup", least=1),
            "left": Parameter(50, "seconds until the connection is cut"),
        },
    ),
    Description(
        name="drop-1006",
        words="the connection is gone without a close frame",
        source="https://github.com/livekit/agents-js/pull/2366",
        turn=1,
        parameters=_AFTER,
    ),
    Description(
        name="close-1008",
        words='closes with 1008 "The operation was aborted."',
        source="https://github.com/livekit/agents-js/pull/2366",
        turn=1,
        parameters=_AFTER,
    ),
    Description(
        name="close-1011",
        words='closes with 1011 "Internal error encountered."',
        source="https://github.com/google-gemini/deprecated-generative-ai-js/issues/487",
        turn=1,
        parameters=_AFTER,
    ),
    Description(
        name="resume-refused",
        words="a handle is refused with 1011, or with 1008 where so set, although it is good",
        source="https://github.com/frontier-on-cloud/gemini-live-resume-test",
        binds=(),
        parameters={
            "times": Parameter(0, "refusals before a handle is taken; 0 for always", most=1000),
            "code": Parameter(1011, "close code", least=1007, most=1011),
        },
    ),
    Description(
        name="slow-pong",
        words="pings are answered late, so that a short keepalive timeout ends a healthy connection",
        source="https://github.com/aicc2025/sip-to-ai/pull/14",
        binds=("time",),
        parameters={"seconds": Parameter(25, "seconds from ping to pong")},
    ),
    Description(
        name="stall",
        words="nothing comes for a while, in the middle of a reply; then what was held back, at once",
        source="https://github.com/livekit/agents/issues/3604",
        turn=1,
        parameters={"seconds": Parameter(5, "how long; 0 for ever")} | _AFTER,
    ),
    Description(
        name="stall-after-goaway",
        words="nothing comes after `goAway` until the cut; sends one by itself where no other fault does",
        source="https://github.com/sierra-research/tau2-bench/issues/461",
        at_s=1.0,
        parameters={"left": Parameter(50, "seconds until the connection is cut, where this fault sends the goAway")},
    ),
    Description(
        name="phantom-interrupt",
        words="a reply is interrupted although nobody spoke",
        source="https://ai.google.dev/gemini-api/docs/live-api/best-practices (a model that hears itself)",
        turn=1,
        parameters=_AFTER,
    ),
    Description(
        name="late-transcript",
        words="transcripts of both sides come later than the sound, even after the turn's end",
        source="https://ai.google.dev/api/live (no ordering is promised)",
        parameters={"seconds": Parameter(1.0, "how much later")},
    ),
    Description(
        name="transcript-without-audio",
        words="replies are transcript and no sound",
        source="https://github.com/pydantic/pydantic-ai (tests/realtime/cassettes, seen once on 3.1)",
    ),
    Description(
        name="merged-fields",
        words="what is sent in the same moment shares one message: audio with generationComplete, "
        "interrupted with turnComplete, a call with the end of its turn",
        source="https://ai.google.dev/api/live (the types allow it)",
    ),
    Description(
        name="many-parts",
        words="the audio of one message is spread over several parts",
        source="https://ai.google.dev/gemini-api/docs/live-api/capabilities",
        parameters={"parts": Parameter(3, "parts of each message", least=2, most=100)},
    ),
    Description(
        name="unknown-fields",
        words="messages carry fields nobody knows, and unknown messages come between them",
        source="https://github.com/googleapis/python-genai (its types gain fields every few weeks)",
    ),
    Description(
        name="text-frames",
        words="messages come in text frames instead of binary ones",
        source="not seen on the service; what a proxy between can do",
        binds=(),
    ),
    Description(
        name="malformed-json",
        words="one message is cut short and is no JSON",
        source="not seen on the service; what a proxy between can do",
        turn=1,
        parameters=_AFTER,
    ),
    Description(
        name="huge-message",
        words="one message is larger than the 1 MiB that WebSocket libraries take by default",
        source="https://websockets.readthedocs.io/en/stable/topics/memory.html; not seen on the service",
        turn=1,
        parameters={"mib": Parameter(2, "its size in MiB", least=0.001, most=15)} | _AFTER,
    ),
    Description(
        name="tiny-chunks",
        words="audio comes in very short chunks; single samples were seen as first ones",
        source="https://github.com/pydantic/pydantic-ai (tests/realtime/cassettes)",
        parameters={"ms": Parameter(10, "milliseconds of sound in each", least=0.05, most=200)},
    ),
    Description(
        name="slow-audio",
        words="replies are generated more slowly than they are played",
        source="https://github.com/livekit/agents/issues/3604",
        parameters={"pace": Parameter(0.7, "times real time", least=0.01, most=100)},
    ),
    Description(
        name="quota",
        words='closes with 1011 "You exceeded your current quota…" at setup, or later where so told',
        source="https://ai.google.dev/gemini-api/docs/rate-limits",
        parameters=_AFTER,
    ),
    Description(
        name="jitter",
        words="every message is late by a random time; their order stays",
        source="any network",
        parameters={
            "ms": Parameter(200, "milliseconds at most", most=60_000),
            "seed": Parameter(1, "of the random numbers", most=2**31),
        },
    ),
    Description(
        name="duplicate-call",
        words="after a barge-in into an open BLOCKING call the same call is made again under a new id (3.8)",
        source="https://github.com/frontier-on-cloud/gemini-live-stop-test",
    ),
    Description(
        name="no-context-update",
        words="`contextUpdate` closes with 1007, as a service does that does not know it",
        source="https://ai.google.dev/api/live (lists four client messages) against google-genai 3 (sends a fifth)",
    ),
)

FAULTS: Final[Mapping[str, Description]] = MappingProxyType({fault.name: fault for fault in _TABLE})
"""Every fault by name, in the order in which they are best read."""
