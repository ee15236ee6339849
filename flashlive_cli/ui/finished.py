"""What has finished and leaves the panel for the scrollback, line by line. Text is raw: who draws it makes it safe."""

from dataclasses import dataclass
from typing import Literal

NoteKind = Literal["note", "summary", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Said:
    """
    An utterance or a reply.

    Attributes:
        role: whose.
        text: what was said; of a cut reply, what was heard of it.
        unheard: the rest of a cut reply.
    """

    role: Literal["user", "model"]
    text: str
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """
    A tool call with what came of it.

    Attributes:
        name: of the tool.
        arguments: as words, `city="Berlin", days=3`.
        printed: what the tool printed meanwhile, by line.
        outcome: how it ended.
        result: the answer, or what went wrong; empty where it was cancelled.
        took_ms: how long it ran.
        repeated: the model made it twice, and it was not run again.
    """

    name: str
    arguments: str
    printed: tuple[str, ...]
    outcome: Literal["done", "failed", "cancelled"]
    result: str
    took_ms: float
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """A line that a tool printed outside of its calls."""

    name: str
    line: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something said about the talk."""

    kind: NoteKind
    text: str


Finished = Said | Called | Printed | Noted
