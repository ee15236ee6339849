"""A proxy in front of a server that cuts, delays, corrupts and trickles what passes, or stops, or vanishes."""

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

WHOLE: Final = 65_536
"""Bytes that pass at a time as a rule."""
_SO_ATTACH_FILTER: Final = 26
"""Of Linux; see `filter.txt` in its documentation of networking."""
_DROP_ALL: Final = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # of a packet, keep 0 bytes


@dataclass
class Toxics:
    """
    What the line does, drawn once for each connection.

    Attributes:
        random: the line's.
        cuts: how likely a connection breaks within its first 300 kB.
        corrupts: how likely a byte of it is another.
        trickles: how likely it delivers a few bytes at a time.
        delays: how likely one that does not trickle is late, by up to 20 ms.
    """

    random: Random
    cuts: float = 0.5
    corrupts: float = 0.0
    trickles: float = 0.3
    delays: float = 0.0

    def cut_after(self) -> int | None:
        """After how many bytes the line breaks; None for never."""
        return self.random.randrange(2_000, 300_000) if self._happens(self.cuts) else None

    def corrupt_at(self) -> int | None:
        """Which byte is another; None for none."""
        return self.random.randrange(1_000, 200_000) if self._happens(self.corrupts) else None

    def piece_bytes(self) -> int:
        """How much passes at a time."""
        return self.random.randrange(1, 400) if self._happens(self.trickles) else WHOLE

    def delay_s(self) -> float:
        """How late it is, in real seconds."""
        return self.random.uniform(0.0, 0.02) if self._happens(self.delays) else 0.0

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance


@dataclass
class Proxy:
    """
    A TCP proxy on loopback.

    Attributes:
        port: of the server behind it.
        toxics: what happens.
        connections: how many there were.
        pause_s: real seconds to rest after each piece.
    """

    port: int
    toxics: Toxics
    connections: int = 0
    pause_s: float = 0.0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _near: list[asyncio.StreamWriter] = field(default_factory=list)
    _flows: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._flows.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side or the line ends it."""
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:  # the server has gone
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        self._near.append(writer)
        cut = self.toxics.cut_after()
        try:
            with contextlib.suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, far_writer, cut))
                    group.create_task(self._pass(far_reader, writer, cut))
        finally:
            for each in (writer, far_writer):
                self._open.discard(each)
                each.transport.abort()

    def freeze(self) -> None:
        """Take nothing any more, and pass nothing on; the system goes on acknowledging what it has room for."""
        self._flows.clear()

    def vanish(self) -> None:
        """
        Be gone without a word for those who have dialled: their bytes come to nothing, and nothing is acknowledged.

        Linux alone; who dials from now on finds the line as it was.
        """
        for writer in self._near:
            with contextlib.suppress(OSError):  # closed
                connected = writer.get_extra_info("socket")
                program = struct.pack("HP", 1, ctypes.addressof(_DROP_ALL))
                connected.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def break_all(self) -> None:
        """Break every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None) -> None:
        passed, corrupt, piece = 0, self.toxics.corrupt_at(), self.toxics.piece_bytes()
        delay_s = self.toxics.delay_s() if piece == WHOLE else 0.0
        while data := await reader.read(piece):
            await self._flows.wait()
            if delay_s or self.pause_s:
                await asyncio.sleep(delay_s + self.pause_s)
            if corrupt is not None and passed <= corrupt < passed + len(data):
                at = corrupt - passed
                other = data[at] ^ 1 << self.toxics.random.randrange(8)
                data = data[:at] + bytes([other]) + data[at + 1 :]
            passed += len(data)
            if cut is not None and passed >= cut:
                raise ConnectionResetError("cut")
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError("the end")


@asynccontextmanager
async def bad_line(port: int, toxics: Toxics, *, narrow: bool = False) -> AsyncIterator[tuple[str, Proxy]]:
    """Put a line in front of a port, with little room on it where `narrow`; give the address to dial, and the proxy."""
    proxy = Proxy(port, toxics)
    # segments and windows as of a network, not of a loopback, whose segments are 64 KiB
    listening = socket.create_server(("127.0.0.1", 0))
    if narrow:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    server = await asyncio.start_server(proxy.carry, sock=listening, limit=4096 if narrow else 2**16)
    try:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}", proxy
    finally:
        server.close()
        proxy.break_all()
        await asyncio.sleep(0)
