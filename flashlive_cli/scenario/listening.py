"""
When something really sounded: one side's sound on the conversation's clock, searched for its edges. Pure.

A measurement from the sound itself does not share the mistakes of the events that tell of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from flashlive_cli.pcm import FULL_SCALE, PcmFormat

AUDIBLE: Final = 10 ** (-50 / 20)
"""Of full scale 1; -50 dBFS, as `audio.filemic.SPEECH_FLOOR_DBFS`: rooms are quieter, the quietest syllables louder."""

_SEAM_S: Final = 0.03
"""Pieces nearer to each other than this are one sound: a device block late, or a clock read a little early."""


@dataclass(frozen=True, slots=True)
class Piece:
    """
    Sound that was sent or played.

    Attributes:
        start_s: when its first sample sounded, in clock seconds.
        pcm: mono s16le.
    """

    start_s: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Sound:
    """Something audible, from its first audible sample to its last, in clock seconds."""

    start_s: float
    end_s: float


@dataclass(slots=True)
class Track:
    """One side of a conversation, piece after piece as they sounded."""

    pcm: PcmFormat
    pieces: list[Piece] = field(default_factory=list)

    def first_audible_s(self, since_s: float, until_s: float = float("inf")) -> float | None:
        """Return when the first audible sample from `since_s` on sounded; None where there is none until `until_s`."""
        for start_s, samples in self._within(since_s, until_s):
            loud = np.flatnonzero(samples)
            if loud.size:
                return start_s + int(loud[0]) / self.pcm.rate_hz
        return None

    def last_audible_s(self, since_s: float, until_s: float = float("inf")) -> float | None:
        """Return when the last audible sample between the two ended; None where there is none."""
        last: float | None = None
        for start_s, samples in self._within(since_s, until_s):
            loud = np.flatnonzero(samples)
            if loud.size:
                last = start_s + (int(loud[-1]) + 1) / self.pcm.rate_hz
        return last

    def sounds(self) -> Iterator[Sound]:
        """Yield what was played without a break, edges audible; what is silent all through is left out."""
        run: tuple[float, float] | None = None
        for piece in self.pieces:
            end_s = piece.start_s + self.pcm.seconds_in(len(piece.pcm))
            if run is not None and piece.start_s - run[1] > _SEAM_S:
                yield from self._edges(run)
                run = None
            run = (piece.start_s if run is None else run[0], end_s)
        if run is not None:
            yield from self._edges(run)

    def _edges(self, run: tuple[float, float]) -> Iterator[Sound]:
        start_s = self.first_audible_s(*run)
        end_s = self.last_audible_s(*run)
        if start_s is not None and end_s is not None:
            yield Sound(start_s, end_s)

    def _within(
        self, since_s: float, until_s: float
    ) -> "Iterator[tuple[float, np.ndarray[tuple[int], np.dtype[np.bool_]]]]":
        """Yield which samples between two times are audible, with the time of the first."""
        for piece in self.pieces:
            end_s = piece.start_s + self.pcm.seconds_in(len(piece.pcm))
            if end_s <= since_s or piece.start_s >= until_s:
                continue
            samples = np.frombuffer(piece.pcm, "<i2", self.pcm.frames_in(len(piece.pcm)))
            loud = np.abs(samples.astype(np.int32)) >= AUDIBLE * FULL_SCALE
            begin = max(0, round((since_s - piece.start_s) * self.pcm.rate_hz))
            end = samples.size if end_s <= until_s else round((until_s - piece.start_s) * self.pcm.rate_hz)
            yield piece.start_s + begin / self.pcm.rate_hz, loud[begin:end]
