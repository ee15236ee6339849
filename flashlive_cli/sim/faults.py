"""
What can be made to go wrong, by name: a table, and the reading of how a fault is asked for.

    drop-1006                     when the table says: in the middle of the first reply
    drop-1006@12.5                12.5 s after the connection was set up
    goaway-mid-answer@turn2       in the second turn of the session
    jitter:ms=300                 with a parameter; several are joined by colons
    goaway-early, slow-audio      several faults, by commas

A fault either strikes, once in a session however many sockets that has, or is a manner: it holds from the start,
from a moment on, or through one turn. Pure; `mischief` does what is told here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import meant_or_known

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

_LATEST_S: Final = 24 * 3600.0
_PARTED_BY_COMMA: Final = re.compile(r",\s*(?=\w+\s*=)")
"""What stands before a parameter where a colon should; a fault, which may stand there, is followed by no `=`."""
_SPELLED: Final = re.compile(r"(?P<name>[^@:]*)(?:@(?P<when>[^:]*))?(?::(?P<values>.*))?", re.DOTALL)


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


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A fault as asked for: read by `parse_fault`.

    Attributes:
        name: one of `FAULTS`.
        at_s: seconds after setup; None where a turn or the table decides.
        turn: number of a turn of the session, from 1; None where a time or the table decides.
        values: parameters that were given.
    """

    name: FaultName
    at_s: float | None = None
    turn: int | None = None
    values: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        when = f"@turn{self.turn}" if self.turn is not None else "" if self.at_s is None else f"@{self.at_s:g}"
        return self.name + when + "".join(f":{key}={value:g}" for key, value in self.values)

    @property
    def description(self) -> Description:
        """Its entry in the table."""
        return FAULTS[self.name]

    def value(self, parameter: str) -> float:
        """A parameter, given or by default."""
        return dict(self.values).get(parameter, self.description.parameters[parameter].default)

    @property
    def moment(self) -> tuple[float | None, int | None]:
        """When it strikes, as (seconds after setup, turn); both None for setup itself."""
        if self.at_s is not None or self.turn is not None:
            return self.at_s, self.turn
        return self.description.at_s, self.description.turn


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


def parse_fault(text: str) -> Fault:
    """
    Read one fault: `NAME`, `NAME@SECONDS`, `NAME@turnN`, each with `:key=value` behind it as often as needed.

    Raises:
        ConfigError: no such fault (names the nearest), no such parameter, or a value that is none.
    """
    _judge_commas(text)
    match = _SPELLED.fullmatch(text.strip())
    assert match is not None  # every part of the pattern may be empty
    name, when, values = match["name"].strip(), match["when"], match["values"]
    description = FAULTS.get(name)
    if description is None:
        raise ConfigError(f"there is no fault {name!r}{meant_or_known(name, FAULTS)}")
    at_s, turn = _moment(name, when)
    bind(description, "time" if at_s is not None else "turn" if turn is not None else "")
    given: dict[str, float] = {}
    for pair in [] if values is None else values.split(":"):
        key, equals, value = (piece.strip() for piece in pair.partition("="))
        if not equals:
            raise ConfigError(f"fault {name}: {pair!r} is not written as key=value")
        parameter = description.parameters.get(key)
        if parameter is None:
            known = description.parameters
            hint = meant_or_known(key, known) if known else ", nor any parameter"
            raise ConfigError(f"fault {name} has no {key!r}{hint}")
        given[key] = _number(f"fault {name}: {key}", value, parameter.least, parameter.most)
    return Fault(description.name, at_s, turn, tuple(given.items()))


def parse_faults(text: str) -> tuple[Fault, ...]:
    """
    Read several faults, separated by commas; an empty text is none.

    Raises:
        ConfigError: as `parse_fault`.
    """
    _judge_commas(text)
    return tuple(parse_fault(part) for part in text.split(",") if part.strip())


def bind(fault: Description, to: str) -> None:
    """
    Check that a fault can be bound to `time` or `turn`; the empty text is nothing.

    Raises:
        ConfigError: it cannot.
    """
    if to and to not in fault.binds:
        other = f"; it can to a {fault.binds[0]}" if fault.binds else ""
        raise ConfigError(f"fault {fault.name} cannot be bound to a {to}{other}")


def _judge_commas(text: str) -> None:
    if _PARTED_BY_COMMA.search(text):
        right = _PARTED_BY_COMMA.sub(":", text.strip())
        raise ConfigError(f"commas part faults, and colons the parameters of one: write {right}")


def _moment(name: str, when: str | None) -> tuple[float | None, int | None]:
    if when is None:
        return None, None
    when = when.strip()
    if when.startswith("turn"):
        turn = _number(f"fault {name}: the turn", when.removeprefix("turn"), 1, 1_000_000)
        if turn != int(turn):
            raise ConfigError(f"fault {name}: turns have whole numbers, not {when.removeprefix('turn')}")
        return None, int(turn)
    return _number(f"fault {name}: the time", when, 0, _LATEST_S), None


def _number(what: str, text: str, least: float, most: float) -> float:
    if not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip(), re.ASCII):
        raise ConfigError(f"{what} must be a number, not {text.strip()!r}")
    value = float(text)
    if not least <= value <= most:
        raise ConfigError(f"{what} must be between {least:g} and {most:g}, not {value:g}")
    return value
