"""
What a talk tells whoever listens: the screen, the NDJSON stream, a recording, a scenario's judge.

Each report is a frozen dataclass with the type name of the public NDJSON schema; `record` turns a stamped one
into the object of its line. Fields carry their units in their names. Reports are made by `session` and consumed
everywhere else; nobody has to know a protocol event.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

SCHEMA_VERSION: Final = 1
"""`schema` of every NDJSON line; raised when a field changes its meaning or goes away, not when one is added."""


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The service took the setup; the talk begins."""

    type: ClassVar = "session.ready"
    model: str
    voice: str | None
    tools: tuple[str, ...]
    simulated: bool
    setup_ms: float


@dataclass(frozen=True, slots=True)
class SessionMoving:
    """The talk moves to another connection, in a quiet moment."""

    type: ClassVar = "session.moving"
    reason: str


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """
    The talk goes on over another connection.

    Attributes:
        resumed: it is the old session; False for a fresh one, which knows nothing of what was said.
        tools: what the model may call now.
        moved_ms: how long nothing was heard.
    """

    type: ClassVar = "session.resumed"
    resumed: bool
    tools: tuple[str, ...]
    moved_ms: float


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The talk is over; `code` and `reason` are of the WebSocket's close frame."""

    type: ClassVar = "session.closed"
    code: int
    reason: str
    duration_s: float
    turns: int


@dataclass(frozen=True, slots=True)
class SoundReady:
    """
    Microphone and speaker are open; a side that is not a sound card's has None for its figures.

    Attributes:
        microphone: the device's name, or the program's command.
        microphone_rate_hz: at which it is open.
        microphone_latency_ms: what it holds before it hands over.
        speaker: the device's name, or the program's command.
        speaker_rate_hz: at which it is open.
        speaker_latency_ms: what it holds: sound that a barge-in cannot call back.
        echo: what is done against the speaker's echo; None where there is none.
    """

    type: ClassVar = "sound.ready"
    microphone: str | None
    microphone_rate_hz: int | None
    microphone_latency_ms: float | None
    speaker: str | None
    speaker_rate_hz: int | None
    speaker_latency_ms: float | None
    echo: Literal["cancel", "half", "off"] | None


@dataclass(frozen=True, slots=True)
class EchoChanged:
    """
    What is done against the echo has changed.

    Attributes:
        state: `learning` (the microphone is off while the speaker sounds), `cancelling`, or `half` (the same, for
            the rest of the talk).
        erle_db: by how much the echo is lowered, as measured; None where nothing was measured.
    """

    type: ClassVar = "sound.echo"
    state: Literal["learning", "cancelling", "half"]
    erle_db: float | None


@dataclass(frozen=True, slots=True)
class SoundClosed:
    """
    Microphone and speaker are closed.

    Attributes:
        underruns: times that the speaker ran dry within a reply.
        microphone_lost_ms: sound of the microphone that could not be sent in time.
        erle_db: by how much the echo was lowered in the end; None where nothing was measured.
    """

    type: ClassVar = "sound.closed"
    underruns: int
    microphone_lost_ms: float
    erle_db: float | None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak, as the server or our own ear has it; `offset_s` is on the server's input clock."""

    type: ClassVar = "speech.started"
    source: Literal["server", "local"]
    offset_s: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The user stopped speaking, as the server or our own ear has it."""

    type: ClassVar = "speech.ended"
    source: Literal["server", "local"]
    offset_s: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """
    Words of either side.

    Attributes:
        role: `user` or `model`.
        text: a piece to append as it is; when `final`, all words of this utterance or reply.
        final: nothing will be added.
        heard: of a final model transcript, the beginning that was really played; None elsewhere.
    """

    type: ClassVar = "transcript"
    role: Literal["user", "model"]
    text: str
    final: bool
    heard: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first sound or word of a reply arrived."""

    type: ClassVar = "reply.started"


@dataclass(frozen=True, slots=True)
class ReplyFirstSample:
    """The reply's first sample was played."""

    type: ClassVar = "reply.first_sample"


