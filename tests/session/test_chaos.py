"""
Talks over a bad line: a proxy in front of the simulator that cuts, delays, corrupts and trickles.

Each talk is seeded: its number is all that is needed to hold it again. `CHAOS=1000 pytest tests/session/test_chaos.py`
holds so many.
"""

import asyncio
import contextlib
import gc
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from flashlive_cli.audio.clips import open_wav
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, FlashliveError, NoAnswer, RemoteProtocolError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import find_model
from flashlive_cli.reports import Report, SessionClosed, SessionResumed, Stamped, ToolCalled, ToolFinished, Transcript
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.session.givens import Patience, Sound, Spoken, Turn, Typed
from flashlive_cli.session.talk import Talk
from flashlive_cli.sim.server import serve

SPEED = 40.0
CLIP = Path(__file__).parents[2] / "examples" / "where-is-my-order.wav"
MODELS = ("gemini-3.1-flash-live-preview", "gemini-3.8-live", "gemini-2.5-flash-native-audio-latest")
DOCUMENTED = (ConnectionLost, ConnectionRejected, NoAnswer, RemoteProtocolError)
"""What a talk may end in, each with exit code 3."""


@dataclass
class Toxics:
    """
    What the line does, drawn once for each connection.

    Attributes:
        random: the line's.
        cuts: how likely a connection breaks within its first 300 kB.
        corrupts: how likely a byte of it is another.
        trickles: how likely it delivers a few bytes at a time.
    """

    random: Random
    cuts: float = 0.5
    corrupts: float = 0.0
    trickles: float = 0.3

    def cut_after(self) -> int | None:
        return self.random.randrange(2_000, 300_000) if self.random.random() < self.cuts else None

    def corrupt_at(self) -> int | None:
        return self.random.randrange(1_000, 200_000) if self.random.random() < self.corrupts else None

    def piece_bytes(self) -> int:
        return self.random.randrange(1, 400) if self.random.random() < self.trickles else 65_536


@dataclass
class Proxy:
    """A TCP proxy on loopback."""

    port: int
    toxics: Toxics
    connections: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.open |= {writer, far_writer}
        cut = self.toxics.cut_after()
        try:
            with contextlib.suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, far_writer, cut))
                    group.create_task(self._pass(far_reader, writer, cut))
        finally:
            for each in (writer, far_writer):
                self.open.discard(each)
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None) -> None:
        passed, corrupt, piece = 0, self.toxics.corrupt_at(), self.toxics.piece_bytes()
        while data := await reader.read(piece):
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
async def bad_line(port: int, toxics: Toxics) -> AsyncIterator[tuple[str, Proxy]]:
    proxy = Proxy(port, toxics)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", proxy
    finally:
        server.close()
        for writer in list(proxy.open):
            writer.transport.abort()
        await asyncio.sleep(0)


class Bookings:
    """A tool that counts."""

    names = ("book_table",)

    def __init__(self) -> None:
        self.called: list[object] = []

    def asks(self, name: str) -> bool:
        return False

    def scheduling(self, name: str) -> None:
        return None

    async def outcomes(self, name: str, args: object) -> AsyncGenerator["Booked", None]:
        self.called.append(args)
        await asyncio.sleep(0.01)
        yield Booked()


@dataclass
class Booked:
    """What the tool has come to."""

    response: dict[str, object] = field(default_factory=lambda: {"output": "booked"})
    final: bool = True


class WavSound:
    """Ears and mouth from files, as `flashlive talk` has them."""

    def __init__(self, clock: Clock) -> None:
        self.microphone = WavMicrophone(clock)
        self._clock = clock
        self._speaker: WavSpeaker | None = None

    def prepare(self) -> None:
        pass

    async def open(self) -> Sound:
        self._speaker = WavSpeaker.open(self._clock, None)
        return Sound(self._speaker, self.microphone)

    async def close(self) -> None:
        await self.microphone.close()
        if self._speaker is not None:
            await self._speaker.close()


@dataclass
class Held:
    """What came of a talk."""

    error: FlashliveError | None
    reports: list[Report]
    connections: int
    called: int

    def told(self, kind: type[Report]) -> list[Report]:
        return [report for report in self.reports if type(report) is kind]


async def hold(seed: int, *, corrupts: float = 0.0) -> Held:
    random = Random(seed)
    clock = Clock(SPEED)
    model = find_model(random.choice(MODELS))
    tools, reports = Bookings(), list[Report]()
    sound = WavSound(clock)
    with contextlib.closing(open_wav(str(CLIP))) as clip:
        turns: list[Turn] = [Typed("hello"), Typed("please book a table"), Typed("and what else?")]
        if random.random() < 0.5:
            turns.insert(1, Spoken("clip", lambda: sound.microphone.play(clip)))
        random.shuffle(turns)

        def listen(stamped: Stamped) -> None:
            reports.append(stamped.report)

        async with serve(clock=clock) as server:
            port = int(server.url.rsplit(":", 1)[1])
            async with bad_line(port, Toxics(random, corrupts=corrupts)) as (url, proxy):
                functions = (c.FunctionDeclaration("book_table", "Book a table.", {"type": "OBJECT"}),)
                talk = Talk(
                    endpoint=find_endpoint(url, "k"),
                    model=model,
                    setup=c.Setup(model=model.resource, functions=functions),
                    sound=sound,
                    tools=tools,
                    listener=listen,
                    clock=clock,
                    patience=Patience(setup_s=5, stall_s=6, answer_s=30),
                )
                error: FlashliveError | None = None
                try:
                    async with asyncio.timeout(50):
                        await talk.hold(turns)
                except FlashliveError as failure:
                    error = failure
                finally:
                    await sound.close()
    return Held(error, reports, proxy.connections, len(tools.called))


N_TALKS = int(os.environ.get("CHAOS", "12"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(N_TALKS))
async def test_whatever_the_line_does_a_talk_ends_in_success_or_in_a_documented_error(seed: int) -> None:
    corrupts = 0.3 if seed % 3 == 0 else 0.0
    threads = {thread.name for thread in threading.enumerate()}
    held = await hold(seed, corrupts=corrupts)

    assert held.error is None or isinstance(held.error, DOCUMENTED), held.error
    assert "\n" not in str(held.error)
    assert len(held.told(SessionResumed)) < held.connections or held.error
    finished = [report.id for report in held.told(ToolFinished)]  # type: ignore[union-attr]
    assert len(finished) == len(set(finished)), "no call is answered twice"
    if not corrupts and held.error is None:
        called = [report.id for report in held.told(ToolCalled)]  # type: ignore[union-attr]
        assert sorted(called) == sorted(finished), "no call is lost"
        asked = [t.text for t in held.told(Transcript) if t.role == "user" and t.final]  # type: ignore[union-attr]
        assert {"hello", "please book a table", "and what else?"} <= set(asked)
        replies = [t for t in held.told(Transcript) if t.role == "model" and t.final]  # type: ignore[union-attr]
        assert len(replies) >= 3, "no turn is lost"
    if held.error is None:
        closed = [report.code for report in held.told(SessionClosed)]  # type: ignore[union-attr]
        assert closed in ([1000], [1006]), "the line may break after the last word"
    gc.collect()
    assert {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()} == set()  # type: ignore[union-attr]
    left = {thread.name for thread in threading.enumerate()} - threads
    assert not {name for name in left if name.startswith("flashlive")}
