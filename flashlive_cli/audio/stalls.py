"""Whether a sound device has stalled, told from looks at its callbacks. Pure: the caller says what time it is."""

import math
from typing import Final

LOOK_S: Final = 0.5
STALLED_LOOKS: Final = 2
"""A device without a callback in so many looks running has stalled: a frozen sound server reports nothing else."""
FIRST_BEAT_LOOKS: Final = 6
"""The same before the first callback: a headset may take a second to change its profile."""
MOST_LOOKS: Final = 8
"""The same of one that stalls again and again; less than what makes a device steady, see `recovery.STEADY_S`."""
LATELY_S: Final = 60.0
LATE_LOOK_S: Final = 0.25


class Stalls:
    """
    Looks after all the openings of one end's devices; belongs to one event loop. Times are in seconds.

    On a busy machine callbacks may be a second late, and a device that is opened anew for that is no better. So one
    that has stalled lately is left more time, twice as much each time. A look that comes late itself tells nothing: it
    was this process that stood still.
    """

    def __init__(self) -> None:
        self._stalled_s = -math.inf
        self._looks = STALLED_LOOKS
        self._due_s = 0.0
        self._beats = self._n_still = 0

    def begin(self, now: float) -> None:
        """Begin with another opening, to be looked at for the first time in `LOOK_S`."""
        self._due_s = now + LOOK_S
        self._beats = self._n_still = 0

    def look(self, beats: int, now: float, *, excused: bool = False) -> bool:
        """
        Tell whether the device has stalled; the next look is due in `LOOK_S`.

        Args:
            beats: how many callbacks there have been.
            now: the time.
            excused: there is a reason for there being none.
        """
        late = now - self._due_s > LATE_LOOK_S
        self._due_s = now + LOOK_S
        if beats != self._beats or excused:
            self._n_still = 0
        elif not late:
            self._n_still += 1
        self._beats = beats
        if self._n_still < (self._patience(now) if beats else FIRST_BEAT_LOOKS):
            return False
        self._looks = min(MOST_LOOKS, 2 * self._patience(now))
        self._stalled_s = now
        return True

    def _patience(self, now: float) -> int:
        return self._looks if now - self._stalled_s < LATELY_S else STALLED_LOOKS
