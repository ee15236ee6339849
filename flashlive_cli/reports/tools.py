"""What the model asks of the user's functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


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
    """
    A tool call was answered, with `response["output"]` or, where not `ok`, with `response["error"]`.

    `duration_ms` is of the conversation, as all times: a tool itself does not run faster where that does.
    """

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
