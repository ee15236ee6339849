"""Sample arithmetic: any PCM or float encoding and rate, brought to mono s16le. Needs numpy."""

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.rates import Resampler, Samples
from flashlive_cli.audio.wavread import SoundFormat
from flashlive_cli.pcm import FULL_SCALE, PcmFormat


class Converter:
    """
    Turns a stream of one encoding into mono s16le of one rate, block by block.

    Args:
        source: what goes in, in whole frames.
        target: what comes out.
    """

    def __init__(self, source: SoundFormat, target: PcmFormat) -> None:
        self._source = source
        self._resample = Resampler(source.rate_hz, target.rate_hz)

    def __call__(self, frames: bytes) -> bytes:
        """Convert whole frames; the last ms stays behind until more comes."""
        return to_s16le(self._resample(decode(frames, self._source)))

    def finish(self) -> bytes:
        """Return what stayed behind."""
        return to_s16le(self._resample.finish())


def decode(frames: bytes, sound_format: SoundFormat) -> Samples:
    """Whole frames as mono float32 of full scale 1, shape `(n_frames,)`."""
    samples: Samples
    if sound_format.is_float:
        floats = np.frombuffer(frames, f"<f{sound_format.sample_bytes}")
        # clipped before they become float32: a float64 may be too large for one
        samples = np.clip(np.where(np.isfinite(floats), floats, 0.0), -1.0, 1.0).astype(np.float32)
    elif sound_format.sample_bytes == 1:
        samples = np.frombuffer(frames, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
    elif sound_format.sample_bytes == 3:
        wide = np.zeros((len(frames) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(frames, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    else:
        full_scale = np.float32(2 ** (8 * sound_format.sample_bytes - 1))
        samples = np.frombuffer(frames, f"<i{sound_format.sample_bytes}").astype(np.float32) / full_scale
    if sound_format.channels == 1:
        return samples
    mixed: Samples = samples.reshape(-1, sound_format.channels).mean(axis=1, dtype=np.float32)
    return mixed


def to_s16le(samples: Samples) -> bytes:
    """Mono float32 of full scale 1 as s16le, clipped."""
    return rounded(samples * FULL_SCALE).tobytes()


def rounded(samples: Samples) -> npt.NDArray[np.int16]:
    """Float32 of full scale 32768, of any shape, as little-endian int16, clipped."""
    whole: npt.NDArray[np.int16] = np.clip(np.rint(samples), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    return whole
