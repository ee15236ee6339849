"""
Sender and receiver of one connection. The flush on `interrupted` lives here.

    uplink, calls, typed turns ─► send: encode ─► socket
    socket ─► receive: decode ─► speaker, and on to `heard`

The receiver never waits for anything but the socket: writing to the speaker appends to a ring, and what `heard`
has to do it does at once or in a task of its own. It alone writes the speaker, and flushes it in the order of the
wire, so a flush cannot race with a stale write; a flush by hand has the protocol drop what is stale from then on.
"""

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.session.connection import Connection


class Microphone(Protocol):
    """What is heard of the user."""

    @property
    def speech_started_s(self) -> float | None:
        """When the present utterance began, in clock seconds; None before any."""
        ...

    @property
    def speech_ended_s(self) -> float | None:
        """When the latest sound of speech was read, in clock seconds; None before any."""
        ...

    async def read(self) -> bytes:
        """Wait for the next 20 ms: `CHUNK_BYTES` of mono s16le at 16 kHz, silence included."""
        ...


class Speaker(Protocol):
    """What the user hears; all of it is called in the event loop's thread and returns at once."""

    @property
    def played_frames(self) -> int:
        """Frames played since the start, at 24 kHz."""
        ...

    def write(self, pcm: bytes) -> None:
        """Append mono s16le at 24 kHz; holds minutes and never pushes back."""
        ...

    def complete(self) -> None:
        """Note that no more of this reply will come."""
        ...

    def flush(self) -> int:
        """Drop what was not played; return how many frames that was."""
        ...


class Pump:
    """One connection with its protocol; `send` may be called from any task of the loop."""

    def __init__(
        self,
        connection: Connection,
        protocol: LiveProtocol,
        clock: Clock,
        *,
        said_first: tuple[Sequence[e.Event], float] = ((), 0.0),
    ) -> None:
        """Carry what passes from now on, and before that what the server has said already, and when."""
        self._connection = connection
        self._protocol = protocol
        self._clock = clock
        self._said_first = said_first

    async def send(self, command: c.Command) -> None:
        """
        Send one command.

        Raises:
            LocalProtocolError: not allowed now.
            ConnectionLost: the connection has ended.
        """
        self._protocol.send(command)
        await self.drain()

    @property
    def unsent_bytes(self) -> int:
        """What waits for the network to take it; see `Connection.unsent_bytes`."""
        return self._connection.unsent_bytes

    async def type_text(self, text: str, images: Sequence[tuple[bytes, str]] = ()) -> None:
        """Send a typed turn, with its images, the way the model's family takes one. Raises as `send` does."""
        self._protocol.type_text(text, images)
        await self.drain()

    async def drain(self) -> None:
        """Send what the protocol has waiting. Raises `ConnectionLost` as `send` does."""
        for message in self._protocol.messages_to_send():
            await self._connection.send(message)

    async def outlive(self) -> None:
        """Notice a far end that is gone without a goodbye; see `Connection.outlive`."""
        await self._connection.outlive()

    def break_off(self) -> None:
        """End the connection without a goodbye; see `Connection.break_off`."""
        self._connection.break_off()

    async def receive(self, speaker: Speaker, heard: Callable[[e.Event, float, int | None], None]) -> NoReturn:
        """
        Carry the wire to the speaker and every event to `heard`, until `ConnectionLost`.

        Args:
            speaker: written and flushed by nobody else while this runs.
            heard: gets each event, its time, and with `Interrupted` how many frames were dropped; must not wait.

        Raises:
            RemoteProtocolError: the server sent what is no Live API message.
        """
        _carry(*self._said_first, speaker, heard)
        while True:
            raw = await self._connection.receive()
            now = self._clock.now()
            _carry(self._protocol.receive_message(raw, now), now, speaker, heard)


def _carry(
    events: Sequence[e.Event], now: float, speaker: Speaker, heard: Callable[[e.Event, float, int | None], None]
) -> None:
    for event in events:
        dropped_frames = None
        match event:
            case e.AudioChunk(pcm):
                speaker.write(pcm)
            case e.Interrupted():
                dropped_frames = speaker.flush()
            case e.GenerationComplete() | e.TurnComplete():
                speaker.complete()
            case _:
                pass
        heard(event, now, dropped_frames)
