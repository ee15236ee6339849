"""The tools of a talk: the user's functions and the servers' together, and who may allow them."""

import sys
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from flashlive_cli.cli.casting import Cast
from flashlive_cli.cli.consent import CHOICES, Consent, check_names
from flashlive_cli.cli.keyboard import Keyboard
from flashlive_cli.cli.reload import Reloader
from flashlive_cli.cli.screen import Screen
from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError, ToolError
from flashlive_cli.paths import expanded
from flashlive_cli.toolset import Toolset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flashlive_cli.cli.keys import Keys
    from flashlive_cli.toolbox import Tool, Toolbox


async def open_toolset(cast: Cast, settings: Config, screen: Screen, stack: AsyncExitStack) -> Toolset | None:
    """
    Put the tools of a talk together: functions that were loaded, and those of servers, which are started here.

    Raises:
        ToolError: a server does not come up, or two tools have one name.
        ConfigError: --allow or --deny name a tool that is not there.
    """
    functions = cast.functions
    if functions.toolbox is None and not functions.servers:
        check_names("--allow", settings.allow, ())
        check_names("--deny", settings.deny, ())
        return None
    from flashlive_cli.toolbox import Toolbox, tool_prints_to  # noqa: PLC0415 - pydantic

    stack.enter_context(tool_prints_to(screen.tool_printed, stray=sys.stderr))
    toolbox = functions.toolbox or Toolbox(())
    of_servers: Sequence[Tool] = ()
    if functions.servers:
        from flashlive_cli.toolbox.mcp import open_servers  # noqa: PLC0415 - for who has servers

        servers = open_servers(functions.servers, on_trouble=screen.warn, taken=toolbox.names)
        of_servers = await stack.enter_async_context(servers)
        toolbox = toolbox.joined(of_servers)
    check_names("--allow", settings.allow, toolbox.names)
    check_names("--deny", settings.deny, toolbox.names)
    if both := set(settings.allow) & set(settings.deny):
        raise ConfigError(f"--allow and --deny name the same tool: {min(both)}")
    _tell_of_dying_threads(screen, stack)
    toolset = Toolset(toolbox.without(settings.deny))
    if settings.tools:
        _watch(toolset, of_servers, settings, screen, stack)
    return toolset


def _watch(
    toolset: Toolset, of_servers: "Sequence[Tool]", settings: Config, screen: Screen, stack: AsyncExitStack
) -> None:
    """Take up tools files that are saved during the talk."""

    def loaded(toolbox: "Toolbox") -> None:
        try:
            at_once = toolset.renew(toolbox.joined(of_servers).without(settings.deny))
        except ToolError as error:
            screen.warn(f"{error}; the tools of before stay")
        else:
            when = "" if at_once else ", and will be told to the model at the next quiet moment"
            screen.warn(f"the tools were loaded again{when}")

    paths = [expanded(path).absolute() for path in settings.tools]  # a tool may change the working folder
    reloader = Reloader(paths, loaded=loaded, failed=screen.warn)
    reloader.start()
    stack.callback(reloader.stop)


def _tell_of_dying_threads(screen: Screen, stack: AsyncExitStack) -> None:
    """Say in a line, and not in a traceback, that a thread which a tool started has died."""
    before = threading.excepthook

    def tell(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread else "a thread"
            screen.warn_in_thread(f"{name}, started by a tool, died of {args.exc_type.__name__}: {args.exc_value}")

    threading.excepthook = tell
    stack.callback(setattr, threading, "excepthook", before)


def make_consent(cast: Cast, settings: Config, screen: Screen, keys: "Keys | None") -> Consent:
    """Let the user be asked: by a key where keys are taken, else by a line typed."""
    keyboard = Keyboard()

    async def ask(question: str) -> str | None:
        if keys is not None:
            return await keys.answer(question)
        if not keyboard.open():
            return None
        screen.ask(f"{question} {CHOICES}")
        return await keyboard.line()

    return Consent(ask, everything=cast.functions.yes, allowed=settings.allow)
