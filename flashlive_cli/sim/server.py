"""
The listening side: sockets, and which door a request is for.

As on the service, the upgrade succeeds whatever the key; a bad key, model or field shows as a close frame after
`setup`. Server messages travel in binary frames. The server sends no pings. A POST on the same port makes ephemeral
tokens.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import websockets.asyncio.server as ws_server  # noqa: TID251 - this is where the simulator opens its socket
from websockets.exceptions import ConnectionClosed  # noqa: TID251
from websockets.frames import Frame, Opcode  # noqa: TID251
from websockets.http11 import Request, Response  # noqa: TID251

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError
from flashlive_cli.loopback import is_loopback
from flashlive_cli.sim.doors import credential_of, talk_at, token_desk_at
from flashlive_cli.sim.farend import FarEnd
from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.plainhttp import Post, PostReader, answer, failure
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.script import Script
from flashlive_cli.sim.tape import Tape
from flashlive_cli.sim.tokens import NO_CREDENTIAL
from flashlive_cli.sim.wire import WireEvent

MAX_MESSAGE: Final = 16 * 2**20
"""The service publishes no limit; above this a client has lost its mind."""
CLOSE_S: Final = 1.0
"""Real seconds a client has to answer our close frame."""

_POST: Final = b"POST "


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
    tape: Tape | None = None,
    faults: Sequence[Fault] = (),
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    on_note: Callable[[str], None] | None = None,
    on_mismatch: Callable[[str], None] | None = None,
    on_doubt: Callable[[str], None] | None = None,
    on_wire: Callable[[WireEvent], None] | None = None,
) -> AsyncIterator[SimServer]:
    """
    Be the far end, until the block is left; then close every connection with 1001.

    Args:
        clock: all timing of the conversation; handshakes, closing and the life of tokens take real time.
        script: played from its start in every session.
        tape: performed in place of a conversation.
        faults: what goes wrong on every connection.
        host: a loopback address, or `localhost`.
        port: 0 for any free one.
        api_key: the only key that is let in; None lets in everybody.
        ssl_context: a server's, for clients that only dial `wss://`.
        on_note: takes one line for each happening, free of control characters; it never contains a key.
        on_mismatch: takes one such line for whatever a client does otherwise than script or tape say; some are told
            only when the block is left.
        on_doubt: takes one such line for whatever the script says that the service would never do, once each.
        on_wire: takes all that passes, as it passes; must not wait.

    Raises:
        ConfigError: the host is not of this machine alone, or the port is taken or not allowed.
    """
    address = _loopback(host)
    if not 0 <= port <= 65535:
        raise ConfigError(f"port {port} is not between 0 and 65535")
    far_end = FarEnd(
        clock=clock,
        script=script,
        tape=tape,
        faults=faults,
        api_key=api_key,
        note=on_note or (lambda _: None),
        mismatch=on_mismatch or (lambda _: None),
        doubt=on_doubt or (lambda _: None),
        on_wire=on_wire,
    )
    hall = _Hall(far_end)

    class Connection(_Connection):
        _hall = hall

    try:
        server = await ws_server.serve(
            hall.receive,
            address,
            port,
            ssl=ssl_context,
            process_request=_judge_path,
            create_connection=Connection,
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
            for transport in list(hall.transports):
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
            # a TLS handshake under way has no transport to abort yet; it times out without us
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await server.wait_closed()
        far_end.finish()


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"  # the name may stand for two addresses, and port 0 for two ports then
    if is_loopback(host):
        return host
    raise ConfigError(f"the simulator listens on this machine only, not on {host}; try 127.0.0.1")


def _judge_path(connection: ws_server.ServerConnection, request: Request) -> Response | None:
    if talk_at(request.path) is not None:
        return None
    return connection.respond(404, "Not Found\n")


def _only_our_bugs() -> logging.Logger:
    """A logger for websockets that lets through what our own handler failed with, and nothing a client causes."""
    logger = logging.getLogger("flashlive_cli.sim.server")
    if not logger.filters:
        logger.addFilter(lambda record: record.msg == "connection handler failed")
    return logger


@dataclass(slots=True)
class _Hall:
    """Where everybody comes in."""

    far_end: FarEnd
    transports: set[asyncio.BaseTransport] = field(default_factory=set)

    async def receive(self, connection: ws_server.ServerConnection) -> None:
        """Lead a WebSocket that is open to the far end."""
        request = connection.request
        assert request is not None
        assert isinstance(connection, _Connection)
        door = talk_at(request.path)
        assert door is not None
        try:
            await self.far_end.talk(_Channel(connection), door, credential_of(request.path, request.headers))
        except* ConnectionClosed:
            pass

    def answer(self, found: Post | HTTPStatus) -> bytes:
        """The whole response to a POST."""
        if isinstance(found, HTTPStatus):
            return failure(found, "INVALID_ARGUMENT", found.phrase)
        desk = token_desk_at(found.target)
        if desk is None:
            return failure(HTTPStatus.NOT_FOUND, "NOT_FOUND", "The simulator has WebSockets and auth_tokens only.")
        key = credential_of(found.target, found)
        if self.far_end.api_key is not None and not key:
            return failure(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", NO_CREDENTIAL)
        try:
            if self.far_end.judge_key(key) is not None:
                return failure(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "A token makes no tokens; use an API key.")
            made = self.far_end.office.issue(found.body, version=desk.version)
        except Refusal as refusal:
            return failure(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", refusal.reason)
        self.far_end.note("made an ephemeral token")
        return answer(HTTPStatus.OK, made)


class _Connection(ws_server.ServerConnection):
    """A connection of websockets' that can also be a POST, and can answer pings late."""

    _hall: _Hall

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.pong_delay_s = 0.0  # real seconds
        self._first = b""
        self._post: PostReader | None = None
        self._is_post: bool | None = None  # None until its first bytes tell
        self._send_frame_now = self.protocol.send_frame
        self.protocol.send_frame = self._send_frame  # type: ignore[method-assign] # pongs are sent by nothing else

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._hall.transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hall.transports.discard(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_post is None:
            self._first += data
            if len(self._first) < len(_POST) and _POST.startswith(self._first):
                return
            self._is_post = self._first.startswith(_POST)
            data, self._first = self._first, b""
        if self._is_post:
            self._post_received(data)
        else:
            super().data_received(data)

    def _post_received(self, fresh: bytes) -> None:
        if self._post is None:
            self._post = PostReader()
        elif self.transport.is_closing():
            return
        found = self._post.feed(fresh)
        if found is not None:
            self.transport.write(self._hall.answer(found))
            self.transport.close()

    def _send_frame(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG or not self.pong_delay_s:
            self._send_frame_now(frame)
        else:
            self.loop.call_later(self.pong_delay_s, self._send_late, frame)

    def _send_late(self, frame: Frame) -> None:
        if not self.transport.is_closing() and not self.protocol.close_expected():
            self._send_frame_now(frame)
            self.send_data()


@dataclass(slots=True)
class _Channel:
    """A connection as the far end sees it: an `outbox.Channel`."""

    connection: _Connection

    async def recv(self) -> bytes:
        return await self.connection.recv(decode=False)

    async def send(self, frame: bytes, *, text: bool) -> None:
        await self.connection.send(frame, text=text)

    async def close(self, code: int, reason: str) -> None:
        await self.connection.close(code, reason)

    def goodbye(self) -> tuple[int, str]:
        return self.connection.close_code or 1006, self.connection.close_reason or ""

    def abort(self) -> None:
        self.connection.transport.abort()

    def delay_pongs(self, real_s: float) -> None:
        self.connection.pong_delay_s = real_s
