"""
Push-to-talk with one key: a tap switches the microphone, holding the key opens it while it is held. No clock, no I/O.

Theory of operation. A press starts at once; nobody waits for a microphone. What the press was is known later:

- Where the terminal reports releases (one was seen), the release tells: soon, and it was a tap that stays on until
  the next; late, and it was a hold that ends here.
- Elsewhere the terminal only repeats a key that is down: first after 150 to 1000 ms, then every 20 to 100 ms
  (X11 660/40, GNOME 500/30, the linux console 250/92, macOS 375/90, Windows 500/33 by default). So a second press
  within a second of the first is either the first repeat or a second tap, and the third tells: right behind it, and it
  is a stream, thus a hold, that ends when the stream has been silent for a few of its own intervals; nothing behind it,
  and it was a tap, which stops.

What that costs: a second tap soon after the first stops a tenth of a second late; a hold shorter than the keyboard's
delay is a tap; and who stops by a press and keeps the key down starts again with the first repeat, until the key is let
go. Where it cannot be told, the microphone ends up closed.
"""

from enum import Enum, auto
from typing import Final, Literal

from flashlive_cli.ui.keys import Key

FIRST_REPEAT_S: Final = 1.05
"""No keyboard waits longer with its first repeat: Windows' longest is a second."""

REPEAT_S: Final = 0.13
"""No repeat is later than this behind another, as long as nothing was learned; fingers tap slower."""

HOLD_S: Final = 0.35
"""A press whose release comes later is a hold."""

_QUIET_S: Final = (0.15, 0.6)
"""The shortest and the longest silence that ends a hold: a line may stutter, but the microphone is open meanwhile."""

_AFTERMATH_S: Final = 0.4
"""A press so soon after a hold is its stream going on, after a stutter."""

Action = Literal["start", "stop"]


class _State(Enum):
    OFF = auto()
    PRESSED = auto()  # on since a press; a tap, as far as we know
    SECOND = auto()  # on; a second press came: the first repeat, or another tap
    HELD = auto()  # on while the stream lasts, or until the release
    LATCHED = auto()  # on by a tap that was released


class Holding:
    """
    Tells when to start and when to stop, by the presses of one key.

    Seconds are of any one clock that does not jump.

    Attributes:
        next_check: when `tick` is due, if the key is not pressed before; None while nothing waits.
    """

    def __init__(self, name: str = "space") -> None:
        """Watch the key of that name."""
        self.next_check: float | None = None
        self._name = name
        self._state = _State.OFF
        self._last = float("-inf")  # when the key was heard of
        self._since = float("-inf")  # when it was pressed
        self._held_until = float("-inf")  # when the last hold ended by silence
        self._interval_s: float | None = None  # learned, between repeats
        self._releases = False
        self._down = False
        self._swallowing = False

    @property
    def on(self) -> bool:
        """Whether it has started and not stopped."""
        return self._state is not _State.OFF

    def pressed(self, key: Key, now: float) -> Action | None:
        """Take a key, also a repeat and a release; return what to do now. Other keys mean nothing."""
        if key.kind == "release":
            # a modifier that went down meanwhile is in the release's name
            return self._released(now) if key.name.rsplit("-", 1)[-1] == self._name else None
        if key.name != self._name:
            return None
        gap_s, self._last = now - self._last, now
        if self._releases:
            return self._pressed_for_sure(key, now, gap_s)
        return self._pressed_or_repeated(key, now, gap_s)

    def tick(self, now: float) -> Action | None:
        """Return what the silence until `now` decided: nothing before `next_check`."""
        if self.next_check is None or now < self.next_check:
            return None
        if self._state is _State.HELD:
            self._held_until = now
        return self._stop()

    def let_go(self) -> Action | None:
        """Stop, whatever the key does: it serves something else from now on, until it is pressed anew."""
        if not self.on:
            return None
        self._swallowing = self._state in (_State.SECOND, _State.HELD)
        return self._stop()

    def _released(self, now: float) -> Action | None:
        self._releases = True
        self._down = False
        self.next_check = None
        if self._state is _State.PRESSED and now - self._since < HOLD_S:
            self._state = _State.LATCHED
        return self._stop() if self._state not in (_State.OFF, _State.LATCHED) else None

    def _pressed_for_sure(self, key: Key, now: float, gap_s: float) -> Action | None:
        """Take a press where releases are reported; repeats may look like presses."""
        if key.kind == "repeat" or (self._down and gap_s < FIRST_REPEAT_S):
            self._down = True
            return None
        if self._down:  # its release went elsewhere, or this terminal reports none any more
            self._releases = False
        self._down = True
        if self.on:
            return self._stop()
        return self._start(now)

    def _pressed_or_repeated(self, key: Key, now: float, gap_s: float) -> Action | None:
        """Take a press where only time tells a tap from a repeat."""
        self._down = True
        match self._state:
            case _State.OFF:
                if key.kind == "repeat" or (self._swallowing and gap_s < self._quiet_s()):
                    return None
                self._swallowing = False
                self._start(now)
                if now - self._held_until < _AFTERMATH_S:
                    self._hold(now)
                return "start"
            case _State.PRESSED if key.kind == "repeat":
                self._hold(now)
            case _State.PRESSED if gap_s > FIRST_REPEAT_S:
                return self._stop()
            case _State.PRESSED:
                self._state = _State.SECOND
                self.next_check = now + REPEAT_S
            case _State.SECOND if gap_s > REPEAT_S:  # nobody ticked: off by the second tap, on by the third
                self._start(now)
            case _State.SECOND | _State.HELD:
                if gap_s <= REPEAT_S:
                    known_s = self._interval_s
                    self._interval_s = gap_s if known_s is None else known_s + (gap_s - known_s) / 4
                self._hold(now)
            case _State.LATCHED:
                return self._stop()
        return None

    def _start(self, now: float) -> Action:
        self._state = _State.PRESSED
        self._since = now
        self.next_check = None
        return "start"

    def _hold(self, now: float) -> None:
        self._state = _State.HELD
        self.next_check = now + self._quiet_s()

    def _stop(self) -> Action:
        self._state = _State.OFF
        self.next_check = None
        return "stop"

    def _quiet_s(self) -> float:
        shortest_s, longest_s = _QUIET_S
        return min(max(4 * (self._interval_s or 0.05), shortest_s), longest_s)
