"""What is said, on either side, and what is heard of it."""

from typing import ClassVar, Literal

from msgspec import Struct


class SpeechStarted(Struct, frozen=True):
    """The user began to speak, as the server or our own ear has it; `offset_s` is on the server's input clock."""

    type: ClassVar = "speech.started"
    source: Literal["server", "local"]
    offset_s: float | None = None


class SpeechEnded(Struct, frozen=True):
    """The user stopped speaking, as the server or our own ear has it."""

    type: ClassVar = "speech.ended"
    source: Literal["server", "local"]
    offset_s: float | None = None


class Transcript(Struct, frozen=True):
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

    @property
    def unheard(self) -> str:
        """The words that nobody heard: the rest of a cut reply."""
        return "" if self.heard is None else self.text.removeprefix(self.heard).strip()


class ReplyStarted(Struct, frozen=True):
    """The first sound or word of a reply arrived."""

    type: ClassVar = "reply.started"


class ReplyFirstSample(Struct, frozen=True):
    """The reply's first sample was played."""

    type: ClassVar = "reply.first_sample"


class ReplyFlushed(Struct, frozen=True):
    """
    The user cut in: playback was emptied.

    Attributes:
        heard_ms: how much of the reply had been played.
        dropped_ms: how much was there and was not.
        by: `speech` that the server heard, a `key`, or the `end` of the talk.
    """

    type: ClassVar = "reply.flushed"
    heard_ms: float
    dropped_ms: float
    by: Literal["speech", "key", "end"] = "speech"


class ReplyComplete(Struct, frozen=True):
    """The server closed the turn; `audio_ms` of sound had arrived for it."""

    type: ClassVar = "reply.complete"
    audio_ms: float
    interrupted: bool
    reason: str | None = None
