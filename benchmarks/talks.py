"""Ears, mouth and a tool for talks that nobody holds: files played by a clock, and a tool that only counts."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.clock import Clock
from flashlive_cli.protocol.commands import FunctionDeclaration
from flashlive_cli.session.givens import Sound

CLIP = Path(__file__).parents[1] / "examples" / "where-is-my-order.wav"
BOOKING = FunctionDeclaration("book_table", "Book a table.", {"type": "OBJECT"})


@dataclass
class Booked:
    """What the tool has come to."""

    response: dict[str, object] = field(default_factory=lambda: {"output": "booked"})
    final: bool = True


class Bookings:
    """
    A tool that takes some seconds of the conversation.

    Attributes:
        calls: how often it ran.
    """

    names = (BOOKING.name,)

    def __init__(self, clock: Clock, takes_s: float) -> None:
        self.calls = 0
        self._clock = clock
        self._takes_s = takes_s

    def asks(self, name: str) -> bool:
        """Never."""
        del name
        return False

    def scheduling(self, name: str) -> None:
        """Leave it to the service."""
        del name

    async def outcomes(self, name: str, args: object) -> AsyncGenerator[Booked, None]:
        """Book."""
        del name, args
        self.calls += 1
        await self._clock.sleep(self._takes_s)
        yield Booked()


class Files:
    """Ears and mouth from files, as `flashlive talk` has them."""

    def __init__(self, clock: Clock) -> None:
        self.microphone = WavMicrophone(clock)
        self._clock = clock
        self._speaker: WavSpeaker | None = None

    def prepare(self) -> None:
        """Nothing to do."""

    async def open(self) -> Sound:
        """Open both."""
        self._speaker = WavSpeaker.open(self._clock, None)
        return Sound(self._speaker, self.microphone)

    async def close(self) -> None:
        """Close both."""
        await self.microphone.close()
        if self._speaker is not None:
            await self._speaker.close()
