"""
One MCP server: connected in a task of its own, asked from any, mourned once.

The SDK is built on anyio, whose scopes must be left by the task that entered them. So one task enters the transport
and the session, waits, and leaves them. A call is a task too: whoever asked may be cancelled and goes at once,
while the task still tells the server, which takes up to five seconds where the server does not read.

Imports the SDK, which is an extra and takes half a second: import this inside a function.
"""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import httpx2
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CONNECTION_CLOSED,
    METHOD_NOT_FOUND,
    CallToolResult,
    Implementation,
    LoggingMessageNotificationParams,
    PaginatedRequestParams,
    Tool,
    ToolListChangedNotification,
)

from flashlive_cli import __version__
from flashlive_cli.errors import ToolError, reason_of
from flashlive_cli.toolbox.answers import one_line
from flashlive_cli.toolbox.mcp_config import LocalServer, Server
from flashlive_cli.toolbox.mcp_process import ServerProcess, server_process
from flashlive_cli.toolbox.mcp_result import answer_of_result, error
from flashlive_cli.toolbox.tool import Answer

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream, TransportStreams, WriteStream
    from mcp.shared.message import SessionMessage

_MAX_TOOLS: Final = 2000
"""Past any use, and an end to a server whose list has none; the service takes 512."""

_OVER_WITHIN_S: Final = 2.0

_log: Final = logging.getLogger("flashlive.mcp")


class Link:
    """
    A server from the first connection to its end.

    Attributes:
        name: of the server, safe for a terminal.
        opened: its tools, or what kept it from coming up; always gets a result unless the task is cancelled.
        task: lives as long as the server.
    """

    def __init__(
        self, server: Server, tasks: asyncio.TaskGroup, *, on_trouble: Callable[[str], None], connect_timeout_s: float
    ) -> None:
        self.name = one_line(server.name)
        self.opened: asyncio.Future[list[Tool] | ToolError] = asyncio.get_running_loop().create_future()
        self._server = server
        self._tasks = tasks
        self._on_trouble = on_trouble
        self._connect_timeout_s = connect_timeout_s
        self._session: ClientSession | None = None
        self._process: ServerProcess | None = None
        self._refusal = ""
        self._leaving = False
        self._enough = asyncio.Event()
        self._over = asyncio.Event()
        self._obituary = f"the server {self.name} has ended"
        self.task = tasks.create_task(self._live(), name=f"MCP server {self.name}")

    def leave(self) -> None:
        """Begin to take the server down; calls get an error from now on."""
        self._leaving = True
        self._enough.set()
        if not self.opened.done():
            self.task.cancel()

    async def call(self, tool: str, args: Mapping[str, object]) -> Answer:
        """Call a tool by the server's own name for it; whatever goes wrong is the answer. Cancelling ends it."""
        if self._leaving or self._over.is_set():
            return error(self._obituary)
        asking = self._tasks.create_task(self._ask(tool, args), name=f"MCP call {self.name}")
        try:
            await asyncio.wait({asking})
        finally:
            asking.cancel()
        return error(self._obituary) if asking.cancelled() else asking.result()

    async def _ask(self, tool: str, args: Mapping[str, object]) -> Answer:
        assert self._session is not None
        try:
            result = await self._session.call_tool(tool, dict(args), allow_input_required=True)
        except MCPError as exc:
            if not await self._is_lost(exc):
                return error(exc.message)
        except Exception as exc:  # noqa: BLE001 - a server's answer may break the SDK in any way
            return error(f"{type(exc).__name__}: {exc}")
        else:
            if isinstance(result, CallToolResult):
                return answer_of_result(result)
            return error("the server asks for more than the arguments, which nobody can give it here")
        self._enough.set()
        with suppress(TimeoutError):  # the reason takes a moment longer
            async with asyncio.timeout(_OVER_WITHIN_S):
                await self._over.wait()
        return error(self._obituary)

    async def _is_lost(self, exc: MCPError) -> bool:
        """Tell whether it was the connection that failed: the SDK's code for that is a usual one of servers too."""
        if exc.code != CONNECTION_CLOSED or self._enough.is_set():
            return exc.code == CONNECTION_CLOSED
        if self._process is not None:
            return False
        assert self._session is not None
        try:
            async with asyncio.timeout(_OVER_WITHIN_S):
                await self._session.send_ping()
        except MCPError as again:
            return again.code == CONNECTION_CLOSED
        except Exception:  # noqa: BLE001 - as above
            return True
        return False

    async def _live(self) -> None:
        reason = ""
        try:
            async with self._transport() as (reading, writing), self._speaking(reading, writing) as session:
                async with asyncio.timeout(self._connect_timeout_s):
                    tools = await _tools_of(session)
                if any(tool.output_schema for tool in tools):
                    importlib.import_module("jsonschema")  # the SDK would do so in the first call: 0.1 s
                self._session = session
                self.opened.set_result(tools)
                await self._enough.wait()
        except Exception as exc:  # noqa: BLE001 - programs, networks and a stranger's messages fail in any way
            reason = self._reason(exc)
        finally:
            self._bury(reason)

    def _transport(self) -> "AbstractAsyncContextManager[TransportStreams]":
        return self._over_pipes(self._server) if isinstance(self._server, LocalServer) else self._over_http()

    @asynccontextmanager
    async def _over_pipes(self, server: LocalServer) -> "AsyncIterator[TransportStreams]":
        async with server_process(server, on_end=self._enough.set) as self._process:
            yield self._process.incoming, self._process.outgoing

    @asynccontextmanager
    async def _over_http(self) -> "AsyncIterator[TransportStreams]":
        assert not isinstance(self._server, LocalServer)

        async def note_refusal(response: httpx2.Response) -> None:
            """Keep what the SDK does not tell: it calls every refusal `an error response`."""
            if response.status_code >= 400 and response.request.method == "POST":
                self._refusal = f"HTTP {response.status_code} {response.reason_phrase}".strip()

        async with (
            httpx2.AsyncClient(
                headers=dict(self._server.headers),
                timeout=httpx2.Timeout(30, read=300),  # as the SDK's own: a stream may be silent for minutes
                event_hooks={"response": [note_refusal]},
            ) as client,
            streamable_http_client(self._server.url, http_client=client) as streams,
        ):
            yield streams

    def _speaking(
        self, reading: "ReadStream[SessionMessage | Exception]", writing: "WriteStream[SessionMessage]"
    ) -> ClientSession:
        async def log(params: LoggingMessageNotificationParams) -> None:
            _log.debug("server %s: %s: %s", self.name, params.level, one_line(str(params.data)))

        async def heard(message: object) -> None:
            if isinstance(message, ToolListChangedNotification):
                _log.info("server %s: its list of tools has changed; the talk keeps the first", self.name)

        return ClientSession(
            reading,
            writing,
            logging_callback=log,
            message_handler=heard,
            client_info=Implementation(name="flashlive", version=__version__),
        )

    def _reason(self, exc: Exception) -> str:
        while isinstance(exc, ExceptionGroup):  # anyio wraps whatever leaves its scopes
            exc = exc.exceptions[0]
        if isinstance(exc, TimeoutError):
            return f"no answer within {self._connect_timeout_s:g} s"
        if self._process is not None and self._process.has_hung_up:
            return "it closed the connection"
        if isinstance(exc, OSError) and isinstance(self._server, LocalServer):
            return one_line(f"{exc.filename or self._server.command}: {reason_of(exc)}")
        if isinstance(exc, MCPError):
            return one_line(self._refusal or exc.message)
        return one_line(f"{type(exc).__name__}: {exc}")

    def _bury(self, reason: str) -> None:
        """Say what became of the server, to whoever waits for it or, unless we ended it, to the user."""
        last_words = ""
        if self._process is not None:
            reason = self._process.fate or reason
            last_words = f"; its last words: {self._process.last_words}" if self._process.last_words else ""
        self._obituary += f" ({reason})" if reason else ""
        self._over.set()
        if not self.opened.done():
            self.opened.set_result(ToolError(f"server {self.name} does not come up: {reason}{last_words}"))
        elif not self._leaving:
            self._on_trouble(f"{self._obituary}, and its tools with it{last_words}")


