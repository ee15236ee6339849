"""What a microphone's chunks tell, without a microphone."""

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.audio.ear import Ear
from flashlive_cli.pcm import SILENCE_DBFS


class Listening:
    """An ear, the clock it hears by, and what it said."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str]] = []
        self.now = 0.0
        self.ear = Ear(
            on_speech=lambda started: self.said.append((self.now, "started" if started else "ended")),
            on_trouble=lambda words: self.said.append((self.now, words)),
        )

    def hear(self, samples: npt.NDArray[np.float64]) -> None:
        chunks = np.clip(samples, -32768, 32767).astype("<i2")
        for start in range(0, chunks.size - 319, 320):
            self.now += 0.02
            chunk = chunks[start : start + 320].tobytes()
            self.ear(chunk, chunk, self.now)


def voice(seconds: float, amplitude: float = 8000) -> npt.NDArray[np.float64]:
    """A vowel: harmonics of 120 Hz under two formants."""
    t = np.arange(round(16000 * seconds)) / 16000
    harmonics = [
        np.sin(2 * np.pi * 120 * n * t) / (1 + ((120 * n - f) / 150) ** 2) for n in range(1, 25) for f in (700, 1200)
    ]
    sound = np.sum(harmonics, axis=0) * (1 + 0.3 * np.sin(2 * np.pi * 4 * t))
    return np.asarray(amplitude * sound / np.abs(sound).max())


def room(seconds: float) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, 12, round(16000 * seconds))


def test_an_utterance_is_timed_where_it_sounded_and_not_where_that_was_known() -> None:
    listening = Listening()
    listening.hear(room(1))
    listening.hear(voice(1))
    listening.hear(room(1))

    assert [word for _, word in listening.said] == ["started", "ended"]
    assert listening.ear.speech_started_s == pytest.approx(1.02, abs=0.06)
    assert listening.ear.speech_ended_s == pytest.approx(2.0, abs=0.06)
    assert 2.1 < listening.said[1][0] < 2.4  # the lamp hangs on a little
    assert not listening.ear.speaking


def test_a_short_pause_stays_within_the_utterance() -> None:
    listening = Listening()
    listening.hear(room(1))
    for sound in (voice(0.6), room(0.3), voice(0.6)):
        listening.hear(sound)

    assert listening.ear.speech_started_s == pytest.approx(1.02, abs=0.06)


def test_a_click_long_ago_is_not_the_beginning_of_what_is_said_now() -> None:
    listening = Listening()
    for sound in (room(1), voice(0.02), room(15), voice(1)):
        listening.hear(sound)

    assert listening.ear.speech_started_s == pytest.approx(16.04, abs=0.08)


def test_levels_leave_direct_current_out() -> None:
    listening = Listening()
    listening.hear(3000 + 3277 * np.sin(2 * np.pi * 1000 * np.arange(1920) / 16000))

    assert listening.ear.level_dbfs == pytest.approx(-23.0, abs=0.1)
    assert listening.ear.peak_dbfs == pytest.approx(-14.4, abs=0.1)
    listening.hear(np.zeros(1920))
    assert listening.ear.level_dbfs == listening.ear.peak_dbfs == SILENCE_DBFS


def test_a_microphone_that_gives_nothing_but_zeros_is_told_once_after_five_seconds() -> None:
    listening = Listening()
    listening.hear(np.zeros(16000 * 4))
    assert not listening.said
    listening.hear(np.zeros(16000 * 8))

    [(when, words)] = listening.said
    assert when == pytest.approx(5.0, abs=0.1)
    assert words.startswith("your microphone is silent: not one sample of sound in 5 s; is it muted, or ")


def test_a_quiet_room_is_not_silence() -> None:
    listening = Listening()
    listening.hear(np.random.default_rng(1).integers(-1, 2, 16000 * 7).astype(np.float64))

    assert not listening.said


def test_a_microphone_that_clips_is_told_once_and_a_loud_one_is_not() -> None:
    loud = Listening()
    loud.hear(voice(4, amplitude=32000))
    assert not [words for _, words in loud.said if "clips" in words]
    clipping = Listening()
    clipping.hear(voice(4, amplitude=90000))

    assert len([words for _, words in clipping.said if "clips" in words]) == 1


def test_without_a_device_an_utterance_ends_and_nobody_is_told_of_a_silent_microphone() -> None:
    listening = Listening()
    for _ in range(500):
        listening.ear.miss()
    assert listening.said == []
    listening.hear(room(1.0))
    listening.hear(voice(1.0))
    said = [what for _, what in listening.said]
    assert said == ["started"]
    for _ in range(50):
        listening.ear.miss()

    assert not listening.ear.speaking
    assert [what for _, what in listening.said] == ["started", "ended"]
    assert listening.ear.level_dbfs == SILENCE_DBFS
