"""How much of a microphone's sound is lost, over one opening of a device after another, counted once each. Pure."""

from flashlive_cli.audio.lateness import Lateness


class Losses:
    """
    Adds up what the openings of one microphone lose, and the time between them; one owner. Times are in seconds.

    An opening counts for itself until its latest live block. What came too late after that counts where another live
    block follows; else that time is a part of the time without a device.
    """

    def __init__(self) -> None:
        self._before_ms = 0.0  # of the openings before, and between them
        self._deaf_since_s: float | None = None

    @property
    def deaf_since_s(self) -> float | None:
        """Since when there is no device; None while there is one."""
        return self._deaf_since_s

    def shut(self, opening: Lateness, now: float, *, overrun_ms: float) -> None:
        """Note that the device is let go, of whose sound `overrun_ms` was not taken in time; no matter how often."""
        if self._deaf_since_s is None:
            until_s, lost_s = opening.settled
            self._deaf_since_s = min(until_s, now)
            self._before_ms += 1000 * lost_s + overrun_ms

    def back(self, heard_from_s: float) -> None:
        """Note that there is a device again, the first of whose sound is of that time."""
        if self._deaf_since_s is not None:
            self._before_ms += 1000 * max(0.0, heard_from_s - self._deaf_since_s)
            self._deaf_since_s = None

    def total_ms(self, opening: Lateness, now: float, *, overrun_ms: float) -> float:
        """Return milliseconds lost until now, with those of the latest opening."""
        if self._deaf_since_s is not None:
            return self._before_ms + 1000 * (now - self._deaf_since_s)
        return self._before_ms + 1000 * opening.lost_s + overrun_ms
