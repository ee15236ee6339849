"""
The listening side: sockets, credentials, and one `Exchange` for each connection.

As on the service, the upgrade succeeds whatever the key; a bad key, model or field shows as a close frame after
`setup`. Server messages travel in binary frames. The server sends no pings.
"""

import asyncio
import contextlib
import ipaddress
import itertools
import logging
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

import websockets.asyncio.server as ws_server  # noqa: TID251 - this is where the simulator opens its socket
from websockets.exceptions import ConnectionClosed  # noqa: TID251
from websockets.http11 import Request, Response  # noqa: TID251

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError
from flashlive_cli.printable import printable
from flashlive_cli.sim.exchange import Exchange
from flashlive_cli.sim.inbound import read_first, read_later
from flashlive_cli.sim.memory import Memory
from flashlive_cli.sim.outbound import Message, encode
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.script import Script
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import Setup, judge_setup
from flashlive_cli.sim.voice import Voice

MAX_MESSAGE: Final = 16 * 2**20
"""The service publishes no limit; above this a client has lost its mind."""
UNREAD_LIMIT: Final = 32 * 2**20
"""Bytes waiting for a client that does not read; then it is no longer listened to either."""
CLOSE_S: Final = 1.0
"""Real seconds a client has to answer our close frame."""
REASON_BYTES: Final = 123
"""What RFC 6455 leaves for the reason in a close frame of 125 bytes."""

NOTE_CHARACTERS: Final = 300
"""What a line for people holds of texts of any length."""

_PATH: Final = re.compile(r"/|.*\.BidiGenerateContent(Constrained)?")
_VERSION: Final = re.compile(r"\.(v\d\w*)\.")


@dataclass(frozen=True, slots=True)
class SimServer:
    """
    A simulator that is listening.

    Attributes:
        url: where to dial, without a path.
        port: of the loopback interface.
    """

    url: str
    port: int


