"""What a person does to a talk in mid-conversation, beside speaking: frozen dataclasses, one union."""

from dataclasses import dataclass

from flashlive_cli.session.givens import Still


@dataclass(frozen=True, slots=True)
class Say:
    """Say this as if it had been spoken, and show the pictures with it."""

    text: str
    pictures: tuple[Still, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Show:
    """Show what there is to be seen now, once."""


Wish = Say | StopReply | Mute | Push | Show
