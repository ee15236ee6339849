"""
How late the machine was, and whether that could be why a limit of time was missed.

The microphone hands out a chunk every 20 ms of the conversation, in the event loop in which client and simulator live;
how much later it does that than it should is how far all of the run lags behind its own clock. At a high speed, or
beside others, that grows to what no limit allows for, and it is no fault of who is tested.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from flashlive_cli.scenario.course import TurnCourse
from flashlive_cli.scenario.expecting import Expect
from flashlive_cli.scenario.outcome import Check

LEAST_MS: Final = 20.0
"""Of lateness that is worth a word, in the conversation's time: a chunk of the microphone."""
LEAST_SHARE: Final = 0.1
"""Of a limit; with less, the limit was missed for another reason."""
MOST_HOPS: Final = 5
"""
So many times that may be missing: a word waits for the microphone, the simulator, the receiver and the speaker in turn.
At 5 to 100 times the speed, on a machine idle and busy, first sounds came later by up to 3.3 times the lateness.
"""


class Lateness:
    """Collects when the microphone should have been read, and when it was; belongs to the event loop of the run."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._due_s: list[float] = []  # both in order, and of chunks only that were late enough
        self._read_s: list[float] = []

    def paced(self, due_s: float, read_s: float) -> None:
        """Take note of a chunk; see `filemic.WavMicrophone.on_paced`."""
        if read_s - due_s > LEAST_MS / 1000:
            self._due_s.append(due_s)
            self._read_s.append(read_s)

    def worst_ms(self, since_s: float, until_s: float) -> float:
        """Return how late a chunk was at worst that was waited for between two times; 0 where none was late."""
        begin = bisect_left(self._read_s, since_s)
        end = bisect_left(self._due_s, until_s)
        late_s = (read_s - due_s for due_s, read_s in zip(self._due_s[begin:end], self._read_s[begin:end], strict=True))
        return 1000 * max(late_s, default=0.0)


def told_of_lateness(
    checks: Sequence[Check], expect: Expect, course: TurnCourse, lateness: Lateness, *, simulated: bool
) -> tuple[Check, ...]:
    """Return a turn's checks, those of missed limits with how late the machine was, where that could be the reason."""
    stretches = {
        "interrupted_within_ms": (course.asked_from_s, course.interrupted_s),
        "flushed_within_ms": (course.interrupted_s, course.silenced_s),
        "first_audio_within_ms": (course.asked_until_s, course.answered_from_s),
        "complete_within_ms": (course.asked_until_s, course.answered_until_s),
    }

    def told(check: Check) -> Check:
        since_s, until_s = stretches.get(check.name, (None, None))
        if check.ok or check.measured is None or since_s is None or until_s is None:
            return check
        limit_ms = getattr(expect, check.name)
        late_ms = lateness.worst_ms(since_s, max(since_s, until_s))
        if late_ms <= LEAST_SHARE * limit_ms or MOST_HOPS * late_ms < check.measured - limit_ms:
            return check
        remedy = "a lower --speed or fewer -j" if simulated else "fewer -j"
        return replace(check, late_ms=late_ms, note=f"the machine was up to {late_ms:.0f} ms late: try {remedy}")

    return tuple(map(told, checks))