async def _tools_of(session: ClientSession) -> list[Tool]:
    """Agree on a protocol version and read the list of tools, all its pages."""
    try:
        await session.initialize()
    except MCPError as refusal:
        # The newest servers know `server/discover` alone. Asked first, as the SDK's Client does, it makes servers
        # of 2025 exit (github/copilot-cli #4809) or stay silent.
        try:
            await session.discover()
        except MCPError:
            raise refusal from None
    tools: list[Tool] = []
    cursors: set[str] = set()
    cursor: str | None = None
    while len(tools) < _MAX_TOOLS:
        try:
            page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        except MCPError as exc:
            if exc.code == METHOD_NOT_FOUND:  # a server of resources or prompts only
                break
            raise
        tools += page.tools
        cursor = page.next_cursor
        if not cursor or cursor in cursors:
            break
        cursors.add(cursor)
    return tools


class _Lowered(logging.Handler):
    """What the SDK complains of, with tracebacks, in one line each for whoever looks for a server's faults."""

    def emit(self, record: logging.LogRecord) -> None:
        why = f": {record.exc_info[1]}" if record.exc_info else ""
        _log.debug("%s: %s", record.name, one_line(f"{record.getMessage()}{why}"))


for _name in ("mcp", "client"):
    _theirs = logging.getLogger(_name)
    _theirs.setLevel(logging.INFO)  # below that it logs messages and URLs, which may hold keys
    _theirs.propagate = False
    _theirs.addHandler(_Lowered())
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs URLs
