"""
MCP servers as a source of tools.

    mcp_config.py  the `mcpServers` file -> Server
    mcp_link.py    one server: connected, asked, mourned
    mcp_process.py a server's process: its pipes, and its end
    mcp_schema.py  any JSON schema -> the subset a Live declaration may use
    mcp_result.py  what a tool returned -> the model's answer

The SDK is an extra, and importing it takes half a second: `mcp_link` and `mcp_process`, which import it, are
imported where the first server is opened.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from flashlive_cli.errors import ToolError
from flashlive_cli.tasks import Beside
from flashlive_cli.toolbox.answers import one_line
from flashlive_cli.toolbox.mcp_config import LocalServer, RemoteServer, Server, read_servers
from flashlive_cli.toolbox.mcp_schema import live_parameters
from flashlive_cli.toolbox.schema import Unsayable
from flashlive_cli.toolbox.tool import NAME_CHARACTERS, NAME_LENGTH, Declaration, Options, Outcome, Tool

if TYPE_CHECKING:
    from mcp_types import Tool as Listed

    from flashlive_cli.toolbox.mcp_link import Link

__all__ = ["LocalServer", "RemoteServer", "Server", "open_servers", "read_servers"]

CONNECT_TIMEOUT_S: Final = 10.0
"""Real seconds a server has to start and to list its tools."""

_LEAVE_S: Final = 1.6
"""A server that is not down by then is cut off: a process killed, an HTTP session left to run out."""

_ILLEGAL: Final = re.compile(f"[^{NAME_CHARACTERS}]")


@contextlib.asynccontextmanager
async def open_servers(
    servers: Sequence[Server],
    *,
    on_trouble: Callable[[str], None],
    taken: Collection[str] = (),
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
) -> AsyncIterator[list[Tool]]:
    """
    Connect to all servers at once; a context that gives their tools, in the order of servers and lists.

    A tool asks before each call unless its server calls it read-only. Where names clash each gets its server's name
    before it (`weather_get`). The tools are those listed at the start: a server that changes its list later is
    logged, and the talk keeps the first.

    A server that ends takes only its tools with it: open and later calls are answered with an error. Over HTTP
    that is a request that cannot be delivered or whose answer breaks off; nothing is dialled again.

    Args:
        servers: see `read_servers`.
        on_trouble: called in the event loop with one line, safe for a terminal: a tool that is left out because its
            arguments cannot be said, a server that has ended (once).
        taken: names of tools from elsewhere, which keep theirs.
        connect_timeout_s: real seconds for each server to come up.

    Entering imports the SDK (half a second, in which the event loop stands): do so before the talk.
    On leaving, servers' processes are gone within two seconds.

    Raises, on entering:
        ToolError: a server does not come up, or the SDK is not installed.
    """
    if not servers:
        yield []
        return
    try:
        from flashlive_cli.toolbox.mcp_link import Link  # noqa: PLC0415 - an extra, and half a second
    except ImportError as exc:
        raise ToolError("MCP servers need the extra: pip install 'flashlive-cli[mcp]'") from exc
    async with Beside() as tasks:
        links = [Link(server, tasks, on_trouble=on_trouble, connect_timeout_s=connect_timeout_s) for server in servers]
        try:
            yield _tools(links, await _all_opened(links), on_trouble, taken)
        finally:
            await _leave(links)


async def _leave(links: Sequence["Link"]) -> None:
    for link in links:
        link.leave()
    running = {link.task for link in links}
    try:
        await asyncio.wait(running, timeout=_LEAVE_S)
    finally:
        for task in running:
            task.cancel()


async def _all_opened(links: Sequence["Link"]) -> list[list["Listed"]]:
    pending = {link.opened for link in links}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for opened in done:
            if isinstance(failure := opened.result(), ToolError):
                raise failure
    results = [link.opened.result() for link in links]
    return [result for result in results if not isinstance(result, ToolError)]


def _tools(
    links: Sequence["Link"],
    lists: Sequence[Sequence["Listed"]],
    on_trouble: Callable[[str], None],
    taken: Collection[str],
) -> list[Tool]:
    sayable: list[tuple[Link, Listed, Declaration]] = []
    for link, listed in zip(links, lists, strict=True):
        for tool in listed:
            try:
                parameters = live_parameters(tool.input_schema)
            except Unsayable as exc:
                why = one_line(f"server {link.name}: its tool {tool.name} is left out: {exc}")
                on_trouble(why)
            else:
                about = tool.description or tool.title or ""
                sayable.append((link, tool, Declaration(tool.name, about, parameters)))
    names = _names([(link.name, tool.name) for link, tool, _ in sayable], taken)
    return [
        ServerTool(link, tool, Declaration(name, said.description, said.parameters))
        for name, (link, tool, said) in zip(names, sayable, strict=True)
    ]


class ServerTool:
    """A tool of an MCP server; see `Tool`."""

    def __init__(self, link: "Link", listed: "Listed", declaration: Declaration) -> None:
        self._link = link
        self._own_name = listed.name
        self.declaration = declaration
        hints = listed.annotations
        self.options = Options(confirm=hints is None or hints.read_only_hint is not True)
        self.origin = f"server {link.name}"

    async def run(self, args: Mapping[str, object]) -> AsyncIterator[Outcome]:
        """Call it; the server checks the arguments. One outcome, always final."""
        yield Outcome(await self._link.call(self._own_name, args))


def _names(tools: Sequence[tuple[str, str]], taken: Collection[str]) -> list[str]:
    """
    Choose what the model calls each tool by: its name as far as the service takes it, the server's before a clash.

    Args:
        tools: pairs of server and tool.
        taken: names that are not to be had.
    """
    plain = [_legal(tool) for _, tool in tools]
    wanted = Counter([*plain, *taken])
    used = {name for name in plain if wanted[name] == 1} | {*taken}
    names = []
    for (server, _), name in zip(tools, plain, strict=True):
        if wanted[name] > 1:
            name = _unused(_legal(f"{server}_{name}"), used)  # noqa: PLW2901 - the same tool's name still
            used.add(name)
        names.append(name)
    return names


def _legal(name: str) -> str:
    legal = _ILLEGAL.sub("_", name)[:NAME_LENGTH]
    return legal if re.match(r"[A-Za-z_]", legal) else f"_{legal}"[:NAME_LENGTH]


def _unused(name: str, used: Collection[str]) -> str:
    free, number = name, 1
    while free in used:
        number += 1
        free = f"{name[: NAME_LENGTH - 1 - len(str(number))]}_{number}"
    return free
