"""
A voice for machines without espeak-ng: syllable-like tones, as long as the text would take to say.

Every word becomes as many soft notes as it has vowel groups, on a pentatonic scale chosen by its letters, so the
same text always sounds the same. Notes are laid out at once and sounded chunk by chunk: 200 ms cost well under
a millisecond.
"""

import re
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from flashlive_cli.pcm import WIRE_OUT

CHARACTERS_PER_S: Final = 15
_SCALE: Final = (1.0, 9 / 8, 5 / 4, 3 / 2, 5 / 3)
_OVERTONES: Final = ((1, 0.6), (2, 0.25), (3, 0.1))
_LOUDNESS: Final = 7000.0


@dataclass(frozen=True, slots=True)
class _Note:
    start: int
    n_frames: int
    pitch_hz: float


class Tones:
    """A text as tones: a `Speech`."""

    def __init__(self, text: str, voice: str) -> None:
        frames_of_char = WIRE_OUT.rate_hz // CHARACTERS_PER_S
        self.n_frames = len(text) * frames_of_char
        # 130-220 Hz by the voice's name: men's and women's pitches
        base_hz = 130 + zlib.crc32(voice.encode("utf-8", "replace")) % 90
        self._notes: list[_Note] = []
        for word in re.finditer(r"\S+", text):
            syllables = max(1, len(re.findall(r"[aeiouy]+", word[0].lower())))
            span = len(word[0]) * frames_of_char
            for i in range(syllables):
                step = zlib.crc32(f"{word[0]} {i}".encode("utf-8", "replace")) % len(_SCALE)
                start = word.start() * frames_of_char + span * i // syllables
                # a note leaves a little air before the next
                self._notes.append(_Note(start, span * 9 // (10 * syllables), base_hz * _SCALE[step]))
        self._starts = [note.start for note in self._notes]

    def chunk(self, start: int, n_frames: int) -> bytes:
        """Frames `start` to `start + n_frames`, mono s16le at 24 kHz."""
        sound = np.zeros(n_frames, np.float32)
        first = max(0, bisect_right(self._starts, start) - 1)
        for note in self._notes[first:]:
            if note.start >= start + n_frames:
                break
            low = max(note.start, start)
            high = min(note.start + note.n_frames, start + n_frames)
            if low < high:
                sound[low - start : high - start] += _sound(note, low - note.start, high - note.start)
        return (sound * _LOUDNESS).astype("<i2").tobytes()


def _sound(note: _Note, low: int, high: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    at = np.arange(low, high)
    phase = 2 * np.pi * note.pitch_hz * at / WIRE_OUT.rate_hz
    wave = sum(weight * np.sin(n * phase) for n, weight in _OVERTONES)
    # rises and falls like a syllable, and starts and ends at zero: no clicks
    swell = np.sin(np.pi * (at + 0.5) / note.n_frames) ** 0.7
    return np.asarray(wave * swell, np.float64)
