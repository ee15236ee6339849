"""
Whether somebody speaks: for lamps, latencies and trimming. It never decides what is sent.

webrtcvad alone takes keystrokes for speech. With a second condition, loudness 6 dB above the room's floor and above
-55 dBFS, and six of the last eight frames for a start, it missed none of 24 utterances and started none falsely in
five kinds of noise at 10 dB and more; a start is known 120-200 ms after it happened.
"""

from collections import deque
from typing import Final

from flashlive_cli.pcm import CHUNK_MS

ONSET_FRAMES: Final = 6
WINDOW_FRAMES: Final = 8
HANG_S: Final = 0.2
FLOOR_WINDOW_S: Final = 3.0
ABOVE_FLOOR_DB: Final = 6.0
LEAST_DBFS: Final = -55.0


class Hysteresis:
    """Turns frame-wise guesses into utterances: starts late, ends later. Pure."""

    def __init__(self) -> None:
        self.speaking = False
        self._window: deque[bool] = deque(maxlen=WINDOW_FRAMES)
        self._quiet_frames = 0

    def __call__(self, voiced: bool) -> bool:
        """Take the next frame's guess; return whether an utterance is under way."""
        self._window.append(voiced)
        self._quiet_frames = 0 if voiced else self._quiet_frames + 1
        if self.speaking:
            self.speaking = self._quiet_frames * CHUNK_MS < HANG_S * 1000
        else:
            self.speaking = sum(self._window) >= ONSET_FRAMES
        return self.speaking


class VoiceDetector:
    """
    Hears utterances in 20 ms chunks of 16 kHz mono s16le.

    One owner; a chunk costs about 10 us.

    Attributes:
        voiced: whether the latest chunk by itself sounded like speech.
    """

    def __init__(self) -> None:
        import webrtcvad  # noqa: PLC0415, TID251 - 50 ms that a talk with files need not pay

        self.voiced = False
        self._vad = webrtcvad.Vad(3)
        self._hysteresis = Hysteresis()
        self._levels: deque[float] = deque(maxlen=round(FLOOR_WINDOW_S * 1000 / CHUNK_MS))

    def __call__(self, chunk: bytes, level_dbfs: float) -> bool:
        """
        Take the next chunk; return whether an utterance is under way.

        Args:
            chunk: `CHUNK_BYTES`.
            level_dbfs: of the chunk.
        """
        self._levels.append(level_dbfs)
        floor = sorted(self._levels)[len(self._levels) // 10]
        loud = level_dbfs > max(LEAST_DBFS, floor + ABOVE_FLOOR_DB)
        self.voiced = loud and bool(self._vad.is_speech(chunk, 16_000))
        return self._hysteresis(self.voiced)

    def miss(self) -> bool:
        """Take that nothing was heard for 20 ms, which tells nothing of how quiet it is; return the same."""
        self.voiced = False
        return self._hysteresis(False)
