"""The resampler beside soxr's best, and its bookkeeping."""

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.audio.rates import Resampler, Samples

RATES = [
    (48_000, 16_000),
    (44_100, 16_000),
    (11_025, 16_000),
    (96_000, 16_000),
    (8_000, 16_000),
    (22_050, 16_000),
    (24_000, 48_000),
    (24_000, 44_100),
    (48_000, 24_000),
]


def convert(rate_in: int, rate_out: int, x: Samples, block: int | None = None) -> Samples:
    resample = Resampler(rate_in, rate_out)
    block = block or max(1, x.size)
    return np.concatenate([*(resample(x[i : i + block]) for i in range(0, x.size, block)), resample.finish()])


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> Samples:
    wave: Samples = np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz).astype(np.float32)
    return wave


def level_db(x: Samples) -> float:
    middle = x[x.size // 8 : -x.size // 8].astype(np.float64)
    return float(10 * np.log10(2 * np.mean(middle**2)))


def speechlike(rate_hz: int, highest_hz: float) -> Samples:
    """Noise that falls by 6 dB an octave, in syllables, with three tones; nothing above `highest_hz`."""
    n = 2 * rate_hz
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(n)) / np.maximum(hz, 100)
    noise = np.fft.irfft(np.where(hz < highest_hz, spectrum, 0), n)
    syllables = 1 + np.sin(2 * np.pi * 4 * np.arange(n) / rate_hz)
    tones = sum(tone(f, rate_hz, 2) for f in (220, 1000, 2500))
    mix: Samples = (0.2 * (syllables * noise / noise.std() + tones)).astype(np.float32)
    return mix


@pytest.mark.parametrize("rate_in", [24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("hz", [9_000, 10_000, 11_900])
def test_tones_above_the_new_nyquist_do_not_fold_back(rate_in: int, hz: int) -> None:
    assert level_db(convert(rate_in, 16_000, tone(hz, rate_in))) < -80


@pytest.mark.parametrize("rate_in", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("hz", [100, 1_000, 6_000])
def test_speech_passes_at_its_level(rate_in: int, hz: int) -> None:
    assert level_db(convert(rate_in, 16_000, tone(hz, rate_in))) == pytest.approx(0, abs=0.02)


def test_images_of_8_khz_sound_stay_out() -> None:
    y = convert(8_000, 16_000, tone(3_000, 8_000))
    y -= tone(3_000, 16_000)
    assert level_db(y) < -70


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_agrees_with_soxr_sample_by_sample(rate_in: int, rate_out: int) -> None:
    """Gain, phase and alignment at once: a shift of a tenth of a sample would fail."""
    x = speechlike(rate_in, 0.4 * min(rate_in, rate_out))
    ours, theirs = convert(rate_in, rate_out, x), soxr.resample(x, rate_in, rate_out, quality="VHQ")
    n = min(ours.size, theirs.size)
    difference = (ours[:n] - theirs[:n])[200:-200]
    assert 10 * np.log10(np.mean(difference**2) / np.mean(theirs**2)) < -70


@given(
    rates=st.sampled_from(RATES),
    cuts=st.lists(st.integers(0, 1500), max_size=12),
    length=st.integers(0, 1500),
)
def test_how_the_input_is_cut_does_not_matter(rates: tuple[int, int], cuts: list[int], length: int) -> None:
    x = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    edges = [0, *sorted(min(cut, length) for cut in cuts), length]
    resample = Resampler(*rates)
    pieces = [resample(x[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.concatenate([*pieces, resample.finish()]), convert(*rates, x), rtol=0, atol=1e-5)


@given(rates=st.tuples(st.integers(1, 400), st.integers(1, 400)), length=st.integers(0, 300))
def test_all_of_the_input_comes_out(rates: tuple[int, int], length: int) -> None:
    x = np.ones(length, np.float32)
    assert convert(*rates, x).size == round(length * rates[1] / rates[0])


def test_a_long_block_is_converted_like_short_ones() -> None:
    x = speechlike(44_100, 7_000)
    np.testing.assert_allclose(convert(44_100, 16_000, x), convert(44_100, 16_000, x, 882), rtol=0, atol=1e-5)


def test_a_finished_resampler_starts_afresh() -> None:
    resample = Resampler(48_000, 16_000)
    x = tone(440, 48_000, 0.1)
    first = np.concatenate((resample(x), resample.finish()))
    again = np.concatenate((resample(x), resample.finish()))
    np.testing.assert_array_equal(first, again)


def test_equal_rates_pass_through() -> None:
    x = tone(440, 16_000, 0.1)
    resample = Resampler(16_000, 16_000)
    np.testing.assert_array_equal(resample(x), x)
    assert resample.finish().size == 0
    assert resample.held_back_s == 0


def test_holds_back_about_a_millisecond() -> None:
    resample = Resampler(48_000, 16_000)
    assert resample.held_back_s == pytest.approx(0.0011, abs=0.0002)
    n_out = resample(np.zeros(48_000, np.float32)).size
    assert (16_000 - n_out) / 16_000 == pytest.approx(resample.held_back_s, abs=1 / 16_000)


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1)])
def test_rates_must_be_positive(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(*rates)
