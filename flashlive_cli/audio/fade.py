"""Sound that ends: faded, so that it does not click."""


def faded(pcm: bytes | memoryview, channels: int = 1) -> bytes:
    """
    Return the same sound, falling to silence in a straight line.

    Args:
        pcm: interleaved s16le, whole frames.
        channels: samples per frame.
    """
    import numpy as np  # noqa: PLC0415 - 60 ms that a dial need not wait for

    frames = np.frombuffer(pcm, "<i2").reshape(-1, channels)
    ramp = np.linspace(1, 0, len(frames), dtype=np.float32)[:, None]
    quieter: bytes = np.rint(frames * ramp).astype("<i2").tobytes()
    return quieter


def fade_out(block: memoryview, channels: int = 1) -> None:
    """
    Let a block fall to silence where it lies, without numpy: 40 us for 5 ms of mono, in a sound card's deadline too.

    Args:
        block: interleaved s16 in this machine's byte order, whole frames; of more than two channels two are faded, as
            no more of them sound.
        channels: samples per frame.
    """
    samples = block.cast("h")
    n_frames = len(samples) // channels
    for channel in range(min(2, channels)):
        for frame in range(n_frames):
            at = frame * channels + channel
            samples[at] = samples[at] * (n_frames - frame) // n_frames
