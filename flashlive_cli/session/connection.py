"""One WebSocket: dial, send, receive, close. The only client import of websockets; its exceptions end here."""

import asyncio
import contextlib
import logging
import socket
from types import TracebackType
from typing import Final, Protocol, Self

from websockets.asyncio.client import ClientConnection, connect  # noqa: TID251 - the one place
from websockets.exceptions import (  # noqa: TID251 - the one place
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)

from flashlive_cli.errors import ConnectionLost, ConnectionRejected, FlashliveError
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.slumber import Slumber
from flashlive_cli.session.standstill import Standstill, traffic_of

MAX_MESSAGE_BYTES: Final = 16 * 2**20
"""No limit is documented; the Python SDK lives with 1 MiB, so this is far above what a server sends."""

PING_EVERY_S: Final = 20.0
SILENT_FOR_S: Final = 45.0
"""sip-to-ai #14: pongs come 8-30 s late under load, and a library's 20 s kill healthy calls with a 1011 of our own."""
SILENT_AFTER_SLEEP_S: Final = 5.0
STILL_LOOK_S: Final = 1.0
STILL_FOR_S: Final = 9.0
"""So long nothing is acknowledged on a dead line; by then the kernel has repeated itself four times or more."""
PROD_AFTER_S: Final = 4.0
"""On a line on which nothing moves for so long there is nothing to be acknowledged, either: that takes a ping."""

CLOSE_TIMEOUT_S: Final = 2.0

WRITE_LIMIT_BYTES: Final = 2**15
"""websockets' default: who sends waits while more than that has not left; that is how a stalled network is noticed."""
LARGE_BYTES: Final = 2**14
"""A message longer than this is a picture, or a history; sound has a tenth of that."""
_LOOK_S: Final = 0.005
# Linux and macOS; elsewhere a large message seems to leave at once
_NOT_SENT_LOW_WATER: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)

NORMAL: Final = 1000
ABNORMAL: Final = 1006
"""What RFC 6455 calls a connection that ended without a close frame."""

# websockets logs the headers of the handshake at DEBUG, and one of them is the key
_quiet_log: Final = logging.getLogger("flashlive.websockets")
_quiet_log.setLevel(logging.INFO)


class MessageWitness(Protocol):
    """Sees what passes over a connection."""

    def sent(self, message: str) -> None:
        """See a message on its way to the server."""
        ...

    def received(self, message: bytes) -> None:
        """See the payload of one of the server's."""
        ...


class _Dialling(connect):
    """A dial that follows no redirect: websockets would carry the key's header to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Connection:
    """
    An open WebSocket to a Live server.

    `send` may be called from several tasks; `receive` from one.

    Attributes:
        witness: sees every message, in the loop's thread, and must not wait; None for nobody.
    """

    def __init__(self, opened: ClientConnection, endpoint: Endpoint) -> None:
        self.witness: MessageWitness | None = None
        self._socket = opened
        self._endpoint = endpoint
        self._received = 0
        self._n_large = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, message: str) -> None:
        """
        Send one text message.

        A large one has left for the network when this returns, a small one as soon as those before it have.

        Raises:
            ConnectionLost: the connection has ended, or ended while a large one was leaving.
        """
        if self.witness is not None:
            self.witness.sent(message)
        try:
            if len(message) > LARGE_BYTES:
                await self._send_large(message)
            else:
                await self._socket.send(message)
        except ConnectionClosed as exc:
            raise self._lost(exc) from exc

    @property
    def unsent_bytes(self) -> int:
        """What was sent and has not left for the network yet, as far as that can be seen."""
        transport = self._socket.transport
        if transport.is_closing():
            return 0
        # what TLS has encrypted waits in a transport below, which asyncio shows nobody: without it, all that is sent
        # over TLS seems to have left at once
        below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
        encrypted_bytes = below.get_write_buffer_size() if below is not None else 0
        return transport.get_write_buffer_size() + encrypted_bytes

    async def _send_large(self, message: str) -> None:
        """
        Send what takes a while to leave, and wait for that alone: who sends meanwhile does not.

        Behind a full buffer every sender waits, the microphone's too; so the buffer may hold this message as well, and
        the kernel is told to take no more than it can send soon, or this would be over before anything has left.
        """
        transport = self._socket.transport
        connected = transport.get_extra_info("socket")
        if connected is not None and _NOT_SENT_LOW_WATER is not None:
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, _NOT_SENT_LOW_WATER, WRITE_LIMIT_BYTES)
        self._n_large += 1
        transport.set_write_buffer_limits(self.unsent_bytes + len(message) + 2 * WRITE_LIMIT_BYTES)
        try:
            await self._socket.send(message)
            while self.unsent_bytes > LARGE_BYTES:  # noqa: ASYNC110 - the transport rings for nobody
                await asyncio.sleep(_LOOK_S)
            if transport.is_closing():  # with whatever was unsent
                await self._socket.wait_closed()
                raise self._socket.protocol.close_exc
        finally:
            self._n_large -= 1
            if not self._n_large:
                transport.set_write_buffer_limits(WRITE_LIMIT_BYTES)

    async def receive(self) -> bytes:
        """
        Wait for the next message and return its payload; the service sends binary ones, some proxies text.

        Raises:
            ConnectionLost: the connection has ended.
        """
        try:
            message = await self._socket.recv(decode=False)
        except ConnectionClosed as exc:
            raise self._lost(exc) from exc
        self._received += 1
        if self.witness is not None:
            self.witness.received(message)
        return message

    async def outlive(self) -> None:
        """
        Break the connection when the far end is gone without a goodbye, and return.

        To be run in a task of its own. Who receives sees a `ConnectionLost` that no server has closed.
        """
        async with asyncio.TaskGroup() as group:
            watches = [
                group.create_task(self._outlive_silence(), name="silence"),
                group.create_task(self._outlive_standstill(), name="standstill"),
            ]
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            for watch in watches:
                watch.cancel()

    async def _outlive_standstill(self) -> None:
        """Look whether what is sent is acknowledged; where nobody tells that, wait for ever."""
        now = asyncio.get_running_loop().time
        still, prodded_s = Standstill(now()), now()
        with contextlib.suppress(ConnectionClosed):  # who receives knows
            while True:
                await asyncio.sleep(STILL_LOOK_S)
                connected = self._socket.transport.get_extra_info("socket")
                traffic = traffic_of(connected) if connected is not None else None
                if traffic is None:
                    continue
                still.look(traffic, now())
                if still.lasts_s(now()) >= STILL_FOR_S:
                    self.break_off()
                    return
                if min(still.quiet_s(now()), now() - prodded_s) >= PROD_AFTER_S:
                    prodded_s = now()
                    await self._socket.ping()

    async def _outlive_silence(self) -> None:
        """
        Ping now and then, and break the connection when neither a pong nor any message has come for long.

        After the machine was asleep, the far end has to show itself at once: it may have hung up long ago.
        """
        slumber, patience_s = Slumber(), SILENT_FOR_S
        with contextlib.suppress(ConnectionClosed):  # who receives knows
            while True:
                received, pong = self._received, await self._socket.ping()
                assert isinstance(pong, asyncio.Future)  # says the documentation
                slept = await slumber.passed(patience_s, until=pong)
                if not (slept or pong.done()) and received == self._received:
                    self.break_off()
                    return
                slept = slept or await slumber.passed(PING_EVERY_S)
                patience_s = SILENT_AFTER_SLEEP_S if slept else SILENT_FOR_S

    def break_off(self) -> None:
        """End the connection without a goodbye: there is nobody to say it to."""
        self._socket.transport.abort()

    async def close(self) -> None:
        """Say goodbye with 1000; never raises for a connection that is gone already."""
        await self._socket.close()

    @property
    def close_code(self) -> int:
        """Of a connection that has ended."""
        return int(self._socket.close_code or ABNORMAL)

    @property
    def close_reason(self) -> str:
        """The server's words at the end of a connection, without the key."""
        return self._endpoint.scrub(self._socket.close_reason or "")

    def _lost(self, exc: ConnectionClosed) -> ConnectionLost:
        if exc.rcvd is not None and (exc.rcvd_then_sent or exc.sent is None):
            code, reason = exc.rcvd.code, self._endpoint.scrub(exc.rcvd.reason)
            words = f"{code}: {reason}" if reason else f"{code}, without a reason"
            return ConnectionLost(
                f"the server closed the connection ({words})", code=code, reason=reason, by_server=True
            )
        if exc.sent is not None:
            code, reason = exc.sent.code, exc.sent.reason
            return ConnectionLost(f"the connection was given up ({code}: {reason})", code=code, reason=reason)
        return ConnectionLost(f"the connection broke off without a goodbye ({ABNORMAL})", code=ABNORMAL)


