"""What a person does to a talk in mid-conversation, beside speaking: frozen dataclasses, one union."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """Say this as if it had been spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class StopReply:
    """Be silent: drop the rest of the reply, and end the tool calls that run."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Let nothing of the microphone through, or everything again."""

    on: bool


@dataclass(frozen=True, slots=True)
class Push:
    """The user begins to speak, or has finished, as a key says."""

    on: bool


Wish = Say | StopReply | Mute | Push
