"""The lamp: when it lights and when it goes out."""

import numpy as np
import pytest

from flashlive_cli.audio.vad import Hysteresis, VoiceDetector
from flashlive_cli.pcm import level_dbfs


def lit(pattern: str) -> str:
    """Feed one frame a character, `#` for voice; return when the lamp was on."""
    lamp = Hysteresis()
    return "".join("#" if lamp(frame == "#") else "." for frame in pattern)


@pytest.mark.parametrize(
    ("voice", "lamp"),
    [
        ("#####...", "........"),
        ("######", ".....#"),
        ("##.##.##", ".......#"),
        ("#.#.#.#.#.#.", "............"),
        ("########..........", ".....############."),
        ("########....####", ".....###########"),
    ],
)
def test_the_lamp_lights_after_six_of_eight_frames_and_hangs_on(voice, lamp) -> None:
    assert lit(voice) == lamp


def test_it_hangs_on_for_a_fifth_of_a_second() -> None:
    assert lit("#" * 8 + "." * 20).count("#") == 3 + 9


def test_steady_noise_is_no_speech_and_a_voice_above_it_is() -> None:
    rng = np.random.default_rng(1)
    detect = VoiceDetector()

    def chunk(n: int, voiced: bool) -> bytes:
        t = (np.arange(320) + 320 * n) / 16000
        tones = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20)) * 4000 * (1 + np.sin(2 * np.pi * 4 * t))
        return (rng.normal(0, 60, 320) + (tones if voiced else 0)).astype("<i2").tobytes()

    def heard(n_chunks: int, *, voiced: bool) -> int:
        chunks = [chunk(n, voiced) for n in range(n_chunks)]
        return sum(detect(pcm, level_dbfs(pcm)) for pcm in chunks)

    assert heard(100, voiced=False) == 0
    assert heard(50, voiced=True) > 30
    heard(20, voiced=False)
    assert heard(50, voiced=False) == 0
