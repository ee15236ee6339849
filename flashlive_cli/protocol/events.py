"""
What the server told us: frozen structs, one union.

One server message may hold several of these. `codec.decode` returns them in the order in which they take effect:
audio, transcripts, `Interrupted`, `GenerationComplete`, tool calls, usage, `TurnComplete`. Audio that travels
with an interruption belongs to the reply being cut, so the interruption comes after it and discards it.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field


class SetupComplete(Struct, frozen=True):
    """
    The session is open; only now may anything but `Setup` be sent.

    Attributes:
        session_id: given on Vertex, None on the Developer API.
    """

    session_id: str | None = None


class AudioChunk(Struct, frozen=True):
    """
    A piece of the reply's sound.

    Attributes:
        pcm: mono s16le at 24 kHz, whole frames, one sample to several hundred ms.
    """

    pcm: bytes


class Thought(Struct, frozen=True):
    """A summary of the model's thinking; 2.5 sends it unasked. Never a caption."""

    text: str


class ModelText(Struct, frozen=True):
    """Plain text of the model: what it says in sessions without audio, and strays in those with."""

    text: str


class InputTranscript(Struct, frozen=True):
    """
    What the service understood the user to say.

    Attributes:
        text: a piece with its own spaces: append it as it is. One piece an utterance on 3.x, one a word on 2.5.
        interim: True when `text` is the whole current guess and replaces the previous one.
    """

    text: str
    interim: bool = False


class OutputTranscript(Struct, frozen=True):
    """
    What the reply says; it runs 0.2 to 3 s ahead of the sound.

    Attributes:
        text: a piece with its own spaces: append it as it is.
    """

    text: str


class Grounded(Struct, frozen=True):
    """
    The reply rests on a search.

    Attributes:
        queries: what was searched for.
        sources: (title, URI) of what was found.
    """

    queries: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()


class Interrupted(Struct, frozen=True):
    """The user cut in: playback must stop now. May follow `GenerationComplete`."""


class GenerationComplete(Struct, frozen=True):
    """The last audio of this reply has been sent."""


class TurnComplete(Struct, frozen=True):
    """
    The turn is over, after the playback time that the server assumes.

    Attributes:
        reason: why, where it is not the usual end (`MALFORMED_FUNCTION_CALL`, `GENERATED_AUDIO_SAFETY`, …).
        waiting_for_input: the model will not go on without the user.
    """

    reason: str | None = None
    waiting_for_input: bool = False


class InteractionChanged(Struct, frozen=True):
    """
    Extended thinking only: whether the model still works on an answer after a turn has ended.

    Attributes:
        status: `IN_PROGRESS`, `IDLE`, or the deprecated `REQUIRES_ACTION`.
    """

    status: str


class ToolCall(Struct, frozen=True):
    """
    The model wants a function called; every `id` is answered exactly once.

    Attributes:
        id: unique in the session.
        name: as declared in the setup, or invented by the model.
        args: JSON values.
    """

    id: str
    name: str
    args: Mapping[str, object] = field(default_factory=dict)


class ToolCallCancelled(Struct, frozen=True):
    """The user cut in while these calls were open: stop them, do not answer them."""

    ids: tuple[str, ...]


class SpeechStarted(Struct, frozen=True):
    """
    The server hears the user speak.

    Attributes:
        offset_s: where on the input stream, in seconds of audio received; None when not told.
    """

    offset_s: float | None = None


class SpeechEnded(Struct, frozen=True):
    """
    The server has heard the user stop; a reply or a tool call follows.

    Attributes:
        offset_s: where on the input stream, in seconds of audio received; None when not told.
    """

    offset_s: float | None = None


class HandleIssued(Struct, frozen=True):
    """
    A handle that lets another connection resume this session.

    Attributes:
        handle: None when this moment is no restart point; the previous handle stays good then.
    """

    handle: str | None


class GoAway(Struct, frozen=True):
    """
    This connection will be cut; seen 50 s ahead, and once 300 s ahead one second into a session.

    Attributes:
        time_left_s: seconds until the cut.
    """

    time_left_s: float


Modality = Literal["TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"]


class Usage(Struct, frozen=True):
    """
    Tokens of one response; not cumulative, and the prompt holds the whole history each time.

    Attributes:
        prompt: tokens read, history included.
        response: tokens generated, thoughts not included.
        thoughts: tokens of thinking.
        cached: the part of `prompt` served from cache.
        tool_use: tokens of tool results in the prompt.
        total: as the service adds them up, usually without thoughts.
        prompt_by_modality: tokens by `TEXT`, `AUDIO`, …; need not sum to `prompt`.
        response_by_modality: the same of `response`.
    """

    prompt: int = 0
    response: int = 0
    thoughts: int = 0
    cached: int = 0
    tool_use: int = 0
    total: int = 0
    prompt_by_modality: Mapping[str, int] = field(default_factory=dict)
    response_by_modality: Mapping[str, int] = field(default_factory=dict)


Event = (
    SetupComplete
    | AudioChunk
    | Thought
    | ModelText
    | InputTranscript
    | OutputTranscript
    | Grounded
    | Interrupted
    | GenerationComplete
    | TurnComplete
    | InteractionChanged
    | ToolCall
    | ToolCallCancelled
    | SpeechStarted
    | SpeechEnded
    | HandleIssued
    | GoAway
    | Usage
)
