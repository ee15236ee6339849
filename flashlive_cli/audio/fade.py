"""Sound that ends: faded, so that it does not click."""

import numpy as np


def faded(pcm: bytes | memoryview, channels: int = 1) -> bytes:
    """
    Return the same sound, falling to silence in a straight line.

    Args:
        pcm: interleaved s16le, whole frames.
        channels: samples per frame.
    """
    frames = np.frombuffer(pcm, "<i2").reshape(-1, channels)
    ramp = np.linspace(1, 0, len(frames), dtype=np.float32)[:, None]
    quieter: bytes = np.rint(frames * ramp).astype("<i2").tobytes()
    return quieter
