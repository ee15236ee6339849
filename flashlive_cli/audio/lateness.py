"""
Which of a microphone's blocks are live, and which are of the past. Pure: the caller says what time it is.

While this process stands still, or its sound server, the sound of that time may be kept somewhere below, and comes in
one heap afterwards; or it is lost, and what comes afterwards is live. From each other they are told by their pace.
"""

import math
from typing import Final

LATEST_MS: Final = 300
"""Older sound is worth less than live sound: a stalled network must not make the model hear the past."""
LATEST_S: Final = LATEST_MS / 1000
DRIFT: Final = 0.002
"""So much may a device's clock run slower than ours, per second; ten times what crystals do."""
STANDSTILL_S: Final = 0.2
"""Blocks that are longer apart tell nothing of how fast clocks run."""
PACE_WINDOW_S: Final = 0.2
GAP_SETTLES_S: Final = 2.0
"""So long after a gap a block may show that it was shorter: the one by which it was judged was held back itself."""
LIVE_PACE: Final = 1.5
"""Sound that comes slower than at so many times its own speed is no heap."""


class Lateness:
    """
    Follows a microphone's blocks in the order in which they come; one owner.

    Attributes:
        missing_s: seconds of sound that never came.
        settled: until when all sound was heard or is lost for good, and how much is; `inf` and 0 before any.
    """

    def __init__(self, rate_hz: int) -> None:
        self.missing_s = 0.0
        self.settled = (math.inf, 0.0)
        self._late_frames = 0
        self._rate_hz = rate_hz
        self._n_frames = 0
        self._live_s: float | None = None  # when the first frame was due, had all that came been live
        self._came_s = 0.0
        self._late_since: tuple[float, int] | None = None  # and at which frame
        self._gap: tuple[float, float, float] | None = None  # judged when, from which `_live_s` and `missing_s`

    @property
    def lost_s(self) -> float:
        """Seconds of sound that never came, or came too late."""
        return self.missing_s + self._late_frames / self._rate_hz

    def is_late(self, n_frames: int, now: float) -> bool:
        """Take the next block, of so many frames, at the time in seconds at which it came; called in a callback."""
        late = self._is_of_the_past(n_frames, now)
        if late:
            self._late_frames += n_frames
        else:
            self.settled = (self._live_s or 0.0) + self._n_frames / self._rate_hz, self.lost_s
        return late

    def _is_of_the_past(self, n_frames: int, now: float) -> bool:
        self._n_frames += n_frames
        lag_s = now - self._n_frames / self._rate_hz
        apart_s = now - self._came_s
        drift_s = DRIFT * min(apart_s, STANDSTILL_S)
        live_s = lag_s if self._live_s is None else min(lag_s, self._live_s + drift_s)
        self._live_s, self._came_s = live_s, now
        self._settle_gap(now)
        if lag_s - live_s <= LATEST_S:
            self._late_since = None
            return False
        if apart_s > LATEST_S:
            self._late_since = None  # it says nothing of the pace at which blocks come now
        since_s, at_frame = self._late_since or (now, self._n_frames)
        self._late_since = since_s, at_frame
        if now - since_s < PACE_WINDOW_S:
            return True
        if self._n_frames - at_frame > LIVE_PACE * (now - since_s) * self._rate_hz:
            self._late_since = None
            return True
        self._gap = now, live_s, self.missing_s
        self.missing_s += lag_s - live_s
        self._live_s, self._late_since = lag_s, None
        return False

    def _settle_gap(self, now: float) -> None:
        if self._gap is None or self._live_s is None:
            return
        judged_s, live_s, missing_s = self._gap
        if now - judged_s <= GAP_SETTLES_S:
            self.missing_s = missing_s + max(0.0, self._live_s - live_s)
        else:
            self._gap = None
