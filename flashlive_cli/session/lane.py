"""
The one lane that pictures have on the wire. It never gets into the way of the sound.

A WebSocket is one queue: what is said while a picture leaves follows behind it. So a picture is sent when nothing else
waits, one at a time, and none larger than what leaves within `MOST_DELAY_S`, as measured by those before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.session.pump import Pump

LOOK_S: Final = 0.05
"""Real seconds between two looks at whether sound waits, or the user speaks: nothing rings then."""
CALM_BYTES: Final = 2**14
"""A third of a second of sound on the wire: where more waits, the network is slower than the voice."""

MOST_BYTES: Final = 200_000
MOST_TOGETHER_BYTES: Final = 700_000
"""In one message, which has 1 MiB then: the service names no limit, and larger ones were not seen."""
LEAST_BYTES: Final = 8_000
FIRST_BYTES: Final = 100_000
"""Before anybody knows how fast the line is."""
MOST_DELAY_S: Final = 0.1
"""Real seconds for which a picture may hold up the sound behind it."""


def now_bytes(most_bytes: int, sent_bytes: int, took_s: float) -> int:
    """
    Return how large the next picture may be.

    Args:
        most_bytes: how large the latest one might have been.
        sent_bytes: how large it was.
        took_s: real seconds until it had left.
    """
    if took_s > MOST_DELAY_S:
        return max(LEAST_BYTES, min(most_bytes, round(sent_bytes * MOST_DELAY_S / took_s)))
    if took_s < MOST_DELAY_S / 2:
        return min(MOST_BYTES, most_bytes * 2)
    return most_bytes


class Lane:
    """Where pictures wait for their turn; belongs to the event loop, and several tasks may send by it."""

    def __init__(self, *, wire: Callable[[], Pump | None], clock: Clock, with_sound: bool) -> None:
        """
        Be for one talk.

        Args:
            wire: leads to the service; None while nothing does.
            clock: the talk's.
            with_sound: there is a microphone, whose sound a picture could hold up.
        """
        self._wire = wire
        self._clock = clock
        self._with_sound = with_sound
        self._most_bytes = FIRST_BYTES
        self._turn = asyncio.Lock()

    def most_bytes(self, n_pictures: int = 1) -> int:
        """Return how large the next picture may be, or each of so many that leave together."""
        if not self._with_sound:
            return min(MOST_BYTES, MOST_TOGETHER_BYTES // n_pictures)
        return max(LEAST_BYTES, self._most_bytes // n_pictures)

    @property
    def is_free(self) -> bool:
        """Whether a picture may go now."""
        return not self._turn.locked() and self._calm_wire() is not None

    async def free(self) -> None:
        """Wait until a picture may go; somebody else's may go first."""
        while not self.is_free:  # noqa: ASYNC110 - see `LOOK_S`
            await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def turn(self, *, patience_s: float) -> AsyncIterator[Pump | None]:
        """
        Have the lane to oneself, once no sound waits; yields where pictures may go.

        Yields None where sound has been waiting for so many real seconds. Time without a connection does not count.
        """
        waited_s = 0.0
        while True:
            async with self._turn:
                wire = self._calm_wire()
                if wire is not None or waited_s >= patience_s:
                    yield wire
                    return
            await asyncio.sleep(LOOK_S)
            waited_s += LOOK_S if self._wire() is not None else 0.0

    @contextmanager
    def measured(self, sent_bytes: int) -> Iterator[None]:
        """Learn how fast the line is from what is sent in this block; nothing where that fails."""
        begun_s = self._clock.now()
        yield
        took_s = self._clock.real(self._clock.now() - begun_s)
        self._most_bytes = now_bytes(self._most_bytes, sent_bytes, took_s)

    def _calm_wire(self) -> Pump | None:
        wire = self._wire()
        return wire if wire is not None and wire.unsent_bytes <= CALM_BYTES else None
