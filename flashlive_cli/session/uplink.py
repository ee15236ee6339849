"""The microphone's way to the wire, over one connection after another: what is said while there is none is kept."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost
from flashlive_cli.pcm import CHUNK_S
from flashlive_cli.protocol import commands as c
from flashlive_cli.session.gate import Gate
from flashlive_cli.session.pump import Microphone, Pump

KEPT_CHUNKS: Final = 500
"""Ten seconds: what is older than that when the talk goes on is no answer to anybody."""
SAID_CHUNKS: Final = 1500
"""Half a minute of what was sent, for a question that has to be asked again."""
ONSET_S: Final = 0.5
"""Sound before an utterance that belongs to it."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """
    What was read, and waits to be sent.

    Attributes:
        chunk: 20 ms of mono s16le at 16 kHz.
        heard_s: when its last sample was read, in clock seconds.
        is_open: the gate was open then.
    """

    chunk: bytes
    heard_s: float
    is_open: bool


class Uplink:
    """
    Reads the microphone for the length of a talk; belongs to the event loop, `run` to one task of it.

    Attributes:
        dropped_chunks: of 20 ms, meant to be heard, that had to be given up since the latest `hold`.
    """

    def __init__(
        self, microphone: Microphone, gate: Gate, clock: Clock, spoke: Callable[[bytes, float], None] | None
    ) -> None:
        """
        Hold until `lead`.

        Args:
            microphone: read by nobody else.
            gate: what of it may go to the wire.
            clock: times what is heard.
            spoke: gets what was sent, and when its last sample was read.
        """
        self.dropped_chunks = 0
        self._microphone = microphone
        self._gate = gate
        self._clock = clock
        self._spoke = spoke
        self._wire: Pump | None = None
        self._kept: deque[_Heard] = deque()
        self._said: deque[tuple[bytes, float]] = deque(maxlen=SAID_CHUNKS)

    @property
    def kept_ms(self) -> float:
        """What waits to be sent."""
        return 1000 * CHUNK_S * sum(heard.is_open for heard in self._kept)

    @property
    def dropped_ms(self) -> float:
        """What had to be given up since the latest `hold`."""
        return 1000 * CHUNK_S * self.dropped_chunks

    def hold(self) -> None:
        """Keep what is said from now on."""
        self._wire = None
        self.dropped_chunks = 0

    def lead(self, wire: Pump) -> None:
        """Send what was kept, and what is said from now on, over this connection."""
        self._wire = wire

    async def run(self) -> None:
        """Carry the microphone to the wire, chunk by chunk, until cancelled."""
        while True:
            chunk = await self._microphone.read()
            self._kept.append(_Heard(chunk, self._clock.now(), self._gate.is_open))
            if self._wire is None and len(self._kept) > KEPT_CHUNKS:
                self.dropped_chunks += self._kept.popleft().is_open
            await self._send_kept()

    async def _send_kept(self) -> None:
        while self._kept and (wire := self._wire) is not None:
            heard = self._kept[0]
            try:
                for passed in self._gate.pass_on(heard.chunk, heard.heard_s, is_open=heard.is_open):
                    await wire.send(passed.command)
                    self._note(passed.command, passed.heard_s)
            except ConnectionLost:
                if self._wire is wire:  # else there is another one already
                    self._wire = None  # the receiver will say so, too; the chunk stays
                return
            self._kept.popleft()

    def _note(self, command: c.Command, heard_s: float | None) -> None:
        if isinstance(command, c.SendAudio) and heard_s is not None:
            self._said.append((command.pcm, heard_s))
            if self._spoke is not None:
                self._spoke(command.pcm, heard_s)

    def has_said_since(self, began_s: float) -> bool:
        """Whether anything of an utterance that began then was sent: it may have been said while muted."""
        return bool(self._said) and self._said[-1][1] >= began_s

    def said_since(self, began_s: float) -> bytes:
        """Return what was sent of an utterance that began then, with a moment before it; 16 kHz mono s16le."""
        return b"".join(pcm for pcm, heard_s in self._said if heard_s >= began_s - ONSET_S)
