"""
Which of a microphone's blocks are live, and which are of the past. Pure: the caller says what time it is.

While this process stands still, or its sound server, the sound of that time may be kept somewhere below, and comes in
one heap afterwards; or it is lost, and what comes afterwards is live. From each other they are told by their pace.
"""

from typing import Final

LATEST_S: Final = 0.3
"""Older sound than that is worth less than live sound; see `cardmic.RING_MS`."""
DRIFT: Final = 0.002
"""So much may a device's clock run slower than ours, per second; ten times what crystals do."""
STANDSTILL_S: Final = 0.2
"""Blocks that are longer apart tell nothing of how fast clocks run."""
PACE_WINDOW_S: Final = 0.2
LIVE_PACE: Final = 1.5
"""Sound that comes slower than at so many times its own speed is no heap."""


class Lateness:
    """
    Follows a microphone's blocks in the order in which they come; one owner.

    Attributes:
        missing_s: seconds of sound that never came.
    """

    def __init__(self, rate_hz: int) -> None:
        self.missing_s = 0.0
        self._rate_hz = rate_hz
        self._n_frames = 0
        self._live_s: float | None = None  # when the first frame was due, had all that came been live
        self._came_s = 0.0
        self._late_since: tuple[float, int] | None = None  # and at which frame

    def is_late(self, n_frames: int, now: float) -> bool:
        """Take the next block, of so many frames, at the time in seconds at which it came; called in a callback."""
        self._n_frames += n_frames
        lag_s = now - self._n_frames / self._rate_hz
        drift_s = DRIFT * min(now - self._came_s, STANDSTILL_S)
        live_s = lag_s if self._live_s is None else min(lag_s, self._live_s + drift_s)
        self._live_s, self._came_s = live_s, now
        if lag_s - live_s <= LATEST_S:
            self._late_since = None
            return False
        since_s, at_frame = self._late_since or (now, self._n_frames)
        self._late_since = since_s, at_frame
        if now - since_s < PACE_WINDOW_S:
            return True
        if self._n_frames - at_frame > LIVE_PACE * (now - since_s) * self._rate_hz:
            self._late_since = None
            return True
        self.missing_s += lag_s - live_s
        self._live_s, self._late_since = lag_s, None
        return False
