"""
A server's process: messages over its stdin and stdout, what it says on stderr, and its end.

The SDK has `stdio_client` for this. It grants a server four seconds to end, hands its stderr to a file of ours, and
knows of its death only when stdout closes, which a child of the server may hold open. Hence our own.

Imports the SDK, which is an extra and takes half a second: import this inside a function.
"""

import asyncio
import logging
import math
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, cast

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from flashlive_cli.toolbox.answers import one_line
from flashlive_cli.toolbox.mcp_config import LocalServer

# From an empty stdin to SIGKILL: together well below the two seconds that leaving a talk may take.
_READS_END_S: Final = 0.5
_TERMINATES_S: Final = 0.5
_DIES_S: Final = 0.3
_LOOK_EVERY_S: Final = 0.01

_LAST_OUTPUT_S: Final = 0.2
"""After a process exited, what it wrote may still be on its way to us."""

_LONGEST_MESSAGE: Final = 32 * 1024 * 1024
_LONGEST_LINE: Final = 8192
"""Of stderr, in bytes."""

_log: Final = logging.getLogger("flashlive.mcp")


class ServerProcess(asyncio.SubprocessProtocol):
    """
    A running server.

    Attributes:
        incoming: messages from its stdout, until that closes or the process exits; nobody has to read on time.
        outgoing: messages to its stdin.
        last_words: the last line of its stderr, safe for a terminal.
        has_hung_up: it ended by itself, or closed its stdout: no more messages come.
        fate: once it is over, how it came to its end by itself (`exit code 1`); empty when we ended it.

    Everything happens in the event loop.
    """

    def __init__(self, name: str, on_end: Callable[[], None]) -> None:
        self._name = one_line(name)
        self._on_end = on_end
        self._into, self.incoming = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
        self.outgoing = _Stdin()
        self.last_words = ""
        self.has_hung_up = False
        self.fate = ""
        self._output = bytearray()
        self._complaint = bytearray()
        self._process: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self._lost = asyncio.Event()
        self._is_ours_to_end = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the pipes: the process runs."""
        self._process = cast("asyncio.SubprocessTransport", transport)
        self.outgoing.pipe = cast("asyncio.WriteTransport", self._process.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Cut what stdout or stderr brought into lines."""
        if fd == 1:
            self._output += data
            if b"\n" in data:
                *lines, self._output = self._output.split(b"\n")
                for line in lines:
                    self._take_message(line)
            if len(self._output) > _LONGEST_MESSAGE:
                _log.warning("server %s: sent a message of more than 32 MiB", self._name)
                self._hang_up()
        else:
            *lines, rest = (self._complaint + data).split(b"\n")
            self._complaint = rest[:_LONGEST_LINE]
            for line in lines:
                self._take_complaint(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that the server closed one of its streams."""
        del exc
        if fd == 0:
            self.outgoing.break_off()
        elif fd == 1:
            self._hang_up()
        else:
            self._take_complaint(self._complaint)

    def process_exited(self) -> None:
        """Note the exit; a child may hold stdout open, and says nothing we could use."""
        self._exited.set()
        asyncio.get_running_loop().call_later(_LAST_OUTPUT_S, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the pipes are closed and the process is reaped."""
        del exc
        self._lost.set()

    def pause_writing(self) -> None:
        """Note that the server does not read."""
        self.outgoing.room.clear()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        self.outgoing.room.set()

    def _take_message(self, line: bytearray) -> None:
        if self.has_hung_up or self._is_ours_to_end or not line.strip():
            return
        try:
            message = jsonrpc_message_adapter.validate_json(bytes(line), by_name=False)
        except ValueError:  # a print that went astray
            _log.debug("server %s: stdout: %s", self._name, one_line(line.decode("utf-8", "replace")))
        else:
            self._into.send_nowait(SessionMessage(message))

    def _take_complaint(self, line: bytearray) -> None:
        if text := one_line(line[:_LONGEST_LINE].decode("utf-8", "replace")):
            self.last_words = text
            _log.debug("server %s: stderr: %s", self._name, text)

    def _hang_up(self) -> None:
        if not self.has_hung_up and not self._is_ours_to_end:
            self.has_hung_up = True
            self._into.close()
            self._on_end()

    def drop_messages(self) -> None:
        """Let go of `incoming`, at both ends."""
        self._is_ours_to_end = True
        self._into.close()
        self.incoming.close()

    async def stop(self) -> None:
        """Ask the process to end, then its whole group, then kill them; and note how it ended by itself, if so."""
        assert self._process is not None
        if self.has_hung_up:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_OUTPUT_S):
                    await self._exited.wait()
        if self._exited.is_set():
            self.fate = _fate(self._process.get_returncode())
        self._is_ours_to_end = True
        self.outgoing.break_off()
        if not await self._is_gone_within(_READS_END_S):
            self._signal(_SIGTERM)
            if not await self._is_gone_within(_TERMINATES_S):
                self._signal(_SIGKILL)
                if not await self._is_gone_within(_DIES_S):
                    _log.debug("server %s: survives SIGKILL (pid %d)", self._name, self._process.get_pid())

    async def close(self) -> None:
        """Let go of the process; where it was not stopped it is killed."""
        assert self._process is not None
        if self._is_alive():
            self._signal(_SIGKILL)
        self.drop_messages()
        self.outgoing.break_off()
        with suppress(PermissionError):  # a program that runs as somebody else
            self._process.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DIES_S):
                await self._lost.wait()

    async def _is_gone_within(self, limit_s: float) -> bool:
        clock = asyncio.get_running_loop().time
        deadline = clock() + limit_s
        while self._is_alive():
            if clock() >= deadline:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True

    def _is_alive(self) -> bool:
        """Tell whether the process, or anything it started and left in its group, still runs."""
        assert self._process is not None
        if not self._exited.is_set():
            return True
        if sys.platform == "win32":
            return False
        try:
            os.killpg(self._process.get_pid(), 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's, or dead already (macOS)
            return False
        return True

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if sys.platform == "win32":  # no groups there; children see their stdin close
            with suppress(ProcessLookupError):
                self._process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.get_pid(), number)


