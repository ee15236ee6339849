"""How long a talk may last and what it may cost, and whether it has come to that."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    After which a talk takes no further turn; the one that runs is finished.

    Attributes:
        duration_s: conversation seconds from the service's acceptance on; None for no limit.
        cost_usd: US dollars; None for no limit.
    """

    duration_s: float | None = None
    cost_usd: float | None = None


class Curfew:
    """
    Whether a talk has come to one of its limits; belongs to the event loop.

    Attributes:
        reached: set from then on.
        words: which limit that was, for the user.
    """

    def __init__(self, limits: Limits) -> None:
        self.reached = asyncio.Event()
        self.words = ""
        self._limits = limits

    @property
    def duration_s(self) -> float | None:
        """See `Limits.duration_s`."""
        return self._limits.duration_s

    def lasted(self, seconds: float) -> None:
        """Note how long the talk has lasted."""
        limit_s = self._limits.duration_s
        if limit_s is not None and seconds >= limit_s:
            self._ring(f"stopped after {limit_s:g} s, as asked")

    def spent(self, usd: float | None) -> None:
        """Note what the talk has cost so far; None where that is not known."""
        limit_usd = self._limits.cost_usd
        if limit_usd is not None and usd is not None and usd >= limit_usd:
            self._ring(f"stopped at ${usd:.4f}: the limit is ${limit_usd:g}")

    def _ring(self, words: str) -> None:
        if not self.reached.is_set():
            self.words = words
            self.reached.set()