async def dial(endpoint: Endpoint, *, timeout_s: float = 10.0) -> Connection:
    """
    Open a WebSocket. TLS is verified; a proxy of the environment is used, except to this machine.

    Args:
        endpoint: where, and with which key. The service does not look at the key before the setup.
        timeout_s: for the whole handshake.

    Raises:
        ConnectionRejected: nobody there, no WebSocket, no valid certificate, or an HTTP error.
    """
    try:
        opened = await _Dialling(
            endpoint.url,
            additional_headers=endpoint.headers,
            compression=None,  # base64 PCM barely compresses
            write_limit=WRITE_LIMIT_BYTES,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,  # see `Connection.outlive`
            open_timeout=timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            proxy=None if endpoint.is_loopback else True,
            user_agent_header=None,
            logger=_quiet_log,
        )
    except TimeoutError as exc:
        raise ConnectionRejected(
            f"{endpoint.host} did not answer within {timeout_s:g} s", "is the network up?"
        ) from exc
    except InvalidStatus as exc:
        raise _refused_by_http(endpoint, exc) from exc
    except ImportError as exc:  # a SOCKS proxy in the environment, which websockets needs another package for
        raise ConnectionRejected(f"{endpoint.host} cannot be reached through the proxy: {exc}") from exc
    except WebSocketException as exc:
        raise ConnectionRejected(f"{endpoint.host} does not speak WebSocket ({endpoint.scrub(str(exc))})") from exc
    except OSError as exc:
        raise _unreachable(endpoint, exc) from exc
    return Connection(opened, endpoint)


def _refused_by_http(endpoint: Endpoint, exc: InvalidStatus) -> FlashliveError:
    status = exc.response.status_code
    advice = {401: "is the key right?", 403: "is the key right?", 404: "is the URL right?", 429: "try later"}
    words = f"{endpoint.host} refused the connection with HTTP {status}"
    return ConnectionRejected(words, advice.get(status, ""), code=status)


def _unreachable(endpoint: Endpoint, exc: OSError) -> FlashliveError:
    # ssl.SSLError is an OSError too, and its strerror is the library's own shorthand
    verify_message = getattr(exc, "verify_message", None)
    reason = verify_message or exc.strerror or str(exc) or type(exc).__name__
    secure = endpoint.url.startswith("wss:")
    hint = "is it a plain server, for ws://?" if secure and endpoint.is_loopback and not verify_message else ""
    return ConnectionRejected(f"{endpoint.host} cannot be reached: {endpoint.scrub(reason)}", hint)
