"""A far end that does as it is told, and a microphone and a speaker that are lists."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of a test

from flashlive_cli.clock import Clock
from flashlive_cli.errors import FlashliveError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import find_model
from flashlive_cli.protocol.prices import Price
from flashlive_cli.reports import Report, Stamped
from flashlive_cli.session.calls import Consent, nobody_to_ask
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.session.givens import Eyes, Patience, Sound, Spoken, Turn, Witness
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.talk import Talk

if TYPE_CHECKING:
    from flashlive_cli.session.wishes import Wish


class ListMicrophone:
    """Says chunks when told to, as fast as they are read; waits otherwise."""

    def __init__(self, clock: Clock) -> None:
        self.speaks_s = 0.0  # how long the user has been speaking when the first chunk is read
        self.speech_started_s: float | None = None
        self.speech_ended_s: float | None = None
        self._clock = clock
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        chunk = await self._chunks.get()
        self.speech_ended_s = self._clock.now()
        self.speech_started_s = self.speech_started_s or self.speech_ended_s - self.speaks_s
        self._chunks.task_done()
        return chunk

    def hear(self, chunk: bytes) -> None:
        """Have one more chunk to be read."""
        self._chunks.put_nowait(chunk)

    @property
    def all_read(self) -> bool:
        """Whether nothing is left to be read."""
        return self._chunks.empty()

    async def hear_out(self, chunk: bytes) -> None:
        """Have one more chunk to be read, and wait until it has been."""
        self.hear(chunk)
        await self._chunks.join()

    async def say(self, *chunks: bytes) -> None:
        self.speech_started_s = self.speech_ended_s = None
        for chunk in chunks:
            self._chunks.put_nowait(chunk)
        await self._chunks.join()


class ListSpeaker:
    """Plays when told to: `play` moves samples from `held` to `heard` and rings as a speaker does."""

    def __init__(self, clock: Clock) -> None:
        self.held = b""
        self.heard = b""
        self._clock = clock
        self._bells: tuple[Callable[[float], None], ...] = ()

    @property
    def played_frames(self) -> int:
        return len(self.heard) // 2

    @property
    def held_frames(self) -> int:
        return len(self.held) // 2

    def write(self, pcm: bytes) -> None:
        self.held += pcm

    def complete(self) -> None:
        pass

    def flush(self) -> int:
        dropped, self.held = len(self.held) // 2, b""
        asyncio.get_running_loop().call_soon(self._ring, 1)
        return dropped

    def play(self, ms: int) -> None:
        if self.held:
            self._ring(0)
        self.heard, self.held = self.heard + self.held[: 48 * ms], self.held[48 * ms :]
        if not self.held:
            self._ring(1)

    def _ring(self, bell: int) -> None:
        if self._bells:
            self._bells[bell](self._clock.now())

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        self._bells = (started, drained)

    async def drained(self) -> None:
        self.play(10**6)


class Peer:
    """The server's side of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def setup(self) -> dict[str, Any]:
        """Take the setup and accept it."""
        message = await self.next()
        await self.say({"setupComplete": {}})
        return message["setup"]

    async def next(self) -> dict[str, Any]:
        return json.loads(await self.socket.recv())

    async def say(self, *messages: dict[str, Any] | bytes) -> None:
        for message in messages:
            await self.socket.send(message if isinstance(message, bytes) else json.dumps(message).encode())

    async def say_audio(self, dye: int, ms: int, **more: object) -> None:
        import base64

        data = base64.b64encode(dye.to_bytes(2, "little") * (24 * ms)).decode()
        await self.say({"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": data}}]}, **more}})

    async def answer(self) -> None:
        """Say "Hi.", end the turn, and wait for the client's goodbye."""
        await self.say({"serverContent": {"outputTranscription": {"text": "Hi."}}})
        await self.end_turn()
        await self.socket.wait_closed()

    async def end_turn(self) -> None:
        await self.say({"serverContent": {"generationComplete": True}}, {"serverContent": {"turnComplete": True}})


Behaviour = Callable[[Peer], Awaitable[None]]


class LoopbackTalk:
    """A talk over a real WebSocket with a far end of the test's making; `reports` and `error` are what came of it."""

    def __init__(self, behaviour: Behaviour, *, model: str = "gemini-3.1-flash-live-preview") -> None:
        self.clock = Clock()
        self.microphone = ListMicrophone(self.clock)
        self.speaker = ListSpeaker(self.clock)
        self.reports: list[Report] = []
        self.stamped: list[Stamped] = []
        self.error: FlashliveError | None = None
        self.headers: dict[str, str] = {}
        self.wishes: asyncio.Queue[Wish] = asyncio.Queue()
        self.witness: Witness | None = None
        self.eyes: Eyes | None = None
        self.closed = asyncio.Event()
        self.model = model
        self._behaviour = behaviour
        self._failures: list[AssertionError | TimeoutError] = []  # of the far end, which no client sees

    def say(self, *chunks: bytes) -> Spoken:
        return Spoken("clip", lambda: self.microphone.say(*chunks))

    async def hold(
        self,
        *turns: Turn,
        key: str = "k",
        tools: Any = None,
        consent: Consent = nobody_to_ask,
        renewal: Any = None,
        patience: Patience | None = None,
        limits: Limits | None = None,
        price: Price | None = None,
        detection: c.Detection | None = None,
        live: bool = False,
        delays: Iterable[float] = (),
    ) -> None:
        """Take the turns; or, `live`, talk by microphone until the far end or a limit ends it."""
        async with self._serving() as url:
            model = find_model(self.model)
            names = getattr(tools, "names", ())
            talk = Talk(
                endpoint=find_endpoint(url, key),
                model=model,
                setup=c.Setup(
                    model=model.resource,
                    functions=tuple(c.FunctionDeclaration(name) for name in names),
                    detection=detection or c.Detection(),
                ),
                sound=self,
                tools=tools,
                consent=consent,
                renewal=renewal,
                listener=self._listen,
                clock=self.clock,
                patience=patience or Patience(setup_s=5, stall_s=2, answer_s=4),
                limits=limits,
                price=price,
                wishes=self.wishes,
                witness=self.witness,
                eyes=self.eyes,
                delays=lambda: iter(delays),
            )
            try:
                await talk.hold(None if live else turns)
            except FlashliveError as error:
                self.error = error
        for failure in self._failures:
            raise failure

    def prepare(self) -> None:
        pass

    async def open(self) -> Sound:
        return Sound(self.speaker, self.microphone)

    def _listen(self, stamped: Stamped) -> None:
        self.stamped.append(stamped)
        self.reports.append(stamped.report)

    def told(self, kind: type[Report]) -> list[Any]:
        return [report for report in self.reports if type(report) is kind]

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[str]:
        async def handle(socket: ServerConnection) -> None:
            assert socket.request is not None
            self.headers = dict(socket.request.headers)
            try:
                await self._behaviour(Peer(socket))
            except (AssertionError, TimeoutError) as failure:
                self._failures.append(failure)
                raise
            finally:
                self.closed.set()

        async with serve(handle, "127.0.0.1", 0, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            yield f"ws://127.0.0.1:{port}"


@pytest.fixture
def loopback() -> type[LoopbackTalk]:
    return LoopbackTalk
