"""Linear interpolation between sample rates: good enough to detect speech, and to lift synthetic speech to 24 kHz."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


class Resampler:
    """
    A mono stream at one rate read as a stream at another.

    Positions are counted in whole numbers, so hours of stream do not drift. Nothing is filtered: energy above
    half the new rate folds down, which a detector of speech does not mind.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz = from_hz
        self._to_hz = to_hz
        self._held = np.zeros(0, np.float32)
        self._next = 0  # position of the next sample out, in units of 1/to_hz of a sample in, from _held[0]

    def feed(self, samples: Samples) -> Samples:
        """As much of the new stream as `samples` allow; the last sample in waits for its successor."""
        if self._from_hz == self._to_hz:
            return samples
        held = np.concatenate((self._held, samples))
        # sample k out lies at k * from / to, between two samples in
        n_out = max(0, ((len(held) - 1) * self._to_hz - 1 - self._next) // self._from_hz + 1)
        at = self._next + np.arange(n_out, dtype=np.int64) * self._from_hz
        left = at // self._to_hz
        weight = (at % self._to_hz / self._to_hz).astype(np.float32)
        out = np.zeros(0, np.float32)
        if n_out:
            out = (held[left] * (1 - weight) + held[left + 1] * weight).astype(np.float32)
        self._next += n_out * self._from_hz
        done = min(self._next // self._to_hz, max(0, len(held) - 1))
        self._held = held[done:]
        self._next -= done * self._to_hz
        return out


def excerpt(samples: Samples, from_hz: int, to_hz: int, start: int, n_frames: int) -> Samples:
    """Frames `start` to `start + n_frames` of `samples` read at `to_hz`; silence past the end."""
    at = (start + np.arange(n_frames)) * (from_hz / to_hz)
    low = min(len(samples), int(at[0])) if n_frames else 0
    high = min(len(samples), int(at[-1]) + 2) if n_frames else 0
    part = samples[low:high]
    if not len(part):
        return np.zeros(n_frames, np.float32)
    sounded: Samples = np.interp(at - low, np.arange(len(part)), part, right=0.0).astype(np.float32)
    return sounded
