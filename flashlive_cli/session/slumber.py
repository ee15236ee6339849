"""Waiting in real time, by somebody who notices that this process stood still: asleep with its machine, or stopped."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

LOOK_S: Final = 1.0
SLEPT_S: Final = 5.0
"""A look that comes later than this was no busy machine."""


class Slumber:
    """
    Tells a wait from a sleep; belongs to one task.

    Our own clock stands still in sleep on some systems and runs on on others. The wall's runs on on all of them, but
    may be set: whoever sets it ahead is taken for a sleeper, so that this may cost no more than a second look.
    """

    def __init__(self, wall: Callable[[], float] = time.time, own: Callable[[], float] = time.monotonic) -> None:  # noqa: TID251 - the wall's clock runs on in sleep
        """Look at two clocks, each of which gives seconds."""
        self._wall = wall
        self._own = own
        self._wall_s, self._own_s = wall(), own()

    async def passed(self, seconds: float, *, until: "asyncio.Future[float] | None" = None) -> bool:
        """
        Let so many real seconds pass, or wait `until` something has come; return early, and True, after a sleep.

        What has come then may have come before that. Raises what `until` does.
        """
        ends_s = self._own() + seconds
        while (left_s := ends_s - self._own()) > 0 and not (until and until.done()):
            look_s = min(LOOK_S, left_s)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(look_s):
                        await (asyncio.shield(until) if until else asyncio.sleep(look_s))
            finally:
                slept = self._slept(look_s)
            if slept:
                return True
        return False

    def _slept(self, meant_s: float) -> bool:
        wall_s, own_s = self._wall_s, self._own_s
        self._wall_s, self._own_s = self._wall(), self._own()
        return max(self._wall_s - wall_s, self._own_s - own_s) - meant_s > SLEPT_S
