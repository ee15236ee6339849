"""PCM arithmetic: frames, bytes, milliseconds and levels of 16-bit little-endian sound."""

import math
from dataclasses import dataclass
from typing import Final

FULL_SCALE: Final = 32768.0
SILENCE_DBFS: Final = -120.0
"""What a level of digital silence is called; log10(0) has no number."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """
    Interleaved signed 16-bit little-endian PCM.

    Attributes:
        rate_hz: frames per second.
        channels: samples per frame.
    """

    rate_hz: int
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return 2 * self.channels

    def frames_in(self, n_bytes: int) -> int:
        """Whole frames in `n_bytes`; a torn last frame does not count."""
        return n_bytes // self.frame_bytes

    def bytes_of(self, n_frames: int) -> int:
        """Bytes that `n_frames` take."""
        return n_frames * self.frame_bytes

    def frames_of_ms(self, ms: float) -> int:
        """Frames that last `ms` milliseconds, rounded to the nearest."""
        return round(self.rate_hz * ms / 1000)

    def bytes_of_ms(self, ms: float) -> int:
        """Bytes that last `ms` milliseconds, in whole frames."""
        return self.bytes_of(self.frames_of_ms(ms))

    def ms_of(self, n_frames: int) -> float:
        """Milliseconds that `n_frames` last."""
        return n_frames * 1000 / self.rate_hz

    def seconds_in(self, n_bytes: int) -> float:
        """Seconds that `n_bytes` last."""
        return self.frames_in(n_bytes) / self.rate_hz

    def silence(self, ms: float) -> bytes:
        """`ms` milliseconds of zeros."""
        return bytes(self.bytes_of_ms(ms))


WIRE_IN: Final = PcmFormat(16_000)
"""What the Live API hears: 16 kHz mono."""
WIRE_OUT: Final = PcmFormat(24_000)
"""What the Live API says: 24 kHz mono, whatever it was told."""

CHUNK_MS: Final = 20
"""How much of a microphone is heard, looked at and sent at a time; webrtcvad takes 10, 20 or 30 ms."""
CHUNK_S: Final = CHUNK_MS / 1000
CHUNK_BYTES: Final = WIRE_IN.bytes_of_ms(CHUNK_MS)
SILENT_CHUNK: Final = bytes(CHUNK_BYTES)


def dbfs(amplitude: float) -> float:
    """Return an amplitude of 0 to 1 in dBFS, `SILENCE_DBFS` for none."""
    return 20 * math.log10(amplitude) if amplitude > 1e-6 else SILENCE_DBFS


def level_dbfs(pcm: bytes) -> float:
    """
    Root mean square level of mono or interleaved s16le in dBFS, `SILENCE_DBFS` for silence or nothing.

    Costs about 3 us for 20 ms: not for a sound card's callback.
    """
    import numpy as np  # noqa: PLC0415 - 90 ms that --help need not pay

    samples = np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.float32)
    mean_square = float(np.dot(samples, samples)) / max(1, samples.size)
    return 10 * math.log10(mean_square / FULL_SCALE**2) if mean_square else SILENCE_DBFS
