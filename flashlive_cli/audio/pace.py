"""How fast a program's sound may be taken: as it is spoken, however fast it is written. Pure."""

from typing import Final

AHEAD_S: Final = 0.2
"""So much may be taken before its time: programs write in periods (arecord: 125 ms), and networks in heaps."""
LIVE_S: Final = 1.0
"""A program that gave so much sound at its own pace is live, like arecord; one that has a file ready never does."""
PAUSE_S: Final = 0.5
"""A pause longer than this is none within a sound."""


class Pace:
    """
    Keeps what is taken from a program in step with time; the caller says what time it is, in seconds.

    A file written at once is held back in its pipe, and heard as it is spoken. A live microphone is not held back:
    what came in a heap after a stall would be late for the rest of the talk.

    Attributes:
        live: nothing is held back.
    """

    def __init__(self) -> None:
        self.live = False
        self._due_s = float("-inf")  # when all that was taken has been spoken
        self._unhurried_s = 0.0  # of sound in a row that did not have to be held back

    def wait_s(self, now: float) -> float:
        """Return how long to wait before more is taken; 0 or less is not at all."""
        if self.live:
            return 0.0
        wait_s = self._due_s - AHEAD_S - now
        if wait_s > 0:
            self._unhurried_s = 0.0
        return wait_s

    def take(self, seconds: float, now: float) -> None:
        """Note that so much sound was taken."""
        if now - self._due_s > PAUSE_S:
            self._unhurried_s = 0.0
        self._due_s = max(self._due_s, now) + seconds
        self._unhurried_s += seconds
        self.live = self.live or self._unhurried_s >= LIVE_S

    def ahead_s(self, now: float) -> float:
        """Return how much of what was taken is still to be spoken."""
        return max(0.0, self._due_s - now)
