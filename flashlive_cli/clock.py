"""
Time that can run faster: what paces files, the simulator and the deadlines of a talk.

One `Clock` is shared by everything that takes part in a conversation, so that `--speed 10` speeds up all of
it alike. Its seconds are conversation seconds: ten of them pass in one real second then.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Clock:
    """
    A monotonic clock that runs `speed` times as fast as the wall's, from 0 at its making.

    Safe to read from any thread; `sleep_until` and `sleep` belong to an event loop.
    """

    speed: float = 1.0
    source: Callable[[], float] = time.perf_counter  # Windows' monotonic ticks every 16 ms before Python 3.13
    _origin: float = field(init=False)

    def __post_init__(self) -> None:
        self._origin = self.source()

    def now(self) -> float:
        """Seconds of conversation since the clock was made."""
        return (self.source() - self._origin) * self.speed

    def real(self, seconds: float) -> float:
        """Turn conversation seconds into the wall's seconds, for timeouts of the standard library."""
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of conversation pass."""
        await asyncio.sleep(max(0.0, self.real(seconds)))

    async def sleep_until(self, when: float) -> None:
        """Sleep until `now()` has reached `when`; at once when it is past."""
        await self.sleep(when - self.now())
