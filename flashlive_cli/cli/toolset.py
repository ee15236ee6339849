"""The tools of a talk: the user's functions and the servers' together, and who may allow them."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.consent import Consent, check_names
from flashlive_cli.cli.keyboard import Keyboard
from flashlive_cli.cli.screen import Screen
from flashlive_cli.config import Config
from flashlive_cli.protocol import commands as c

if TYPE_CHECKING:
    from flashlive_cli.toolbox import Outcome, Toolbox


class Toolset:
    """
    What the model may call, as the session asks for it; see `calls.Tools`.

    Attributes:
        toolbox: the tools themselves.
    """

    def __init__(self, toolbox: "Toolbox") -> None:
        self.toolbox = toolbox

    @property
    def functions(self) -> tuple[c.FunctionDeclaration, ...]:
        """What to tell the model in the setup."""
        behaviors: dict[bool | None, c.Behavior | None] = {True: "BLOCKING", False: "NON_BLOCKING", None: None}
        return tuple(
            c.FunctionDeclaration(
                tool.declaration.name,
                tool.declaration.description,
                tool.declaration.parameters,
                behavior=behaviors[tool.options.blocking],
            )
            for tool in self.toolbox.tools
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


async def open_toolset(cast: Cast, settings: Config, screen: Screen, stack: AsyncExitStack) -> Toolset | None:
    """
    Put the tools of a talk together: functions that were loaded, and those of servers, which are started here.

    Raises:
        ToolError: a server does not come up, or two tools have one name.
        ConfigError: --allow or --deny name a tool that is not there.
    """
    if cast.toolbox is None and not cast.servers:
        check_names("--allow", settings.allow, ())
        check_names("--deny", settings.deny, ())
        return None
    from flashlive_cli.toolbox import Toolbox, tool_prints_to  # noqa: PLC0415 - pydantic

    stack.enter_context(tool_prints_to(screen.tool_printed, stray=sys.stderr))
    toolbox = cast.toolbox or Toolbox(())
    if cast.servers:
        from flashlive_cli.toolbox.mcp import open_servers  # noqa: PLC0415 - for who has servers

        servers = open_servers(cast.servers, on_trouble=screen.warn, taken=toolbox.names)
        toolbox = toolbox.joined(await stack.enter_async_context(servers))
    check_names("--allow", settings.allow, toolbox.names)
    check_names("--deny", settings.deny, toolbox.names)
    return Toolset(toolbox.without(settings.deny))


def make_consent(cast: Cast, settings: Config, screen: Screen) -> Consent:
    """Let the user be asked at the keyboard."""
    keyboard = Keyboard()

    async def ask(question: str) -> str | None:
        screen.ask(question)
        return await keyboard.line()

    return Consent(ask, everything=cast.yes, allowed=settings.allow)
