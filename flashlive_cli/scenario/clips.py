"""What the user says in a scenario, as sound: files, spoken text, and the noise mixed in."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.clips import WavClip, open_wav
from flashlive_cli.audio.ear import CLIPPED_SAMPLE, CLIPPED_SHARE, CLIPPING_WINDOW_S
from flashlive_cli.errors import FileError
from flashlive_cli.pcm import FULL_SCALE, WIRE_IN
from flashlive_cli.scenario.schema import Noise, Scenario, Turn
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

    def __init__(self, name: str, pcm: bytes, warnings: Sequence[str] = ()) -> None:
        self.name = name
        self.warnings = list(warnings)
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

    The same file name, speech and seed are the same sound in whatever folder and on whatever machine. Its `warnings`
    say what is wrong with the files and can be lived with.

    Raises:
        FileError: a file is not what it should be.
        ConfigError: there is no espeak-ng.
    """
    if turn.say is not None:
        name, (pcm, warnings) = Path(turn.say).name, _read(turn.say)
        warnings += _warnings_of_speech(turn.say, pcm)
    elif turn.say_text is not None:
        name, (pcm, warnings) = turn.say_text, _read(str(speak(turn.say_text)))
    else:
        return None
    if noise is None:
        return SoundClip(name, pcm, warnings)
    recorded = b""
    if noise.file is not None:
        recorded, told = _read(noise.file)
        warnings += told
    return SoundClip(name, mixed(pcm, noise, seed=zlib.crc32(pcm + name.encode(), seed), recorded=recorded), warnings)


def warnings_about(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """
    Yield what is wrong with WAV files of scenarios and can be lived with; reads them all, each once: takes a while.

    Raises:
        FileError: a file is not what it should be.
    """
    named = list(scenarios)
    said = {turn.say for scenario in named for turn in scenario.turn if turn.say is not None}
    for path in sorted(said):
        pcm, warnings = _read(path)
        yield from [*warnings, *_warnings_of_speech(path, pcm)]
        if not _active_powers(_samples(pcm)).size:  # of this a talk warns by itself
            yield f"{path}: holds nothing that sounds like speech"
    noises = {noise.file for scenario in named for noise in _noises(scenario) if noise.file is not None}
    for path in sorted(noises - said):
        yield from _read(path)[1]


def _noises(scenario: Scenario) -> Iterator[Noise]:
    for noise in (scenario.noise, *(turn.noise for turn in scenario.turn), *(scenario.matrix.noise or ())):
        if isinstance(noise, Noise):
            yield noise


def _warnings_of_speech(path: str, pcm: bytes) -> list[str]:
    """Look, second by second as `audio.ear` does, for sound that was too loud for whoever recorded it."""
    window = round(WIRE_IN.rate_hz * CLIPPING_WINDOW_S)
    loud = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > CLIPPED_SAMPLE
    worst = max(
        (np.count_nonzero(loud[begin : begin + window]) / window for begin in range(0, loud.size, window)), default=0
    )
    return [f"{path}: is too loud and clips, at its worst {worst:.0%} of a second"] if worst > CLIPPED_SHARE else []


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


def _read(path: str) -> tuple[bytes, list[str]]:
    """Return a WAV's sound, 16 kHz mono s16le, and what was wrong with the file."""
    clip = open_clip(path)
    try:
        pcm = bytearray()
        while block := clip.read():
            pcm += block
        return bytes(pcm), clip.warnings
    finally:
        clip.close()


def mixed(pcm: bytes, noise: Noise, *, seed: int, recorded: bytes = b"") -> bytes:
    """
    Mix noise into speech.

    Args:
        pcm: 16 kHz mono s16le.
        noise: which, and how much quieter than the speech where that is not silent.
        seed: the same one makes the same noise.
        recorded: the sound of the noise's file, as `pcm`; nothing where it has none.
    """
    speech = _samples(pcm)
    made = _made(noise, speech.size, np.random.default_rng(seed), recorded)
    loud, wanted = _rms(made), _active_rms(speech) * 10 ** (-noise.snr_db / 20)
    whole = speech + made * np.float32(wanted / loud if loud > 0 else 0.0)
    return np.clip(np.rint(whole * FULL_SCALE), -32768, 32767).astype("<i2").tobytes()


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


def _made(noise: Noise, n: int, chance: np.random.Generator, recorded: bytes = b"") -> Samples:
    if noise.file is not None:
        return np.resize(_samples(recorded), n)
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
    active = _active_powers(speech)
    return float(np.sqrt(active.mean())) if active.size else 10 ** (_ACTIVE_DBFS / 20)


def _active_powers(speech: Samples) -> Samples:
    """Return the mean squares of the 20 ms in which there is speech."""
    frames = speech[: speech.size - speech.size % _FRAME].reshape(-1, _FRAME)
    powers: Samples = np.square(frames).mean(axis=1)
    active: Samples = powers[powers > 10 ** (_ACTIVE_DBFS / 10)]
    return active


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples).mean())) if samples.size else 0.0
