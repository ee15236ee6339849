"""
Voice activity on the sample clock: when speech starts and ends, counted in samples and in nothing else.

Theory of operation. Each 10 ms of sound has a level. The floor is the quietest level of the last seconds, which
speech leaves often (between syllables) and steady noise never does; what stands out from the floor is voiced.
Enough voiced sound within a short time is the start of speech; a long enough stretch without any is its end.
A cough or a knock is too short to count. A client that stops sending stops the clock, and nothing ends: the
service hangs there too (ai.google.dev, Live best practices: keep sending silence, or send `audioStreamEnd`).
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from flashlive_cli.pcm import FULL_SCALE, SILENCE_DBFS
from flashlive_cli.sim.resample import Resampler

RATE_HZ: Final = 16_000
_STEP: Final = RATE_HZ // 100
_STEPS_PER_S: Final = 100

DEFAULT_SPEECH_MS: Final = 150
"""gemini-live-stop-test: a barge-in on 3.8 is answered 140-260 ms after its onset."""
DEFAULT_SILENCE_MS: Final = 1200
"""Measured on 3.8 without any setting: 1.19-1.28 s from the last sample of speech (gemini-live-stop-test)."""
LAZY_SILENCE_MS: Final = 1800
"""What `END_SENSITIVITY_LOW` means is not published; half as long again."""

_FLOOR_BLOCK: Final = 10  # steps
_FLOOR_BLOCKS: Final = 30
_QUIETEST_DBFS: Final = -75.0
_ASSUMED_FLOOR_DBFS: Final = -60.0
_GAP_STEPS: Final = 20
"""Silence between two voiced stretches that still belong to one onset: a stop consonant lasts under 150 ms."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began `offset_s` into the input."""

    offset_s: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """
    Speech is over.

    Attributes:
        offset_s: where the input clock stood when that was clear.
        speech_s: from the onset to the last voiced sound.
        audio_s: from the onset to `offset_s`.
    """

    offset_s: float
    speech_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """
    When speech starts and ends.

    Attributes:
        speech_ms: voiced sound that makes a start.
        silence_ms: unvoiced sound that makes an end.
        quietest_voice_dbfs: nothing below this is voiced.
        above_floor_db: how far a voiced level stands out from the floor.
    """

    speech_ms: float = DEFAULT_SPEECH_MS
    silence_ms: float = DEFAULT_SILENCE_MS
    quietest_voice_dbfs: float = -46.0
    above_floor_db: float = 9.0


def sensitivity(*, silence_ms: int | None, prefix_ms: int | None, eager_start: bool, eager_end: bool) -> Sensitivity:
    """The settings of `automaticActivityDetection`; None leaves one to the server."""
    if silence_ms is None:
        silence_ms = DEFAULT_SILENCE_MS if eager_end else LAZY_SILENCE_MS
    # prefixPaddingMs is "the required duration of detected speech before start-of-speech is committed" (API page)
    speech_ms = DEFAULT_SPEECH_MS if prefix_ms is None else prefix_ms
    return Sensitivity(
        speech_ms=max(speech_ms, 20),
        silence_ms=max(silence_ms, 50),
        quietest_voice_dbfs=-46.0 if eager_start else -38.0,
        above_floor_db=9.0 if eager_start else 14.0,
    )


class Ears:
    """
    The detector: PCM in, `SpeechStarted` and `SpeechEnded` out.

    After `feed`, `heard_s` is the length of all input so far and `speaking` tells whether speech is open.
    """

    def __init__(self, settings: Sensitivity) -> None:
        self.speaking = False
        self._settings = settings
        self._resampler: tuple[int, Resampler] = (RATE_HZ, Resampler(RATE_HZ, RATE_HZ))
        self._rest = np.zeros(0, np.float32)
        self._steps = 0
        self._floors: deque[float] = deque([_ASSUMED_FLOOR_DBFS] * _FLOOR_BLOCKS, _FLOOR_BLOCKS)
        self._floor = _ASSUMED_FLOOR_DBFS
        self._block_floor = 0.0
        self._onset = 0
        self._voiced = 0
        self._last_voiced = 0

    @property
    def heard_s(self) -> float:
        """Seconds of input so far, in whole steps."""
        return self._steps / _STEPS_PER_S

    def feed(self, pcm: bytes, rate_hz: int = RATE_HZ) -> list[SpeechStarted | SpeechEnded]:
        """Listen to mono s16le at `rate_hz`; what became clear while listening, in order."""
        if rate_hz != self._resampler[0]:
            self._resampler = (rate_hz, Resampler(rate_hz, RATE_HZ))
        fresh = self._resampler[1].feed(np.frombuffer(pcm, "<i2").astype(np.float32))
        samples = np.concatenate((self._rest, fresh)) if len(self._rest) else fresh
        n_steps = len(samples) // _STEP
        self._rest = samples[n_steps * _STEP :]
        steps = samples[: n_steps * _STEP].reshape(n_steps, _STEP)
        mean_square = np.einsum("ij,ij->i", steps, steps) / (_STEP * FULL_SCALE**2)
        found: list[SpeechStarted | SpeechEnded] = []
        for power in mean_square.tolist():
            self._step(10 * math.log10(power) if power > 0 else SILENCE_DBFS, found)
        return found

    def end_stream(self) -> list[SpeechStarted | SpeechEnded]:
        """The microphone is off: open speech ends here and now."""
        self._rest = np.zeros(0, np.float32)
        self._voiced = 0
        return [self._end()] if self.speaking else []

    def _step(self, level_dbfs: float, found: list[SpeechStarted | SpeechEnded]) -> None:
        voiced = self._is_voiced(level_dbfs)
        self._steps += 1
        if voiced:
            if not self.speaking and self._voiced == 0:
                self._onset = self._steps - 1
            self._voiced += 1
            self._last_voiced = self._steps
        silent_steps = self._steps - self._last_voiced
        if self.speaking:
            if silent_steps * 10 >= self._settings.silence_ms:
                found.append(self._end())
        elif self._voiced * 10 >= self._settings.speech_ms:
            self.speaking = True
            found.append(SpeechStarted(self._onset / _STEPS_PER_S))
        elif silent_steps > _GAP_STEPS:
            self._voiced = 0

    def _is_voiced(self, level_dbfs: float) -> bool:
        floor = self._floor
        above = self._settings.above_floor_db
        if self.speaking:
            above -= 3  # hysteresis: the soft end of a word belongs to it
        self._block_floor = min(self._block_floor, level_dbfs)
        if self._steps % _FLOOR_BLOCK == _FLOOR_BLOCK - 1:
            self._floors.append(self._block_floor)
            self._floor = max(_QUIETEST_DBFS, min(self._floors))
            self._block_floor = 0.0
        quietest = self._settings.quietest_voice_dbfs - (3 if self.speaking else 0)
        return level_dbfs >= max(quietest, floor + above)

    def _end(self) -> SpeechEnded:
        self.speaking = False
        self._voiced = 0
        return SpeechEnded(
            offset_s=self._steps / _STEPS_PER_S,
            speech_s=max(0, self._last_voiced - self._onset) / _STEPS_PER_S,
            audio_s=(self._steps - self._onset) / _STEPS_PER_S,
        )
