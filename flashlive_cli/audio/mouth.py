"""What all speakers have in common: what is played, and who is told."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from flashlive_cli import doorbell
from flashlive_cli.audio.playout import Playout
from flashlive_cli.audio.tap import Tap
from flashlive_cli.clock import Clock
from flashlive_cli.pcm import WIRE_OUT


class Mouth(ABC):
    """
    The event loop's side of a `Playout`; the base of the speakers, each of which has a player of its own.

    Belongs to the event loop it was made in; `_began` and `_ended` to the player.
    """

    _playout: Playout
    """To be made by the speaker, with `_began` and `_ended`."""

    _tap_bounded = False
    """Whether the player must not wait for memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._listener: tuple[Callable[[float], None], Callable[[float], None]] | None = None
        self._on_played: Callable[[bytes, float], None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def on_played(self) -> Callable[[bytes, float], None] | None:
        """
        Gets what was really played, in the loop's thread; None for nobody, which costs nothing.

        It is called with pieces of mono s16le at 24 kHz, of at most 0.5 s, about 0.2 s after they have sounded, and
        with the clock time at which the first frame of the piece did. Only what sounds is given; with `flush` and
        `close`, all that was handed to the device by then. Who is set while a reply sounds gets the next.
        """
        return self._on_played

    @on_played.setter
    def on_played(self, played: Callable[[bytes, float], None] | None) -> None:
        self._close_tap()
        self._on_played = played
        self._open_tap()

    def _open_tap(self) -> None:
        if (played := self._on_played) is not None:
            self._playout.tap = Tap(self._clock, self._playout.pcm, played, bounded=self._tap_bounded)

    @property
    def played_frames(self) -> int:
        """Frames handed to the device since the start, at 24 kHz; the faded ones count, silence does not."""
        return self._at_wire_rate(self._playout.played_frames)

    @property
    def held_frames(self) -> int:
        """Frames waiting to be played, at 24 kHz."""
        return self._at_wire_rate(self._playout.held_frames)

    @property
    def underruns(self) -> int:
        """Times that playback ran dry within a reply."""
        return self._playout.underruns

    @property
    def sounding(self) -> bool:
        """Whether a reply is being played: the speaker's lamp."""
        return self._playout.sounding

    @property
    def level_dbfs(self) -> float:
        """How loud are the 50 ms that are handed to the device next: the speaker's meter. `SILENCE_DBFS` in silence."""
        return self._playout.level_dbfs

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """
        Be told, in the loop's thread, when a reply begins to sound and when all has.

        Args:
            started: gets the clock time at which the first sample of a reply sounds, or of what was missing of it.
            drained: gets the clock time at which the last sample of all that was there has sounded.
        """
        self._listener = (started, drained)

    def complete(self) -> None:
        """Note that all of the reply is here: it is played to its end without waiting for more. The writer's."""
        self._playout.complete()

    def flush(self) -> int:
        """
        Drop what is held; return how many frames that was, at 24 kHz. The writer's.

        Of what sounds the next 5 ms are kept and fade out; they count as played.
        """
        sounding = self._playout.sounding
        dropped = self._playout.flush()
        if not sounding:
            doorbell.ring(self._loop, self._on_drained, self._clock.now())  # else the player does
        if self._playout.tap is not None:
            self._playout.tap.deliver()
        return self._at_wire_rate(dropped)

    def _at_wire_rate(self, n_frames: int) -> int:
        return n_frames * WIRE_OUT.rate_hz // self._playout.pcm.rate_hz

    def _close_tap(self) -> None:
        tap, self._playout.tap = self._playout.tap, None
        if tap is not None:
            tap.close()

    # the player's

    @abstractmethod
    def _sounds_s(self) -> float:
        """Return the clock time at which the present block's first frame sounds; in the player's thread."""

    def _began(self, at_frame: int) -> None:
        when_s = self._sounds_s() + at_frame / self._playout.pcm.rate_hz
        if (tap := self._playout.tap) is not None:  # the loop may take it away at any time
            tap.begin(at_frame, when_s)
        doorbell.ring(self._loop, self._on_started, when_s)

    def _ended(self, at_frame: int, all_is_played: bool) -> None:
        if all_is_played:
            when_s = self._sounds_s() + at_frame / self._playout.pcm.rate_hz
            doorbell.ring(self._loop, self._on_drained, when_s)

    # the loop's

    def _on_started(self, when_s: float) -> None:
        if self._listener:
            self._listener[0](when_s)

    def _on_drained(self, when_s: float) -> None:
        if not (self._playout.sounding or self._playout.held_frames):  # else more came while the bell was ringing
            self._idle.set()
        if self._listener:
            self._listener[1](when_s)