@dataclass(frozen=True, slots=True)
class ReplyFlushed:
    """The user cut in: playback was emptied; `heard_ms` of the reply had been played, `dropped_ms` were not."""

    type: ClassVar = "reply.flushed"
    heard_ms: float
    dropped_ms: float


@dataclass(frozen=True, slots=True)
class ReplyComplete:
    """The server closed the turn; `audio_ms` of sound had arrived for it."""

    type: ClassVar = "reply.complete"
    audio_ms: float
    interrupted: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """
    The model called a tool.

    Attributes:
        id: of this call.
        name: of the tool.
        args: as the model sent them.
        duplicate_of: id of the call that this one repeats: the tool is not run again.
    """

    type: ClassVar = "tool.called"
    id: str
    name: str
    args: Mapping[str, object]
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The user is asked whether a tool may be run."""

    type: ClassVar = "tool.asked"
    id: str
    name: str
    args: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolProgressed:
    """A tool that yields gave an interim answer."""

    type: ClassVar = "tool.progress"
    id: str
    name: str
    response: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call was answered, with `response["output"]` or, where not `ok`, with `response["error"]`."""

    type: ClassVar = "tool.finished"
    id: str
    name: str
    ok: bool
    response: Mapping[str, object]
    duration_ms: float


@dataclass(frozen=True, slots=True)
class ToolCancelled:
    """The server took a tool call back; it is not answered."""

    type: ClassVar = "tool.cancelled"
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolPrinted:
    """A tool printed a line."""

    type: ClassVar = "tool.printed"
    name: str
    line: str


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens of one response, as the service counts them; not cumulative."""

    type: ClassVar = "usage"
    prompt_tokens: int
    response_tokens: int
    thought_tokens: int
    total_tokens: int
    prompt_tokens_by_modality: Mapping[str, int]
    response_tokens_by_modality: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """
    How long the user waited, in stages that add up to `total_ms`.

    Attributes:
        speech_end_to_content_ms: from the end of speech (or the typed line) to the first content or tool call.
        content_to_audio_ms: from there to the first sound received.
        audio_to_sample_ms: from there to the first sample played.
        total_ms: from the end of speech to the first sample played.
    """

    type: ClassVar = "latency"
    speech_end_to_content_ms: float
    content_to_audio_ms: float
    audio_to_sample_ms: float
    total_ms: float
    kind: Literal["turn"] = "turn"


@dataclass(frozen=True, slots=True)
class BargeInLatency:
    """
    How long the voice went on after the user cut in.

    Attributes:
        speech_start_to_interrupted_ms: from the user's first sound to the server's word; None where not known.
        interrupted_to_silence_ms: from there to the last old sample played.
    """

    type: ClassVar = "latency"
    speech_start_to_interrupted_ms: float | None
    interrupted_to_silence_ms: float
    kind: Literal["barge_in"] = "barge_in"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know; the talk goes on."""

    type: ClassVar = "warning"
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The talk ends with this error."""

    type: ClassVar = "error"
    message: str
    exit_code: int


Report = (
    SessionReady
    | SessionMoving
    | SessionResumed
    | SessionClosed
    | SoundReady
    | EchoChanged
    | SoundClosed
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
    | Warned
    | Failed
)


@dataclass(frozen=True, slots=True)
class Stamped:
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


Listener = Callable[[Stamped], None]
"""Takes a report in the event loop's thread; must not wait."""


def record(stamped: Stamped) -> dict[str, object]:
    """Return the object of an NDJSON line."""
    report = stamped.report
    fields = {field.name: _plain(getattr(report, field.name)) for field in dataclasses.fields(report)}
    return {
        "schema": SCHEMA_VERSION,
        "type": report.type,
        "t": round(stamped.t, 4),
        "turn": stamped.turn,
        **fields,
    }


def _plain(value: object) -> object:
    """Round what was measured: a tenth of a millisecond is below any clock here."""
    return round(value, 1) if isinstance(value, float) else value
