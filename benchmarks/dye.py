"""
Dyed replies: noise of which any half second is like no other, so that what is missing or there twice shows.

The noise ends at 2 kHz: where the tape's samples fall between ours, the two are alike to 0.997 all the same.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.sound_rig import TAPE_RATE_HZ, Samples, holes_ms

DYED_S = 20
DYE_RATE_HZ = 24000
DYE_HZ = 2000
DYE_RMS = 4000
PIECE = TAPE_RATE_HZ // 2
SEARCH = TAPE_RATE_HZ  # so far from where it should be, either way
SURE = 0.9  # a piece this much alike is where it was found

Wave = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """
    What became of half a second of a reply.

    Attributes:
        reply: which reply, from 0.
        at_s: where in it.
        likeness: correlation with what was heard, 1 at best.
        moved_ms: how much later it came after the last sure piece than it should have; negative: sooner.
        holes_ms: silence where it was found.
    """

    reply: int
    at_s: float
    likeness: float
    moved_ms: float
    holes_ms: float


def dyed(reply: int) -> Samples:
    """Return a reply's sound, 24 kHz."""
    spectrum = np.fft.rfft(np.random.default_rng(reply).standard_normal(DYED_S * DYE_RATE_HZ))
    spectrum[DYE_HZ * DYED_S :] = 0
    noise = np.fft.irfft(spectrum)
    sound: Samples = np.clip(noise * (DYE_RMS / noise.std()), -32767, 32767).astype(np.int16)
    return sound


def find(reply: int, tape: Samples) -> list[Found]:
    """Look for a reply, piece by piece, in a tape that begins when its first message left."""
    said = _at_tape_rate(dyed(reply))
    heard = np.pad(tape, (SEARCH, 0))
    late = 0  # samples, of the last sure piece
    sure = False
    found: list[Found] = []
    for start in range(0, said.size, PIECE):
        first = max(0, start + late)  # `heard` begins one SEARCH early
        likeness, place = _search(said[start : start + PIECE], heard[first : first + PIECE + 2 * SEARCH])
        moved = place - SEARCH
        holes = holes_ms(heard[first + place : first + place + PIECE])
        if likeness < SURE:
            found.append(Found(reply, start / TAPE_RATE_HZ, likeness, 0, holes))
            continue
        counts = sure and abs(moved) > 2  # less is the rounding of halves
        found.append(Found(reply, start / TAPE_RATE_HZ, likeness, counts * moved * 1000 / TAPE_RATE_HZ, holes))
        late, sure = first + place - SEARCH - start, True
    return found


def _at_tape_rate(samples: Samples) -> Wave:
    times = TAPE_RATE_HZ // DYE_RATE_HZ
    return np.fft.irfft(np.fft.rfft(samples) * times, samples.size * times)


def _search(piece: Wave, heard: Samples) -> tuple[float, int]:
    """Return how much a piece is like the place that is most like it, and the place."""
    if heard.size < piece.size:
        return 0.0, 0
    size = 1 << (heard.size + piece.size).bit_length()
    overlap = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size)), size)
    place = int(np.argmax(overlap[: heard.size - piece.size + 1]))
    there = heard[place : place + piece.size].astype(np.float64)
    loudness = float(np.linalg.norm(there) * np.linalg.norm(piece))
    return (float(there @ piece) / loudness if loudness else 0.0), place
