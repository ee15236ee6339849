"""Speech is found on the sample clock, whatever the size of the messages it came in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.sim.hearing import Ears, Sensitivity, SpeechEnded, SpeechStarted, sensitivity
from flashlive_cli.sim.resample import Resampler, excerpt

DEFAULT = Sensitivity()


def found(pcm, settings=DEFAULT, rate_hz=16_000, step=640):
    ears = Ears(settings)
    return [event for i in range(0, len(pcm), step) for event in ears.feed(pcm[i : i + step], rate_hz)]


def test_speech_starts_at_its_onset_and_ends_after_the_silence(sounds):
    start, end = found(sounds.silence(1) + sounds.speech_like(2) + sounds.silence(2))
    assert isinstance(start, SpeechStarted)
    assert start.offset_s == pytest.approx(1.0, abs=0.02)
    # the last syllable of the noise ends up to 60 ms before its 2 s are over
    assert end.offset_s == pytest.approx(3.0 + 1.2, abs=0.08)
    assert end.speech_s == pytest.approx(2.0, abs=0.08)
    assert end.audio_s == pytest.approx(end.offset_s - start.offset_s)


def test_a_start_needs_150_ms_of_speech(sounds):
    ears = Ears(DEFAULT)
    speech = sounds.speech_like(1)
    # 120 ms of a syllable, 60 ms of quiet, 30 ms of the next
    assert ears.feed(speech[: 2 * 16 * 200]) == []
    assert ears.feed(speech[2 * 16 * 200 : 2 * 16 * 220]) == [SpeechStarted(0.0)]


def test_a_knock_is_no_speech(sounds):
    knock = sounds.speech_like(0.1, level=8000)
    assert found(sounds.silence(1) + knock + sounds.silence(1) + knock + sounds.silence(1)) == []


@pytest.mark.parametrize("level", [300, 3000, 10_000])
def test_steady_noise_is_no_speech_in_the_long_run(sounds, level):
    noise = np.random.default_rng(1).normal(0, level, 16_000 * 20).clip(-32768, 32767).astype("<i2").tobytes()
    events = found(noise)
    assert len(events) in (0, 2)
    assert all(event.offset_s < 5 for event in events)


def test_speech_over_noise_is_found(sounds):
    n = 16_000 * 9
    noise = np.random.default_rng(1).normal(0, 100, n)
    speech = np.zeros(n)
    speech[16_000 * 5 : 16_000 * 6] = np.frombuffer(sounds.speech_like(1), "<i2")
    start, end = found((noise + speech).astype("<i2").tobytes())
    assert start.offset_s == pytest.approx(5, abs=0.05)
    assert end.offset_s == pytest.approx(7.2, abs=0.1)


def test_a_pause_shorter_than_the_silence_is_part_of_the_utterance(sounds):
    part = sounds.speech_like(1)
    assert len(found(part + sounds.silence(1) + part + sounds.silence(1.3))) == 2
    assert len(found(part + sounds.silence(1.4) + part + sounds.silence(1.3))) == 4


def test_settings_of_the_client_are_honoured(sounds):
    given_ms = sensitivity(silence_ms=400, prefix_ms=300, eager_start=True, eager_end=True)
    _, end = found(sounds.speech_like(1) + sounds.silence(1), given_ms)
    assert end.offset_s == pytest.approx(1.4, abs=0.08)
    assert found(sounds.speech_like(0.3) + sounds.silence(1), given_ms) == []
    lazy = sensitivity(silence_ms=None, prefix_ms=None, eager_start=False, eager_end=False)
    assert found(sounds.speech_like(1, level=250) + sounds.silence(3), lazy) == []
    assert found(sounds.speech_like(1, level=250) + sounds.silence(3)) != []
    assert found(sounds.speech_like(1) + sounds.silence(3), lazy)[1].offset_s == pytest.approx(2.8, abs=0.1)


def test_the_end_of_the_stream_ends_speech_at_once(sounds):
    ears = Ears(DEFAULT)
    ears.feed(sounds.speech_like(0.5))
    (end,) = ears.end_stream()
    assert isinstance(end, SpeechEnded)
    assert end.offset_s == pytest.approx(0.5)
    assert ears.end_stream() == []
    assert not ears.speaking


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100, 48_000])
def test_other_rates_keep_the_clock(sounds, rate_hz):
    pcm = sounds.silence(0.5, rate_hz) + sounds.speech_like(1, rate_hz) + sounds.silence(2, rate_hz)
    start, end = found(pcm, rate_hz=rate_hz, step=882)
    assert start.offset_s == pytest.approx(0.5, abs=0.02)
    assert end.offset_s == pytest.approx(2.7, abs=0.1)


@given(st.lists(st.integers(100, 3000), min_size=1, max_size=8))
def test_the_size_of_messages_does_not_matter(sizes):
    rng = np.random.default_rng(3)
    syllables = (np.arange(40_000) % 2880) < 1920
    pcm = (rng.normal(0, 3000, 40_000) * syllables).astype("<i2").tobytes() + bytes(50_000)
    ears, events, at = Ears(DEFAULT), [], 0
    while at < len(pcm):
        size = 2 * sizes[len(events) % len(sizes)]
        events += ears.feed(pcm[at : at + size])
        at += size
    assert events == Ears(DEFAULT).feed(pcm)
    assert ears.heard_s == 4.06


@given(st.lists(st.integers(0, 500), max_size=10), st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000]))
def test_resampling_in_pieces_equals_resampling_at_once(sizes, rate_hz):
    samples = np.sin(np.arange(sum(sizes)) / 20).astype(np.float32)
    pieces, at, piecewise = Resampler(rate_hz, 16_000), 0, [np.zeros(0, np.float32)]
    for size in sizes:
        piecewise.append(pieces.feed(samples[at : at + size]))
        at += size
    whole = np.concatenate(piecewise)
    np.testing.assert_array_equal(whole, Resampler(rate_hz, 16_000).feed(samples))
    expected = max(0, len(samples) - 1) * 16_000 / rate_hz
    assert abs(len(whole) - expected) <= 1
    np.testing.assert_allclose(whole, np.sin(np.arange(len(whole)) * rate_hz / 16_000 / 20), atol=0.002)


def test_excerpts_join_without_a_seam():
    samples = np.sin(np.arange(2205) / 20).astype(np.float32)
    whole = excerpt(samples, 22_050, 24_000, 0, 2400)
    parts = [excerpt(samples, 22_050, 24_000, start, 100) for start in range(0, 2400, 100)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert not excerpt(samples, 22_050, 24_000, 9600, 100).any()
    assert len(excerpt(samples, 22_050, 24_000, 0, 0)) == 0
