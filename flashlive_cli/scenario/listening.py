"""
When something really sounded: one side's sound on the conversation's clock, searched for its edges. Pure.

A measurement from the sound itself does not share the mistakes of the events that tell of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from flashlive_cli.pcm import FULL_SCALE, PcmFormat

AUDIBLE: Final = 10 ** (-50 / 20)
"""Of full scale 1; -50 dBFS, as `audio.filemic.SPEECH_FLOOR_DBFS`: rooms are quieter, the quietest syllables louder."""

_SEAM_S: Final = 0.001
"""Pieces of one sound fit each other to the sample; what begins anew, be it right after a flush, does not."""


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

    def first_audible_s(self, since_s: float = float("-inf"), until_s: float = float("inf")) -> float | None:
        """Return when the first audible sample from `since_s` on sounded; None where there is none until `until_s`."""
        edges = self._edges(self.pieces, since_s, until_s)
        return None if edges is None else edges.start_s

    def last_audible_s(self, since_s: float = float("-inf"), until_s: float = float("inf")) -> float | None:
        """Return when the last audible sample between the two ended; None where there is none."""
        edges = self._edges(self.pieces, since_s, until_s)
        return None if edges is None else edges.end_s

    def sounds(self, begins_s: Iterable[float] = ()) -> Iterator[Sound]:
        """
        Yield what was played without a break, edges audible; what is silent all through is left out.

        Args:
            begins_s: about when something else began, maybe without a break: at the piece nearest to that.
        """
        starts = [piece.start_s for piece in self.pieces]
        seams = {min(starts, key=lambda start_s: abs(start_s - when_s)) for when_s in begins_s if starts}
        run: list[Piece] = []
        end_s = 0.0
        for piece in [*self.pieces, None]:
            if run and (piece is None or piece.start_s in seams or abs(piece.start_s - end_s) > _SEAM_S):
                if (sound := self._edges(run)) is not None:
                    yield sound
                run = []
            if piece is not None:
                run.append(piece)
                end_s = piece.start_s + self.pcm.seconds_in(len(piece.pcm))

    def _edges(
        self, pieces: Iterable[Piece], since_s: float = float("-inf"), until_s: float = float("inf")
    ) -> Sound | None:
        """Return the first and the last audible sample between two times."""
        start_s = end_s = None
        for piece in pieces:
            samples = np.frombuffer(piece.pcm, "<i2", self.pcm.frames_in(len(piece.pcm)))
            begin = max(0, round(min(1e9, max(0.0, since_s - piece.start_s)) * self.pcm.rate_hz))
            end = round(min(1e9, max(0.0, until_s - piece.start_s)) * self.pcm.rate_hz)
            loud = np.flatnonzero(np.abs(samples[begin:end].astype(np.int32)) >= AUDIBLE * FULL_SCALE)
            if loud.size:
                first_s = piece.start_s + (begin + int(loud[0])) / self.pcm.rate_hz
                last_s = piece.start_s + (begin + int(loud[-1]) + 1) / self.pcm.rate_hz
                start_s = first_s if start_s is None else min(start_s, first_s)
                end_s = last_s if end_s is None else max(end_s, last_s)
        return None if start_s is None or end_s is None else Sound(start_s, end_s)
