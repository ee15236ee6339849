"""Sounds that are made to be played and found again: mono, 24 kHz, full scale 1."""

from typing import Final

import numpy as np
import numpy.typing as npt

from flashlive_cli.pcm import WIRE_OUT

BURST_S: Final = 1.5
BURST_LEVEL_DBFS: Final = -26.0
SPEECH_S: Final = 8.0
SPEECH_LEVEL_DBFS: Final = -24.0
_CHIP_S: Final = 0.03

Sound = npt.NDArray[np.float64]


def noise_burst() -> Sound:
    """Return soft noise of 300 to 6000 Hz that comes and goes in a pattern of its own; full scale 1, 24 kHz."""
    pattern = np.random.default_rng(11).integers(0, 2, round(BURST_S / _CHIP_S)).astype(np.float64)
    pattern[0] = 1.0  # or the first sample that sounds would not be the first
    chip = round(_CHIP_S * WIRE_OUT.rate_hz)
    gate = np.convolve(np.repeat(pattern, chip), np.hanning(chip // 6) / np.hanning(chip // 6).sum(), "same")
    return faded(_levelled(_noise(BURST_S, low_hz=300, high_hz=6000) * gate, BURST_LEVEL_DBFS), 0.01)


def speech_like(seconds: float = SPEECH_S) -> Sound:
    """Return something with the pitch, the spectrum, the syllables and the pauses of speech; full scale 1, 24 kHz."""
    at_s = np.arange(round(seconds * WIRE_OUT.rate_hz)) / WIRE_OUT.rate_hz
    pitch_hz = 120 + 25 * np.sin(2 * np.pi * 0.35 * at_s) + 10 * np.sin(2 * np.pi * 2.3 * at_s)
    buzz = 1 - 2 * (np.cumsum(pitch_hz) / WIRE_OUT.rate_hz % 1)
    voiced = buzz + 0.3 * _noise(seconds, low_hz=1000, high_hz=7000)
    syllables = np.clip(np.sin(2 * np.pi * 3.6 * at_s), 0, None) ** 0.5 * (1 + 0.5 * np.sin(2 * np.pi * 0.9 * at_s))
    phrases = (at_s % 2.0 < 1.7).astype(np.float64)
    spectrum = np.fft.rfft(voiced * syllables * phrases)
    hz = np.fft.rfftfreq(at_s.size, 1 / WIRE_OUT.rate_hz)
    spectrum *= 1 / (1 + (hz / 700) ** 1.2) * (hz > 80)  # -7 dB an octave above the first formant
    return faded(_levelled(np.fft.irfft(spectrum, at_s.size), SPEECH_LEVEL_DBFS), 0.02)


def _noise(seconds: float, *, low_hz: float, high_hz: float) -> Sound:
    size = round(seconds * WIRE_OUT.rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / WIRE_OUT.rate_hz)
    noise: Sound = np.fft.irfft(spectrum * ((hz > low_hz) & (hz < high_hz)), size)
    noise /= noise.std()
    return noise


def _levelled(sound: Sound, level_dbfs: float) -> Sound:
    levelled: Sound = sound / np.sqrt(np.square(sound).mean()) * 10 ** (level_dbfs / 20)
    return np.clip(levelled, -0.9, 0.9)


def faded(sound: Sound, seconds: float) -> Sound:
    """Let a 24 kHz sound swell at its start and sink at its end: no clicks."""
    ramp = np.sin(np.linspace(0, np.pi / 2, round(seconds * WIRE_OUT.rate_hz))) ** 2
    swelling = sound.copy()
    swelling[: ramp.size] *= ramp
    swelling[-ramp.size :] *= ramp[::-1]
    return swelling
