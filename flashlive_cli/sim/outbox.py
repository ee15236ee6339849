"""What leaves a connection, in order: one writer empties it, everyone else puts without waiting."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from flashlive_cli.sim.outbound import Message, encode
from flashlive_cli.sim.schema import Refusal

UNREAD_LIMIT: Final = 32 * 2**20
"""Bytes waiting for a client that does not read; then it is no longer listened to either."""
REASON_BYTES: Final = 123
"""What RFC 6455 leaves for the reason in a close frame of 125 bytes."""


class Channel(Protocol):
    """One WebSocket, as far as a conversation needs it."""

    async def recv(self) -> bytes:
        """The next message of the client."""

    async def send(self, frame: bytes, *, text: bool) -> None:
        """Send a message in a text or binary frame; waits while the client does not read."""

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye, and wait a moment for the answer."""

    def goodbye(self) -> tuple[int, str]:
        """Close code and reason of a connection that is over; 1006 where nobody said goodbye."""

    def abort(self) -> None:
        """Be gone at once, without a close frame."""

    def delay_pongs(self, real_s: float) -> None:
        """Answer pings so many real seconds late from now on."""


@dataclass(frozen=True, slots=True)
class _Close:
    """The last thing to send."""

    code: int
    reason: str


class Hangup(Exception):
    """The close frame is out."""


@dataclass(slots=True)
class Outbox:
    """
    Messages on their way.

    Attributes:
        room: clear while a client does not read.
        as_text: frames are text; binary as long as nobody says otherwise.
        sent: called with each message as it is put.
    """

    sent: Callable[[bytes], None]
    queue: asyncio.Queue[bytes | _Close] = field(default_factory=asyncio.Queue)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    unread: int = 0
    as_text: bool = False

    def __post_init__(self) -> None:
        self.room.set()

    def send(self, message: Message) -> None:
        """Put a message."""
        self.send_frame(encode(message))

    def send_frame(self, raw: bytes) -> None:
        """Put what is no message but bytes."""
        self.sent(raw)
        self.unread += len(raw)
        if self.unread > UNREAD_LIMIT:
            self.room.clear()
        self.queue.put_nowait(raw)

    def close(self, refusal: Refusal) -> None:
        """Put the end; what was put before is sent before."""
        self.queue.put_nowait(_Close(refusal.code, cut_reason(refusal.reason)))

    async def write_to(self, channel: Channel) -> None:
        """
        Send what is put, for ever.

        Raises:
            Hangup: the end was put, and is sent.
        """
        while True:
            item = await self.queue.get()
            if isinstance(item, _Close):
                await channel.close(item.code, item.reason)
                raise Hangup
            await channel.send(item, text=self.as_text)
            self.unread -= len(item)
            if self.unread <= UNREAD_LIMIT:
                self.room.set()


def cut_reason(reason: str) -> str:
    """At most `REASON_BYTES` of UTF-8, whole characters."""
    return reason.encode("utf-8", "replace")[:REASON_BYTES].decode("utf-8", "ignore")