@contextlib.asynccontextmanager
async def serve(
    *,
    clock: Clock,
    script: Script | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    on_note: Callable[[str], None] | None = None,
) -> AsyncIterator[SimServer]:
    """
    Be the far end, until the block is left; then close every connection with 1001.

    Args:
        clock: all timing of the conversation; handshakes and closing take real time.
        script: played from its start on every connection.
        host: a loopback address, or `localhost`.
        port: 0 for any free one.
        api_key: the only key that is let in; None lets in everybody.
        ssl_context: a server's, for clients that only dial `wss://`.
        on_note: takes one line for each happening, free of control characters; it never contains a key.

    Raises:
        ConfigError: the host is not of this machine alone, or the port is taken or not allowed.
    """
    address = _loopback(host)
    if not 0 <= port <= 65535:
        raise ConfigError(f"port {port} is not between 0 and 65535")
    far_end = _FarEnd(clock=clock, script=script, api_key=api_key, note=on_note or (lambda _: None))
    transports: set[asyncio.BaseTransport] = set()

    class Tracked(ws_server.ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transports.add(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            transports.discard(self.transport)
            super().connection_lost(exc)

    try:
        server = await ws_server.serve(
            far_end.talk,
            address,
            port,
            ssl=ssl_context,
            process_request=_judge_path,
            create_connection=Tracked,
            ping_interval=None,
            close_timeout=CLOSE_S,
            max_size=MAX_MESSAGE,
            server_header=None,
            logger=_only_our_bugs(),
        )
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else str(exc)
        raise ConfigError(f"cannot listen on port {port} of {host}: {reason}; try another port") from exc
    bound: int = next(iter(server.sockets)).getsockname()[1]
    shown = f"[{address}]" if ":" in address else address
    try:
        yield SimServer(f"{'wss' if ssl_context else 'ws'}://{shown}:{bound}", bound)
    finally:
        server.close()
        try:
            async with asyncio.timeout(2 * CLOSE_S):
                await server.wait_closed()
        except TimeoutError:
            # someone who never finished a handshake, or never reads
            for transport in list(transports):
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
            # a TLS handshake under way has no transport to abort yet; it times out without us
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await server.wait_closed()


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"  # the name may stand for two addresses, and port 0 for two ports then
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise ConfigError(f"the simulator listens on this machine only, not on {host}; try 127.0.0.1")


def _judge_path(connection: ws_server.ServerConnection, request: Request) -> Response | None:
    if _PATH.fullmatch(_path_of(request)):
        return None
    return connection.respond(404, "Not Found\n")


def _path_of(request: Request) -> str:
    # Google's JavaScript SDK doubles the slash after a base URL that ends in one
    return re.sub(r"/{2,}", "/", request.path.partition("?")[0])


def _key_of(request: Request) -> str:
    """The credential, wherever a client puts it; empty for none."""
    query = parse_qs(request.path.partition("?")[2])
    found = [*request.headers.get_all("x-goog-api-key"), *query.get("key", ()), *query.get("access_token", ())]
    for header in request.headers.get_all("Authorization"):
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "token":
            found.append(token.strip())
    return next((key for key in found if key), "")


def _only_our_bugs() -> logging.Logger:
    """A logger for websockets that lets through what our own handler failed with, and nothing a client causes."""
    logger = logging.getLogger("flashlive_cli.sim.server")
    if not logger.filters:
        logger.addFilter(lambda record: record.msg == "connection handler failed")
    return logger


@dataclass(frozen=True, slots=True)
class _Close:
    """The last thing to send."""

    code: int
    reason: str


class _Hangup(Exception):
    """The close frame is out."""


@dataclass(slots=True)
class _Outbox:
    """
    Messages on their way, in order.

    One writer empties it; everyone else puts without waiting. `room` is clear while a client does not read.
    """

    queue: asyncio.Queue[bytes | _Close] = field(default_factory=asyncio.Queue)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    unread: int = 0

    def __post_init__(self) -> None:
        self.room.set()

    def send(self, message: Message) -> None:
        raw = encode(message)
        self.unread += len(raw)
        if self.unread > UNREAD_LIMIT:
            self.room.clear()
        self.queue.put_nowait(raw)

    def close(self, refusal: Refusal) -> None:
        self.queue.put_nowait(_Close(refusal.code, cut_reason(refusal.reason)))

    async def write_to(self, connection: ws_server.ServerConnection) -> None:
        while True:
            item = await self.queue.get()
            if isinstance(item, _Close):
                await connection.close(item.code, item.reason)
                raise _Hangup
            await connection.send(item)
            self.unread -= len(item)
            if self.unread <= UNREAD_LIMIT:
                self.room.set()


def cut_reason(reason: str) -> str:
    """At most `REASON_BYTES` of UTF-8, whole characters."""
    return reason.encode("utf-8", "replace")[:REASON_BYTES].decode("utf-8", "ignore")


@dataclass(slots=True)
class _FarEnd:
    """What all connections share."""

    clock: Clock
    script: Script | None
    api_key: str | None
    note: Callable[[str], None]
    voice: Voice = field(default_factory=Voice.of_this_machine)
    memory: Memory = field(init=False)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.memory = Memory(self.clock)

    async def talk(self, connection: ws_server.ServerConnection) -> None:
        """One connection, from its upgrade to its close."""
        number = next(self.numbers)
        ended = ""

        def note(line: str) -> None:
            self.note(f"#{number} {printable(line[:NOTE_CHARACTERS])}")

        try:
            async with asyncio.TaskGroup() as tasks:
                outbox = _Outbox()
                tasks.create_task(outbox.write_to(connection), name=f"sim {number} writer")
                try:
                    await self._converse(connection, outbox, tasks, note)
                except Refusal as refusal:
                    ended = f"closed with {refusal.code} {refusal.reason}"
                    outbox.close(refusal)
        except* (ConnectionClosed, _Hangup):
            pass
        note(ended or f"gone with {connection.close_code or 1006} {connection.close_reason or ''}".rstrip())

    async def _converse(
        self,
        connection: ws_server.ServerConnection,
        outbox: _Outbox,
        tasks: asyncio.TaskGroup,
        note: Callable[[str], None],
    ) -> None:
        request = connection.request
        assert request is not None
        found = _VERSION.search(_path_of(request))
        version = found[1] if found else "v1beta"
        first = read_first(await connection.recv(decode=False), version=version)
        self._judge_key(_key_of(request))
        setup = judge_setup(first, version=version)
        session = await self.memory.resume(setup) if setup.handle else Session(setup, self.script)
        try:
            await self._exchange(connection, outbox, tasks, note, setup, session)
        finally:
            self.memory.leave(session)

    async def _exchange(  # noqa: PLR0917 - one call, from just above
        self,
        connection: ws_server.ServerConnection,
        outbox: _Outbox,
        tasks: asyncio.TaskGroup,
        note: Callable[[str], None],
        setup: Setup,
        session: Session,
    ) -> None:
        how = "resumed" if setup.handle else "opened"
        note(f"{how} with {setup.model}, voice {setup.voice}, {len(setup.tools)} tools")
        exchange = Exchange(
            setup,
            session,
            issue_handle=lambda: self.memory.issue(session, setup.model),
            clock=self.clock,
            voice=self.voice,
            send=outbox.send,
            tasks=tasks,
            note=note,
        )
        await exchange.open()
        while True:
            raw = await connection.recv(decode=False)
            for said in read_later(raw, setup):
                exchange.receive(said)
            await outbox.room.wait()

    def _judge_key(self, key: str) -> None:
        if self.api_key is None:
            return
        if not key:
            raise Refusal(1007, "API Key not found. Please pass a valid API key.")
        if key != self.api_key:
            raise Refusal(1007, "API key not valid. Please pass a valid API key.")
