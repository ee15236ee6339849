"""Where sound belongs on a timeline: jitter, stalls, gaps, and clocks that are off."""

import itertools
import tracemalloc
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.audio.rates import Resampler
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT, PcmFormat
from flashlive_cli.recording.track import Track

Timeline = npt.NDArray[np.int16]


def upsampler() -> Resampler:
    return Resampler(16_000, 24_000)


def timeline(track: Track, pieces: Iterable[tuple[npt.NDArray[np.int16], float, float]], seconds: float) -> Timeline:
    """What a track lays when it is handed (sound, stamp, time of handing over), looked at ten times a second."""
    sound = np.zeros(round(seconds * 24_000) + 24_000, np.int16)
    looked_s = 0.0
    for samples, start_s, now in pieces:
        track.take(samples.tobytes(), start_s, now)
        if now - looked_s >= 0.1:
            looked_s = now
            for laid in track.settle(now):
                sound[laid.frame : laid.frame + laid.samples.size] = laid.samples
    for laid in track.settle(seconds, all_of_it=True):
        sound[laid.frame : laid.frame + laid.samples.size] = laid.samples
    return sound


def dyed(n: int, count: int, size: int = 480) -> list[npt.NDArray[np.int16]]:
    """Pieces of 20 ms at 24 kHz, each of one value: 1000, 1001 …"""
    return [np.full(size, 1000 + n + i, np.int16) for i in range(count)]


def blocks(sound: Timeline) -> list[tuple[int, int, int]]:
    """Runs of one value other than silence: value, first frame, length."""
    edges = np.flatnonzero(np.diff(sound, prepend=0, append=0))
    found = zip(edges, np.diff(edges, append=sound.size), strict=True)
    return [(int(sound[at]), int(at), int(n)) for at, n in found if at < sound.size and sound[at]]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("noise", [3, 3000], ids=["quiet", "noise"])