_SIGTERM: Final = signal.SIGTERM
_SIGKILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)


class _Stdin:
    """The stream the SDK writes to: one line a message."""

    def __init__(self) -> None:
        self.pipe: asyncio.WriteTransport | None = None
        self.room = asyncio.Event()
        self.room.set()
        self._broken = False

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message; wait while the server does not read."""
        if self._broken or self.pipe is None:
            raise anyio.BrokenResourceError
        self.pipe.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
        await self.room.wait()

    async def aclose(self) -> None:
        """Do nothing: closing is the process's affair, so that a server's own end is not taken for ours."""

    def break_off(self) -> None:
        """Close the server's stdin, which tells it to end; a message waiting to be read is lost."""
        self._broken = True
        self.room.set()
        if self.pipe is not None:
            self.pipe.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        pass


@asynccontextmanager
async def server_process(server: LocalServer, *, on_end: Callable[[], None]) -> AsyncIterator[ServerProcess]:
    """
    Run a server's program; on leaving, within two seconds, nothing of it is left, however it is left.

    It gets an environment of its own (the usual few variables and those of its entry, so none of our keys) and
    a session of its own, which Ctrl-C does not reach. What moves into yet another session escapes us.

    Args:
        server: what to run.
        on_end: called once when no more messages will come.

    Raises:
        OSError: there is no such program or folder, or it cannot be run.
        ValueError: a zero byte in an argument.
    """
    env = get_default_environment() | dict(server.env)
    apart: dict[str, Any] = {"start_new_session": True}
    command = server.command
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 - its flags are of no use elsewhere

        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        command = shutil.which(command, path=env.get("PATH")) or command  # npx is npx.cmd there
    process = ServerProcess(server.name, on_end)
    try:
        await asyncio.get_running_loop().subprocess_exec(
            lambda: process, command, *server.args, env=env, cwd=server.cwd, **apart
        )
    except BaseException:
        process.drop_messages()
        raise
    try:
        yield process
    finally:
        try:
            await process.stop()
        finally:
            await process.close()


def _fate(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"
