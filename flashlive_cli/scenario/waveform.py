"""
One side's sound made small enough for a page: its outline for the eye, its words at telephone quality for the ear.

Both are laid out on the conversation's clock, from its zero. Pure.
"""

import io
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.rates import Resampler
from flashlive_cli.pcm import FULL_SCALE, PcmFormat
from flashlive_cli.scenario.listening import Track

_MOST_BINS: Final = 24_000
"""Two minutes at the finest resolution; longer runs get coarser outlines. 64 kB of page for each side, at most."""

TELEPHONE: Final = PcmFormat(8_000, 2)


@dataclass(frozen=True, slots=True)
class Outline:
    """
    The lowest and the highest sample of each stretch of time.

    Attributes:
        bin_s: length of a stretch; the first begins at the clock's zero.
        peaks: two int8 a stretch, lowest and highest, of full scale 127; a sound too faint for that still counts 1.
    """

    bin_s: float
    peaks: bytes


def outline_of(track: Track, end_s: float) -> Outline:
    """Return the outline of a track up to a clock time, in stretches of 5 ms or more."""
    bin_s = max(0.005, end_s / _MOST_BINS)
    n_bins = max(1, int(np.ceil(end_s / bin_s)))
    low, high = np.zeros(n_bins, np.int16), np.zeros(n_bins, np.int16)
    for piece in track.pieces:
        samples = np.frombuffer(piece.pcm, "<i2", track.pcm.frames_in(len(piece.pcm)))
        times = piece.start_s + np.arange(samples.size) / track.pcm.rate_hz
        inside = (times >= 0) & (times < n_bins * bin_s)
        bins, samples = (times[inside] / bin_s).astype(np.int64), samples[inside]
        if not samples.size:
            continue
        bins = np.minimum(bins, n_bins - 1)
        begins = np.flatnonzero(np.diff(bins, prepend=-1))
        low[bins[begins]] = np.minimum(low[bins[begins]], np.minimum.reduceat(samples, begins))
        high[bins[begins]] = np.maximum(high[bins[begins]], np.maximum.reduceat(samples, begins))
    scale = 127 / FULL_SCALE
    peaks = np.stack((np.floor(low * scale), np.ceil(high * scale)), axis=1)
    return Outline(bin_s, np.clip(peaks, -127, 127).astype(np.int8).tobytes())


def telephone_wav(user: Track, model: Track, end_s: float) -> bytes:
    """
    Return a conversation as a WAV file: the user left, what was played right, 8 kHz mu-law, 16 kB a second.

    Good enough to hear who said what; the recording beside it is the evidence.
    """
    sides = [_mu_law(_at_telephone_rate(track, end_s)) for track in (user, model)]
    coded = np.stack(sides, axis=1).tobytes()
    rate, channels = TELEPHONE.rate_hz, TELEPHONE.channels
    file = io.BytesIO()
    fmt = struct.pack("<HHIIHHH", 7, channels, rate, rate * channels, channels, 8, 0)
    fact = struct.pack("<I", len(coded) // channels)
    chunks = ((b"fmt ", fmt), (b"fact", fact), (b"data", coded))
    file.write(b"RIFF" + struct.pack("<I", 4 + sum(8 + len(body) for _, body in chunks)) + b"WAVE")
    for name, body in chunks:
        file.write(name + struct.pack("<I", len(body)) + body)
    return file.getvalue()


def _at_telephone_rate(track: Track, end_s: float) -> npt.NDArray[np.float32]:
    whole = np.zeros(round(end_s * track.pcm.rate_hz), np.float32)
    for piece in track.pieces:
        samples = np.frombuffer(piece.pcm, "<i2", track.pcm.frames_in(len(piece.pcm)))
        first = round(piece.start_s * track.pcm.rate_hz)
        samples = samples[max(0, -first) : max(0, whole.size - first)]
        first = max(0, first)
        whole[first : first + samples.size] = samples
    resample = Resampler(track.pcm.rate_hz, TELEPHONE.rate_hz)
    narrow = np.concatenate((resample(whole), resample.finish()))
    n_frames = round(end_s * TELEPHONE.rate_hz)
    return np.pad(narrow[:n_frames], (0, max(0, n_frames - narrow.size)))


def _mu_law(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Code samples of full scale 32768 as ITU-T G.711 does: sign, a segment of eight, four bits within it."""
    magnitude = np.minimum(np.abs(np.rint(samples)).astype(np.int32), 32635) + 132
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    coded: npt.NDArray[np.uint8] = (~(sign | (segment << 4) | step) & 0xFF).astype(np.uint8)
    return coded
