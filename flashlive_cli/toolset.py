"""The user's tools as a session calls them: between `toolbox` and `session`, which know nothing of each other."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING

from flashlive_cli.protocol import commands as c

if TYPE_CHECKING:
    from flashlive_cli.toolbox import Outcome, Toolbox


class Toolset:
    """
    What the model may call, as the session asks for it; see `calls.Tools` and `conversation.Renewal`.

    Attributes:
        toolbox: the tools themselves.
        pending: set while there are newer ones, which the model has to be told of first.
    """

    def __init__(self, toolbox: "Toolbox") -> None:
        self.toolbox = toolbox
        self.pending = asyncio.Event()
        self._newer: Toolbox | None = None

    @property
    def functions(self) -> tuple[c.FunctionDeclaration, ...]:
        """What to tell the model in the setup."""
        return self._functions_of(self.toolbox)

    def renew(self, toolbox: "Toolbox") -> bool:
        """Take up other tools: at once if the model sees no difference, else when they are settled; tell which."""
        if self._functions_of(toolbox) == self.functions:
            self.toolbox, self._newer = toolbox, None
            self.pending.clear()
            return True
        self._newer = toolbox
        self.pending.set()
        return False

    @property
    def offered(self) -> tuple[c.FunctionDeclaration, ...]:
        """What to tell the model of the newer tools."""
        return self._functions_of(self._newer or self.toolbox)

    def settle(self, *, taken: bool) -> None:
        """Let the newer tools be called from now on; or drop them, as the service did not take them."""
        self.toolbox, self._newer = (taken and self._newer) or self.toolbox, None
        self.pending.clear()

    @staticmethod
    def _functions_of(toolbox: "Toolbox") -> tuple[c.FunctionDeclaration, ...]:
        behaviors: dict[bool | None, c.Behavior | None] = {True: "BLOCKING", False: "NON_BLOCKING", None: None}
        return tuple(
            c.FunctionDeclaration(
                tool.declaration.name,
                tool.declaration.description,
                tool.declaration.parameters,
                behavior=behaviors[tool.options.blocking],
            )
            for tool in toolbox.tools
        )

    def asks(self, name: str) -> bool:
        """Whether the user is to be asked before each call."""
        tool = self.toolbox.find(name)
        return tool is not None and tool.options.confirm

    def scheduling(self, name: str) -> c.Scheduling | None:
        """When an answer that was not waited for is told."""
        tool = self.toolbox.find(name)
        return tool.options.scheduling if tool is not None else None

    def outcomes(self, name: str, args: Mapping[str, object]) -> "AsyncGenerator[Outcome, None]":
        """Run one."""
        return self.toolbox.outcomes(name, args)
