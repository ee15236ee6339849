"""What the user says in a scenario, as sound: files, spoken text, and the noise mixed in."""

import zlib
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.clips import WavClip, open_wav
from flashlive_cli.errors import FileError
from flashlive_cli.pcm import FULL_SCALE, WIRE_IN
from flashlive_cli.scenario.schema import Noise, Turn
from flashlive_cli.scenario.spoken import speak

Samples = npt.NDArray[np.float32]

LONGEST_S: Final = 600
"""Of a clip, in seconds: it is held in memory."""
_ACTIVE_DBFS: Final = -50.0
_FRAME: Final = WIRE_IN.frames_of_ms(20)
_BLOCK_BYTES: Final = WIRE_IN.bytes_of_ms(100)
_VOICES: Final = 8
"""Of babble: fewer are understood, more are a hiss."""
_SYLLABLES_HZ: Final = 4.0


class SoundClip:
    """Sound in memory as a clip: 16 kHz mono s16le. See `audio.clips.Clip`."""

    live = False

    def __init__(self, name: str, pcm: bytes) -> None:
        self.name = name
        self.warnings: list[str] = []
        self.duration_s: float | None = WIRE_IN.seconds_in(len(pcm))
        self._pcm = pcm
        self._at = 0

    def read(self) -> bytes:
        """Return the next 100 ms; `b""` at the end."""
        block = self._pcm[self._at : self._at + _BLOCK_BYTES]
        self._at += len(block)
        return block

    def close(self) -> None:
        """Nothing is open."""


def clip_of(turn: Turn, noise: Noise | None, *, seed: int) -> SoundClip | None:
    """
    Return the sound of a turn; None for one that makes none. Reads files, and may start espeak-ng: takes a while.

    The same file name, speech and seed are the same sound in whatever folder and on whatever machine.

    Raises:
        FileError: a file is not what it should be.
        ConfigError: there is no espeak-ng.
    """
    if turn.say is not None:
        name, pcm = Path(turn.say).name, _read(turn.say)
    elif turn.say_text is not None:
        name, pcm = turn.say_text, _read(str(speak(turn.say_text)))
    else:
        return None
    return SoundClip(name, mixed(pcm, noise, seed=zlib.crc32(pcm + name.encode(), seed)) if noise is not None else pcm)


def open_clip(path: str) -> WavClip:
    """
    Open a WAV that is short enough for a turn, or for its noise.

    Raises:
        FileError: it is not what it should be.
    """
    clip = open_wav(path)
    if (clip.duration_s or 0.0) > LONGEST_S:
        clip.close()
        raise FileError(f"{path}: {clip.duration_s:.0f} s are more than the {LONGEST_S} a turn may take")
    return clip


def _read(path: str) -> bytes:
    clip = open_clip(path)
    try:
        pcm = bytearray()
        while block := clip.read():
            pcm += block
        return bytes(pcm)
    finally:
        clip.close()


def mixed(pcm: bytes, noise: Noise, *, seed: int) -> bytes:
    """
    Mix noise into speech.

    Args:
        pcm: 16 kHz mono s16le.
        noise: which, and how much quieter than the speech where that is not silent.
        seed: the same one makes the same noise.
    """
    speech = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
    made = _made(noise, speech.size, np.random.default_rng(seed))
    loud, wanted = _rms(made), _active_rms(speech) * 10 ** (-noise.snr_db / 20)
    whole = speech + made * np.float32(wanted / loud if loud > 0 else 0.0)
    return np.clip(np.rint(whole * FULL_SCALE), -32768, 32767).astype("<i2").tobytes()


def _made(noise: Noise, n: int, chance: np.random.Generator) -> Samples:
    if noise.file is not None:
        samples = np.frombuffer(_read(noise.file), "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        return np.resize(samples, n)
    match noise.kind:
        case "white":
            return chance.standard_normal(n).astype(np.float32)
        case "pink":
            return _coloured(chance, n, 0.0)
        case _:
            voices = np.zeros(n, np.float32)
            for _ in range(_VOICES):
                voices += _coloured(chance, n, 150.0) * _syllables(chance, n)
            return voices


def _coloured(chance: np.random.Generator, n: int, from_hz: float) -> Samples:
    """Noise whose power falls by 3 dB an octave, from a frequency on."""
    spectrum = np.fft.rfft(chance.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / WIRE_IN.rate_hz)
    spectrum[hz < max(from_hz, 1.0)] = 0
    spectrum[1:] /= np.sqrt(hz[1:])
    return np.fft.irfft(spectrum, n).astype(np.float32)


def _syllables(chance: np.random.Generator, n: int) -> Samples:
    """How loud somebody speaks: up and down some four times a second, and now and then nothing."""
    n_points = max(2, int(n / WIRE_IN.rate_hz * 2 * _SYLLABLES_HZ) + 2)
    points = chance.uniform(0, 1, n_points) * (chance.uniform(0, 1, n_points) > 0.2)
    return np.interp(np.linspace(0, n_points - 1, n), np.arange(n_points), points).astype(np.float32)


def _active_rms(speech: Samples) -> float:
    """How loud speech is where there is any."""
    frames = speech[: speech.size - speech.size % _FRAME].reshape(-1, _FRAME)
    powers = np.square(frames).mean(axis=1)
    active = powers[powers > 10 ** (_ACTIVE_DBFS / 10)]
    return float(np.sqrt(active.mean())) if active.size else 10 ** (_ACTIVE_DBFS / 20)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples).mean())) if samples.size else 0.0
