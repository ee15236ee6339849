"""What a tool is to the rest of the house, whether a function of the user's or a server's: see `Tool`."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Answer = dict[str, object]
"""`{"output": JSON value}` or `{"error": one line}`: the two keys the service knows."""

NAME_LENGTH: Final = 128
NAME_CHARACTERS: Final = "A-Za-z0-9_.:-"
"""Of a function's name, and how many; a letter or underscore comes first (comment in the published proto)."""

Scheduling = Literal["SILENT", "WHEN_IDLE", "INTERRUPT"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    One function as the model sees it.

    Attributes:
        name: what the model calls it by.
        description: from the docstring; empty without one.
        parameters: an OBJECT in the Live schema subset; None when the function takes nothing.
    """

    name: str
    description: str
    parameters: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Options:
    """
    How a tool wants to be called.

    Attributes:
        confirm: the user is asked before each call.
        timeout_s: real seconds a call may take; None is the toolbox's usual limit.
        blocking: whether the model waits for the answer; None leaves it to the model's family.
        scheduling: when the model tells an answer it did not wait for; None leaves it to the service.
    """

    confirm: bool = False
    timeout_s: float | None = None
    blocking: bool | None = None
    scheduling: Scheduling | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    An answer to a call.

    Attributes:
        response: what the model gets.
        final: no other follows; a tool that yields gives interim ones before.
    """

    response: Answer
    final: bool = True


class Tool(Protocol):
    """Something the model may call."""

    @property
    def declaration(self) -> Declaration:
        """What the model knows about it."""
        ...

    @property
    def options(self) -> Options:
        """How it wants to be called."""
        ...

    @property
    def origin(self) -> str:
        """Where it comes from, for people: `tools.py:12`, or `server weather`."""
        ...

    def run(self, args: Mapping[str, object]) -> AsyncIterator[Outcome]:
        """
        Run one call: any number of interim outcomes, then a final one. The tool's faults never raise.

        Closing the iterator, or cancelling the task that reads it, ends the call where that is possible.
        """
        ...
