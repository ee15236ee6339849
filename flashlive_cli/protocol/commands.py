"""
What we may tell the server, frozen, one union. `codec.encode` spells them for the wire.

`Setup` and its functions are dataclasses: they are fitted to a model by `dataclasses.replace`, and a dataclass can
keep the handle out of its repr. All else are structs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

ThinkingLevel = Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"]
Sensitivity = Literal["HIGH", "LOW"]
Behavior = Literal["BLOCKING", "NON_BLOCKING"]
Scheduling = Literal["INTERRUPT", "WHEN_IDLE", "SILENT"]
MediaResolution = Literal["LOW", "MEDIUM", "HIGH"]
TurnCoverage = Literal["ONLY_ACTIVITY", "ALL_INPUT", "AUDIO_ACTIVITY_AND_ALL_VIDEO"]


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """
    A function that the model may call.

    Attributes:
        name: a letter or underscore, then letters, digits, `_ . : -`; at most 128 characters.
        description: what it does, for the model.
        parameters: an OBJECT in the Live subset of OpenAPI schema; None for no parameters.
        behavior: None leaves it to the model family's default.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, object] | None = None
    behavior: Behavior | None = None


class Sampling(Struct, frozen=True, kw_only=True):
    """Generation settings that every family accepts; None leaves the service's default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class Detection(Struct, frozen=True, kw_only=True):
    """
    How the server finds the user's turns in the sound.

    Attributes:
        disabled: push to talk: the client says `StartActivity` and `EndActivity` itself.
        start_sensitivity: how readily speech is taken to start; the service's default is HIGH.
        end_sensitivity: how readily speech is taken to end; the service's default is HIGH.
        prefix_ms: speech needed before its start is committed.
        silence_ms: silence needed before its end is committed; measured default on 3.8: 1190-1280 ms.
        interrupts: whether the user's speech cuts a reply.
        turn_coverage: which input belongs to a turn.
    """

    disabled: bool = False
    start_sensitivity: Sensitivity | None = None
    end_sensitivity: Sensitivity | None = None
    prefix_ms: int | None = None
    silence_ms: int | None = None
    interrupts: bool = True
    turn_coverage: TurnCoverage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """
    The first message of a connection; fixed for its life. `families.shape` fits it to the model.

    Attributes:
        model: `models/…`.
        voice: a prebuilt voice's name; None leaves it to the service.
        system: the system instruction.
        functions: what the model may call.
        google_search: whether it may search by itself.
        thinking_level: for families that know levels.
        thinking_budget: tokens, for families that know budgets; 0 switches thinking off.
        include_thoughts: ask for thought summaries.
        transcribe_input: ask for the user's words (3.x sends them unasked too).
        transcribe_output: ask for the reply's words.
        language_codes: BCP-47 hints for the transcription.
        compress_context: lift the 15-minute limit by forgetting the oldest turns.
        resumable: ask for handles that let another connection resume.
        handle: resume this session; implies `resumable`.
        seeds_history: the first `SendContent` up to `turn_complete` is history and gets no reply.
        proactive_audio: 2.5 on v1alpha only.
        affective_dialog: 2.5 on v1alpha only.
        labels: billing labels.
    """

    model: str
    voice: str | None = None
    system: str | None = None
    functions: tuple[FunctionDeclaration, ...] = ()
    google_search: bool = False
    sampling: Sampling = field(default_factory=Sampling)
    media_resolution: MediaResolution | None = None
    thinking_level: ThinkingLevel | None = None
    thinking_budget: int | None = None
    include_thoughts: bool = False
    detection: Detection = field(default_factory=Detection)
    transcribe_input: bool = True
    transcribe_output: bool = True
    language_codes: tuple[str, ...] = ()
    compress_context: bool = True
    resumable: bool = True
    handle: str | None = field(default=None, repr=False)  # whoever has it may take up the session
    seeds_history: bool = False
    proactive_audio: bool = False
    affective_dialog: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


class SendAudio(Struct, frozen=True):
    """
    A slice of the microphone's continuous stream.

    Attributes:
        pcm: mono s16le at 16 kHz, whole frames; 20-40 ms is what the service advises.
    """

    pcm: bytes


class SendVideo(Struct, frozen=True):
    """
    One still; at most one a second is used.

    Attributes:
        image: the encoded file.
        mime_type: `image/jpeg`, `image/png` or `image/webp`.
    """

    image: bytes
    mime_type: str = "image/jpeg"


class SendText(Struct, frozen=True):
    """Live text: counts as activity, cuts a running reply and triggers one. The way to type on 3.x."""

    text: str


class Content(Struct, frozen=True):
    """
    One past or present turn.

    Attributes:
        role: who spoke; any other role closes the connection with 1007.
        text: what was said.
        images: (bytes, MIME type) sent inside the turn.
    """

    role: Literal["user", "model"]
    text: str
    images: tuple[tuple[bytes, str], ...] = ()


class SendContent(Struct, frozen=True):
    """
    Append turns to the history; interrupts a running reply.

    Attributes:
        turns: in order; none with `turn_complete` is a clean "stop" while the model speaks.
        turn_complete: True makes the model answer; False makes it wait for more.
    """

    turns: tuple[Content, ...] = ()
    turn_complete: bool = True


class StartActivity(Struct, frozen=True):
    """The user begins to speak; only with `Detection.disabled`."""


class EndActivity(Struct, frozen=True):
    """The user has finished; only with `Detection.disabled`."""


class EndAudioStream(Struct, frozen=True):
    """The microphone is off for more than a second; only with automatic detection. Audio reopens it."""


class ToolAnswer(Struct, frozen=True):
    """
    The answer to one call.

    Attributes:
        id: of the call; an id that the session does not know is silently ignored.
        name: of the call.
        response: a JSON object: `{"output": …}` or `{"error": …}`.
        scheduling: how a non-blocking answer is told; None is the service's default, WHEN_IDLE.
        will_continue: more answers for this id follow.
    """

    id: str
    name: str
    response: Mapping[str, object]
    scheduling: Scheduling | None = None
    will_continue: bool = False


class AnswerTools(Struct, frozen=True):
    """Answers to one or more calls."""

    answers: tuple[ToolAnswer, ...]


class UpdateContext(Struct, frozen=True):
    """
    Replace instruction or functions mid-connection. In the SDKs, in no recording: a 1007 means "not available".

    Attributes:
        system: the new instruction; None leaves the old one.
        functions: the new list, empty to clear; None leaves the old one.
    """

    system: str | None = None
    functions: tuple[FunctionDeclaration, ...] | None = None


Command = (
    Setup
    | SendAudio
    | SendVideo
    | SendText
    | SendContent
    | StartActivity
    | EndActivity
    | EndAudioStream
    | AnswerTools
    | UpdateContext
)
