"""What the model asks of the user's functions."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct


class ToolCalled(Struct, frozen=True):
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


class ToolAsked(Struct, frozen=True):
    """The user is asked whether a tool may be run."""

    type: ClassVar = "tool.asked"
    id: str
    name: str
    args: Mapping[str, object]


class ToolProgressed(Struct, frozen=True):
    """A tool that yields gave an interim answer."""

    type: ClassVar = "tool.progress"
    id: str
    name: str
    response: Mapping[str, object]


class ToolFinished(Struct, frozen=True):
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


class ToolCancelled(Struct, frozen=True):
    """The server took a tool call back; it is not answered."""

    type: ClassVar = "tool.cancelled"
    id: str
    name: str


class ToolPrinted(Struct, frozen=True):
    """A tool printed a line."""

    type: ClassVar = "tool.printed"
    name: str
    line: str
