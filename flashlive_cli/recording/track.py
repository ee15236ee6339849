"""
One side's sound on a timeline: where each piece belongs, by time stamps that jitter and a sound card that drifts.

Theory of operation. A piece comes with the clock's time of its first sample. Pieces of one stream follow each other
without a gap, so a piece's stamp minus the place where it would go seamlessly, its *offset*, says three things:

- jitter. Who reads a sound card is late now and then, and catches up in a burst. In a burst only the last piece was
  read on time; the others say nothing, and are laid seamlessly like the rest.
- a gap (the microphone was off, a reply was over), or a step back. *All* pieces that come in the next quarter of a
  second are late, or early, by more than the tolerance. Hence every piece waits for so long.
- drift. A card's clock is off by 100 ppm, a third of a second in an hour. The median offset of the latest two
  seconds shows it to a millisecond. A few ms are left out or said twice, crossfaded, where the sound is most like
  itself: in a pause, as long as the drift may wait for one.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from flashlive_cli.pcm import FULL_SCALE, WIRE_OUT, PcmFormat

RATE_HZ: Final = WIRE_OUT.rate_hz
"""Of a timeline, in frames per second."""

LOOKAHEAD_S: Final = 0.25
"""How long a piece waits for what follows it."""

_TOLERANCE_S: Final = 0.015
"""Of an offset; a piece within it is laid seamlessly."""

_SUDDEN_S: Final = 0.06
"""By how much an offset must grow between two pieces for them to be told apart: a piece lost, not one late."""

_DRIFT_SPAN_S: Final = 2.0
"""Over which the drift is measured."""

_FEWEST_MEASURES: Final = 8
"""Of an offset before drift is believed."""

_EAGER_S: Final = 0.002
"""From which drift on a pause is used to make up for it."""

_FORCED_S: Final = 0.007
"""From which drift on it is made up for in the middle of sound, too."""

_FADE_S: Final = 0.004
"""Of a crossfade."""

_QUIET: Final = 0.003
"""Root mean square difference of the two sounds of a crossfade, of full scale 1, that nobody hears: -50 dBFS."""

_RUN_S: Final = 0.2
"""Laid at once, at most: drift is looked at once a run, and a place for a crossfade is searched within it."""

Samples: TypeAlias = npt.NDArray[np.float32]


class Resampler(Protocol):
    """
    A streaming rate conversion; `audio.rates.Resampler` is one.

    Output frame `k` is the input at time `k / rate_out`; what it holds back comes with the next block.
    """

    def __call__(self, x: Samples, /) -> Samples:
        """Take mono float32, shape `(n,)`; return what it completes."""
        ...

    def finish(self) -> Samples:
        """Return the rest, and be ready for another stream."""
        ...


@dataclass(frozen=True, slots=True)
class Laid:
    """
    Sound that has found its place.

    Attributes:
        frame: of the first sample, on the timeline.
        samples: int16, shape `(n,)`, 24 kHz.
    """

    frame: int
    samples: npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class _Piece:
    """
    A piece as it came.

    Attributes:
        pcm: mono s16le.
        start_s: the stamp.
        length_s: of the sound.
        arrived_s: when it was handed in.
    """

    pcm: bytes
    start_s: float
    length_s: float
    arrived_s: float


class Track:
    """
    Places the pieces of one side. Pure but for what waits in it; one thread at a time.

    Args:
        source: of what comes in.
        resample: brings that to 24 kHz; None where it is.
        speed: of the clock whose seconds the stamps are: jitter is the wall's, and grows with it.
    """

    def __init__(
        self, source: PcmFormat, resample: Callable[[], Resampler] | None = None, *, speed: float = 1.0
    ) -> None:
        self._source = source
        self._resample = resample() if resample else None
        self._ratio = RATE_HZ / source.rate_hz
        self._patience = max(1.0, speed)
        self._waiting: deque[_Piece] = deque()
        self._begun = False
        self._end = 0  # where the next sample goes
        self._owed = 0.0  # frames that the resampler holds back
        self._offsets: deque[tuple[float, float]] = deque()  # length of a piece that was on time, its offset
        self._measured_s = 0.0

    def take(self, pcm: bytes, start_s: float, now: float) -> None:
        """
        Hand in a piece.

        Args:
            pcm: mono s16le, whole frames, of any length.
            start_s: the clock's time of its first sample.
            now: the clock's time.
        """
        n_frames = self._source.frames_in(len(pcm))
        if n_frames:
            length_s = n_frames / self._source.rate_hz
            self._waiting.append(_Piece(pcm[: self._source.bytes_of(n_frames)], start_s, length_s, now))

    def settle(self, now: float, *, all_of_it: bool = False) -> list[Laid]:
        """
        Return what has found its place by now, in the order it came; `all_of_it` at the end of a talk.

        Args:
            now: the clock's time; also when nothing was handed in, call this now and then.
            all_of_it: nothing more will come.
        """
        laid: list[Laid] = []
        while self._waiting and (all_of_it or self._is_settled(now)):
            offset_s = self._jump_s()
            if offset_s is not None:
                laid += self._finish()
                self._end = max(0, round((self._waiting[0].start_s + offset_s) * RATE_HZ))
                self._begun = True
            laid += self._lay(self._run(now, all_of_it=all_of_it))
        if not self._waiting and (all_of_it or self._is_over(now)):
            laid += self._finish()
        return laid

    def _is_over(self, now: float) -> bool:
        """Whether a stream has ended for now: its last samples need not wait for others."""
        return now - self._expected_s > LOOKAHEAD_S * self._patience

    @property
    def _expected_s(self) -> float:
        """Where the next piece goes seamlessly."""
        return (self._end + self._owed) / RATE_HZ

    def _is_settled(self, now: float) -> bool:
        """Whether the first piece that waits has waited long enough for what follows it."""
        return now - self._waiting[0].arrived_s >= LOOKAHEAD_S * self._patience

    def _steady(self) -> list[float]:
        """Return the offsets, in seconds, of the pieces that wait and were on time, as far as they follow another."""
        offsets: list[float] = []
        place_s = self._expected_s
        pieces = self._waiting
        former_s: float | None = None
        for index, piece in enumerate(pieces):
            offset_s = piece.start_s - place_s
            if former_s is not None and offset_s - former_s > _SUDDEN_S * self._patience:
                break
            former_s = offset_s
            if index + 1 == len(pieces) or _on_time(piece, pieces[index + 1]):
                offsets.append(offset_s)
            place_s += piece.length_s
            if place_s - self._expected_s > LOOKAHEAD_S * self._patience and offsets:
                break
        return offsets

    def _jump_s(self) -> float | None:
        """
        Tell whether the first piece that waits begins elsewhere than where the former ended.

        Returns:
            What is to be added to its stamp to come to its place; None where it goes on seamlessly.
        """
        offsets = self._steady()
        tolerance_s = _TOLERANCE_S * self._patience
        if self._begun and offsets and min(offsets) <= tolerance_s and max(offsets) >= -tolerance_s:
            return None
        if self._begun and not offsets:
            return None
        self._offsets.clear()
        self._measured_s = 0.0
        own_s = self._waiting[0].start_s - self._expected_s
        return (median(offsets) - own_s) if offsets else 0.0

    def _run(self, now: float, *, all_of_it: bool) -> list[_Piece]:
        """Take the first piece, and with it those that go on seamlessly and may be laid, too."""
        run = [self._waiting.popleft()]
        length_s, place_s = run[0].length_s, self._expected_s
        self._measure(run[0], place_s)
        while self._waiting and length_s < _RUN_S and (all_of_it or self._is_settled(now)):
            piece = self._waiting[0]
            if abs(piece.start_s - place_s - length_s) > _TOLERANCE_S * self._patience:
                break  # to be looked at more closely
            self._measure(piece, place_s + length_s)
            run.append(self._waiting.popleft())
            length_s += piece.length_s
        return run

    def _measure(self, piece: _Piece, place_s: float) -> None:
        if self._waiting and not _on_time(piece, self._waiting[0]):
            return
        self._offsets.append((piece.length_s, piece.start_s - place_s))
        self._measured_s += piece.length_s
        while self._measured_s - self._offsets[0][0] > _DRIFT_SPAN_S and len(self._offsets) > _FEWEST_MEASURES:
            self._measured_s -= self._offsets.popleft()[0]

    def _lay(self, run: Sequence[_Piece]) -> list[Laid]:
        samples = np.frombuffer(b"".join(piece.pcm for piece in run), "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        n_in = samples.size
        if self._resample:
            samples = self._resample(samples)
            self._owed += n_in * self._ratio - samples.size
        samples = self._corrected(samples)
        return self._placed(samples)

    def _corrected(self, samples: Samples) -> Samples:
        """Make up for the drift, if there is enough of it and a good place."""
        if len(self._offsets) < _FEWEST_MEASURES:
            return samples
        drift_s = median(offset for _, offset in self._offsets)
        if abs(drift_s) < _EAGER_S * self._patience:
            return samples
        spliced, moved = _spliced(samples, round(drift_s * RATE_HZ), forced=abs(drift_s) >= _FORCED_S * self._patience)
        if moved:
            self._offsets = deque((length_s, offset - moved / RATE_HZ) for length_s, offset in self._offsets)
        return spliced

    def _placed(self, samples: Samples) -> list[Laid]:
        if not samples.size:
            return []
        whole = np.clip(np.rint(samples * np.float32(FULL_SCALE)), -32768, 32767).astype(np.int16)
        laid = Laid(self._end, whole)
        self._end += whole.size
        return [laid]

    def _finish(self) -> list[Laid]:
        """End a stream: lay what the resampler holds back."""
        rest = self._placed(self._resample.finish()) if self._resample and self._owed else []
        self._owed = 0.0
        return rest


def _on_time(piece: _Piece, following: _Piece) -> bool:
    """Whether a piece was not merely the beginning of a burst: the next one came no sooner than it could."""
    ends_s, next_ends_s = piece.start_s + piece.length_s, following.start_s + following.length_s
    return next_ends_s - ends_s >= 0.25 * following.length_s


def _spliced(samples: Samples, n_frames: int, *, forced: bool) -> tuple[Samples, int]:
    """
    Lengthen a sound by `n_frames`, or shorten it where negative, at the place where that is least heard.

    Args:
        samples: shape `(n,)`.
        n_frames: at most so many are said twice, or left out: what a sound this short allows.
        forced: also where there is no quiet place.

    Returns:
        The sound, and by how much it is longer.
    """
    fade = round(_FADE_S * RATE_HZ)
    moved = min(abs(n_frames), samples.size // 2 - fade)
    if moved <= 0:
        return samples, 0
    # both ways, the sound from `earlier` and that from `moved` frames later are laid over each other for a moment
    sums = np.concatenate(([0.0], np.cumsum((samples[:-moved] - samples[moved:]) ** 2, dtype=np.float64)))
    differences = (sums[fade:] - sums[:-fade]) / fade
    at = int(differences.argmin())
    if not forced and differences[at] > _QUIET**2:
        return samples, 0
    up = np.linspace(0, 1, fade, dtype=np.float32)
    before, after = samples[at : at + fade], samples[at + moved : at + moved + fade]
    if n_frames < 0:
        mixed = before * (1 - up) + after * up
        return np.concatenate((samples[:at], mixed, samples[at + moved + fade :])), -moved
    mixed = after * (1 - up) + before * up
    return np.concatenate((samples[: at + moved], mixed, samples[at + fade :])), moved
