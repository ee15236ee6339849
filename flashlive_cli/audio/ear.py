"""
What a microphone's sound tells about the user, and about the microphone: level, utterances, silence, clipping.

It listens to a copy, and three chunks at a time: woken for every chunk, numpy costs more in cold caches than in work.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from flashlive_cli.audio.vad import WINDOW_FRAMES, VoiceDetector
from flashlive_cli.pcm import CHUNK_S, FULL_SCALE, SILENCE_DBFS, WIRE_IN, dbfs

BATCH_CHUNKS: Final = 3
UTTERANCE_GAP_S: Final = 0.5
"""A pause shorter than this is within an utterance, as far as latencies go."""
MUTE_S: Final = 5.0
CLIPPED_SAMPLE: Final = 32_700
CLIPPED_SHARE: Final = 0.01
CLIPPING_WINDOW_S: Final = 1.0

SILENT: Final = "your microphone is silent: not one sample of sound"
SILENT_ADVICE: Final = (
    "is it muted, or is this program not allowed to record (macOS, Windows: privacy settings)? "
    "flashlive devices lists the others"
)
CLIPS: Final = "your microphone is too loud and clips"
CLIPS_ADVICE: Final = "turn its level down, or move away from it"


class Ear:
    """
    Follows a microphone's 20 ms chunks of 16 kHz mono s16le; one owner, no thread.

    Attributes:
        speech_started_s: clock time of the onset of the latest utterance; None before any.
        speech_ended_s: clock time of its latest sound of speech.
        speaking: an utterance is under way, as the lamp shows it.
        level_dbfs: root mean square of the latest 60 ms, without their direct current.
        peak_dbfs: loudest sample of them, as it came from the device.
    """

    def __init__(
        self,
        *,
        on_speech: Callable[[bool], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """
        Begin to listen.

        Args:
            on_speech: told when an utterance begins (True) and ends.
            on_trouble: told once each, in words for the user, that the microphone is silent, or clips.
        """
        self.speech_started_s: float | None = None
        self.speech_ended_s: float | None = None
        self.speaking = False
        self.level_dbfs = SILENCE_DBFS
        self.peak_dbfs = SILENCE_DBFS
        self._on_speech = on_speech
        self._on_trouble = on_trouble
        self._detect = VoiceDetector()
        self._batch: list[tuple[bytes, bytes, float]] = []
        self._voiced_s: deque[float | None] = deque(maxlen=WINDOW_FRAMES)  # of the latest chunks: when voiced
        self._mute_chunks = 0
        self._has_heard = False
        self._window_chunks = 0
        self._clipped = 0
        self._told: set[str] = set()

    def __call__(self, raw: bytes, clean: bytes, now: float) -> None:
        """
        Take the next chunk.

        Args:
            raw: `CHUNK_BYTES` as they came from the device.
            clean: the same without the speaker's echo.
            now: clock time at which it was read.
        """
        self._batch.append((raw, clean, now))
        if len(self._batch) == BATCH_CHUNKS:
            batch, self._batch = self._batch, []
            self._judge(b"".join(raw for raw, _, _ in batch))
            self._listen(batch)

    def miss(self) -> None:
        """Take that nothing was heard for 20 ms, as there is no device just now."""
        self._batch.clear()
        self.level_dbfs = self.peak_dbfs = SILENCE_DBFS
        self._voiced_s.append(None)
        self._tell_speech(self._detect.miss())

    def _listen(self, batch: list[tuple[bytes, bytes, float]]) -> None:
        samples = np.frombuffer(b"".join(clean for _, clean, _ in batch), "<i2").astype(np.float32)
        rows = samples.reshape(len(batch), -1)
        mean_squares = rows.var(axis=1)  # the variance leaves direct current out
        self.level_dbfs = dbfs(float(mean_squares.mean()) ** 0.5 / FULL_SCALE)
        for (_, clean, now), mean_square in zip(batch, mean_squares.tolist(), strict=True):
            self._hear(clean, dbfs(mean_square**0.5 / FULL_SCALE), now)

    def _hear(self, chunk: bytes, level_dbfs: float, now: float) -> None:
        speaking = self._detect(chunk, level_dbfs)
        self._voiced_s.append(now if self._detect.voiced else None)
        if speaking and not self.speaking:
            onset_s = next((voiced_s for voiced_s in self._voiced_s if voiced_s is not None), now)
            if self._is_new(onset_s):
                self.speech_started_s = onset_s
        if speaking and self._detect.voiced:
            self.speech_ended_s = now
        self._tell_speech(speaking)

    def _tell_speech(self, speaking: bool) -> None:
        if speaking != self.speaking:
            self.speaking = speaking
            if self._on_speech is not None:
                self._on_speech(speaking)

    def _is_new(self, onset_s: float) -> bool:
        return self.speech_ended_s is None or onset_s - self.speech_ended_s > UTTERANCE_GAP_S

    def _judge(self, raw: bytes) -> None:
        """Look for what is wrong with the microphone itself."""
        self._has_heard = self._has_heard or bool(raw.strip(b"\0"))  # a gate may make true silence of pauses
        self._mute_chunks = 0 if self._has_heard else self._mute_chunks + BATCH_CHUNKS
        if self._mute_chunks * CHUNK_S >= MUTE_S:
            self._tell(f"{SILENT} in {MUTE_S:g} s; {SILENT_ADVICE}")
        samples = np.frombuffer(raw, "<i2")
        peak = max(int(samples.max()), -int(samples.min()))
        self.peak_dbfs = dbfs(peak / FULL_SCALE)
        if peak > CLIPPED_SAMPLE:
            self._clipped += int(np.count_nonzero((samples > CLIPPED_SAMPLE) | (samples < -CLIPPED_SAMPLE)))
        self._window_chunks += BATCH_CHUNKS
        if self._window_chunks * CHUNK_S >= CLIPPING_WINDOW_S:
            if self._clipped > CLIPPED_SHARE * WIRE_IN.rate_hz * CLIPPING_WINDOW_S:
                self._tell(f"{CLIPS}: {CLIPS_ADVICE}")
            self._window_chunks = self._clipped = 0

    def _tell(self, words: str) -> None:
        if words not in self._told and self._on_trouble is not None:
            self._told.add(words)
            self._on_trouble(words)


class Eared:
    """What a microphone tells by its ear: the base of those that have one."""

    ear: Ear

    @property
    def speech_started_s(self) -> float | None:
        """Clock time of the onset of the latest utterance; None before any."""
        return self.ear.speech_started_s

    @property
    def speech_ended_s(self) -> float | None:
        """Clock time of the latest sound of speech."""
        return self.ear.speech_ended_s

    @property
    def level_dbfs(self) -> float:
        """How loud the latest 60 ms were: the microphone's meter."""
        return self.ear.level_dbfs

    @property
    def speaking(self) -> bool:
        """Whether an utterance is under way: the microphone's lamp."""
        return self.ear.speaking