@pytest.mark.parametrize(
    ("pcm", "ppm"), [(WIRE_IN, 150), (WIRE_OUT, -150)], ids=["a fast microphone", "a slow speaker"]
)
def test_an_hour_with_a_clock_that_is_off_stays_within_20_ms(pcm: PcmFormat, ppm: float, noise: int) -> None:
    """Markers in the sound are found where they really sounded, at any time."""
    rng = np.random.default_rng(1)
    true_rate = pcm.rate_hz * (1 + ppm / 1e6)
    n = pcm.rate_hz // 50
    track = Track(pcm, upsampler if pcm is WIRE_IN else None)
    errors_ms: list[float] = []
    marks: list[float] = []
    recent = np.zeros(0, np.int16)  # the last seconds of the timeline, from frame `base`
    base = 0
    for index in range(round(3600 * true_rate / n)):
        samples = (rng.standard_normal(n) * noise).astype(np.int16)
        if index % 500 == 250:
            samples[n // 2 - 2 : n // 2 + 2] = 30_000
            marks.append((index * n + n / 2) / true_rate)
        read_s = (index + 1) * n / true_rate
        track.take(samples.tobytes(), read_s + rng.uniform(-0.008, 0.008) - n / pcm.rate_hz, read_s)
        if index % 10:
            continue
        for laid in track.settle(read_s):
            assert laid.frame == base + recent.size, "no hole, nothing over another"
            recent = np.concatenate((recent, laid.samples))
        if recent.size > 24_000 * 30:
            base, recent = base + recent.size - 24_000 * 5, recent[-24_000 * 5 :]
        if marks and (base + recent.size) / 24_000 > marks[0] + 0.1:
            mark_s = marks.pop(0)
            near = recent[max(0, round((mark_s - 0.05) * 24_000) - base) :][:2400]
            found = np.flatnonzero(near > 17_000).mean() + round((mark_s - 0.05) * 24_000)
            errors_ms.append((found / 24_000 - mark_s) * 1000)

    assert len(errors_ms) >= 358
    assert max(map(abs, errors_ms)) < 12


def test_memory_does_not_grow_with_the_talk() -> None:
    track = Track(WIRE_IN, upsampler)
    tracemalloc.start()
    for index in range(50 * 120):
        track.take(bytes(640), index / 50, (index + 1) / 50)
        if not index % 10:
            track.settle((index + 1) / 50)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert held < 2e6


def test_pieces_that_jitter_are_laid_seamlessly() -> None:
    rng = np.random.default_rng(2)
    pieces = [(p, 1 + 0.02 * i + rng.uniform(-0.008, 0.008), 1.02 + 0.02 * i) for i, p in enumerate(dyed(0, 30))]

    found = blocks(timeline(Track(WIRE_OUT), pieces, 3))

    assert [value for value, _, _ in found] == list(range(1000, 1030))
    assert all(a + n == b for (_, a, n), (_, b, _) in itertools.pairwise(found))
    assert found[0][1] == pytest.approx(24_000, abs=24_000 * 0.008)


def test_a_stall_makes_no_hole_although_what_it_held_back_comes_late_and_at_once() -> None:
    """The reader hung for 160 ms: the stamps of what it then reads are all late but the last one's."""
    pieces = []
    for i, piece in enumerate(dyed(0, 50)):
        read_s = 0.02 * (i + 1)
        read_s = 0.66 if 0.5 < read_s < 0.66 else read_s
        pieces.append((piece, read_s - 0.02, read_s))

    found = blocks(timeline(Track(WIRE_OUT), pieces, 2))

    assert found == [(1000 + i, 480 * i, 480) for i in range(50)]


def test_what_was_held_back_for_seconds_is_put_where_it_was_said() -> None:
    """After a move to another connection two seconds of microphone come at once."""
    pieces = [(p, 0.02 * i, 0.02 * (i + 1)) for i, p in enumerate(dyed(0, 50))]
    pieces += [(p, 3.0 - 0.02, 3.0) for p in dyed(50, 100)]
    pieces += [(p, 3.0 + 0.02 * i, 3.02 + 0.02 * i) for i, p in enumerate(dyed(150, 20))]

    found = blocks(timeline(Track(WIRE_OUT), pieces, 4))

    assert found == [(1000 + i, 480 * i, 480) for i in range(170)]


def test_a_gap_becomes_silence() -> None:
    pieces = [(p, 0.02 * i, 0.02 * (i + 1)) for i, p in enumerate(dyed(0, 20))]
    pieces += [(p, 2.5 + 0.02 * i, 2.52 + 0.02 * i) for i, p in enumerate(dyed(20, 20))]

    found = blocks(timeline(Track(WIRE_OUT), pieces, 4))

    assert found[:20] == [(1000 + i, 480 * i, 480) for i in range(20)]
    assert found[20:] == [(1020 + i, 60_000 + 480 * i, 480) for i in range(20)]


def test_a_lost_piece_leaves_its_hole() -> None:
    pieces = [(p, 0.02 * i, 0.02 * (i + 1)) for i, p in enumerate(dyed(0, 40)) if i not in {20, 21}]

    found = blocks(timeline(Track(WIRE_OUT), pieces, 2))

    assert found == [(1000 + i, 480 * i, 480) for i in range(40) if i not in {20, 21}]


def test_upsampled_sound_keeps_its_place_and_pitch() -> None:
    t = np.arange(16_000) / 16_000
    tone = (10_000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    pieces = [(tone[i : i + 320], 1 + i / 16_000, 1 + (i + 320) / 16_000) for i in range(0, 16_000, 320)]

    sound = timeline(Track(WIRE_IN, upsampler), pieces, 3)

    expected = 10_000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)
    assert np.abs(sound[24_200:47_800] - expected[200:-200]).max() < 60
    assert not sound[:23_900].any()
    assert not sound[48_100:].any()


def test_a_clock_that_runs_fast_has_patience_in_proportion() -> None:
    """At --speed 50, 5 ms of the wall's jitter are a quarter of a second of the talk."""
    rng = np.random.default_rng(3)
    pieces = []
    for i, piece in enumerate(dyed(0, 500)):
        read_s = 0.02 * (i + 1) + rng.uniform(0, 0.25)
        pieces.append((piece, read_s - 0.02, read_s))

    found = blocks(timeline(Track(WIRE_OUT, speed=50), pieces, 15))

    assert [value for value, _, _ in found] == list(range(1000, 1500))
    assert all(a + n == b for (_, a, n), (_, b, _) in itertools.pairwise(found))


@pytest.mark.parametrize("size", [1, 37, 240, 24_000])
def test_pieces_of_any_length_are_laid(size: int) -> None:
    n = max(1, 48_000 // size)
    pieces = [(np.full(size, 7, np.int16), i * size / 24_000, (i + 1) * size / 24_000) for i in range(min(n, 2000))]

    sound = timeline(Track(WIRE_OUT), pieces, 3)

    assert np.count_nonzero(sound) == size * len(pieces)


def test_sound_from_before_the_beginning_is_laid_there() -> None:
    sound = timeline(Track(WIRE_OUT), [(np.full(480, 9, np.int16), -0.01, 0.01)], 1)

    assert blocks(sound) == [(9, 0, 480)]
