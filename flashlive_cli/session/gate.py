"""What of the microphone goes to the wire: all of it, nothing, or what is said while the user pushes to talk. Pure."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from flashlive_cli.pcm import WIRE_IN
from flashlive_cli.protocol import commands as c

PREROLL_CHUNKS: Final = 25
"""Half a second: people begin to speak before they press, and a turn told by hand has no grace of its own."""
TRAIL_MS: Final = 500
"""Silence before the end of an activity, without which the last word was seen to be lost."""

GateState = Literal["open", "muted", "waiting", "pushed"]


@dataclass(frozen=True, slots=True)
class Passed:
    """
    A command for the wire.

    Attributes:
        command: to be sent now.
        heard_s: when the last sample of its sound was read, in clock seconds; None where it holds none of the user's.
    """

    command: c.Command
    heard_s: float | None = None


class Gate:
    """
    Stands between microphone and wire; belongs to the event loop.

    Where the server detects activity (`manual` False), the gate is open or muted; a muted one can be pushed open for
    as long as a key is held. Where activity is told by hand, it waits to be pushed, and keeps the latest half second.
    Whatever changes is told to the server with the next chunk that is read, so that all stays in order. What was read
    while it was muted never passes, however late it is sent.
    """

    def __init__(self, *, manual: bool) -> None:
        self._manual = manual
        self._muted = False
        self._pushed = False
        self._was_open = not manual
        self._broke_off = False  # in the middle of an activity
        self._kept: deque[tuple[bytes, float]] = deque(maxlen=PREROLL_CHUNKS)

    @property
    def manual(self) -> bool:
        """Whether activity is told by hand."""
        return self._manual

    @property
    def state(self) -> GateState:
        """What is let through."""
        if self._pushed and (self._manual or self._muted):
            return "pushed"
        if self._manual:
            return "waiting"
        return "muted" if self._muted else "open"

    @property
    def is_open(self) -> bool:
        """Whether what is said now is let through."""
        return self.state in {"open", "pushed"}

    def mute(self, on: bool) -> None:
        """Let nothing through, or everything again; no difference where activity is told by hand."""
        self._muted = on and not self._manual

    def push(self, on: bool) -> None:
        """Let through what is said from now on, and what was said just before; or no more."""
        self._pushed = on

    def moved(self) -> None:
        """Note that the wire leads to another connection, which knows of nothing: what is said is to be begun anew."""
        self._broke_off = self._manual and (self._was_open or self._broke_off)
        self._was_open = not self._manual
        self._kept.clear()

    def say_again(self, pcm: bytes) -> Iterator[c.Command]:
        """Say what was sent before the move, over a new connection; mono s16le at 16 kHz. The next chunk goes on."""
        if self._manual:
            yield c.StartActivity()
        yield c.SendAudio(pcm)
        self._was_open = not self._manual or self._broke_off
        if not self._was_open:
            yield c.SendAudio(bytes(WIRE_IN.bytes_of_ms(TRAIL_MS)))
            yield c.EndActivity()

    def pass_on(self, chunk: bytes, now: float, *, is_open: bool) -> Iterator[Passed]:
        """
        Take what was just read, and yield what is to be sent, in order.

        Args:
            chunk: mono s16le at 16 kHz, 20 ms as a rule.
            now: when its last sample was read, in clock seconds.
            is_open: what the gate was then.
        """
        self._kept.append((chunk, now))
        if is_open and not self._was_open:
            yield from self._begin()
        elif is_open:
            yield Passed(c.SendAudio(chunk), now)
        elif self._was_open:
            yield from self._end(chunk, now)
        if is_open or self._was_open:
            self._kept.clear()
        self._was_open, self._broke_off = is_open, False

    def _begin(self) -> Iterator[Passed]:
        """Begin with what was kept; behind a muted gate there was nobody to be heard before the key."""
        if self._manual:
            yield Passed(c.StartActivity())
        kept = self._kept if self._manual else list(self._kept)[-1:]
        for chunk, heard_s in kept:
            yield Passed(c.SendAudio(chunk), heard_s)

    def _end(self, chunk: bytes, now: float) -> Iterator[Passed]:
        if not self._manual:
            yield Passed(c.EndAudioStream())
            return
        yield Passed(c.SendAudio(chunk), now)
        yield Passed(c.SendAudio(bytes(WIRE_IN.bytes_of_ms(TRAIL_MS))))
        yield Passed(c.EndActivity())
