"""What was really played: in order, complete, and each piece at the time at which it sounded."""

import asyncio
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.audio import tap as taps
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.audio.programspeaker import ProgramSpeaker
from flashlive_cli.audio.tap import Tap
from flashlive_cli.clock import Clock
from flashlive_cli.pcm import SILENCE_DBFS, WIRE_OUT, PcmFormat

FORMATS = [WIRE_OUT, PcmFormat(48_000), PcmFormat(24_000, 2), PcmFormat(44_100, 8)]
STEP_S = 0.005


def dyed(dye: int, ms: float, pcm: PcmFormat = WIRE_OUT) -> bytes:
    return struct.pack("<h", dye) * pcm.channels * pcm.frames_of_ms(ms)


class Tape:
    """Takes what was played; knows the thread it was made in."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, np.ndarray[Any, np.dtype[np.int16]]]] = []
        self._thread = threading.get_ident()

    def __call__(self, pcm: bytes, when_s: float) -> None:
        assert threading.get_ident() == self._thread
        assert 0 < len(pcm) <= WIRE_OUT.bytes_of_ms(501)  # a reply's last piece has what the filter held back
        self.pieces.append((when_s, np.frombuffer(pcm, "<i2")))

    @property
    def sound(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        return np.concatenate([samples for _, samples in self.pieces] or [np.zeros(0, np.int16)])

    def replies(self) -> list[tuple[float, list[int]]]:
        """Join the pieces that fit each other: when each run of sound began, and its samples."""
        runs: list[tuple[float, list[int]]] = []
        for when_s, samples in self.pieces:
            if runs and abs(runs[-1][0] + len(runs[-1][1]) / WIRE_OUT.rate_hz - when_s) < 1e-6:
                runs[-1][1].extend(samples.tolist())
            else:
                runs.append((when_s, samples.tolist()))
        return runs


def tapped(pcm: PcmFormat = WIRE_OUT, *, bounded: bool = False) -> tuple[Tap, Tape]:
    tape = Tape()
    return Tap(Clock(), pcm, tape, bounded=bounded), tape


@pytest.mark.parametrize("pcm", FORMATS, ids=str)
async def test_replies_come_at_24_khz_mono_with_times_that_fit(pcm: PcmFormat) -> None:
    tap, tape = tapped(pcm)
    for reply, when_s in enumerate((10.0, 20.5)):
        tap.begin(0, when_s)
        for _ in range(60):
            tap.write(dyed(1000 * (reply + 1), 20, pcm))
            tap.deliver()
        tap.end()
    tap.close()

    assert [when_s for when_s, _ in tape.replies()] == [10.0, 20.5]
    for reply, (_, samples) in enumerate(tape.replies()):
        assert len(samples) == 28_800
        assert set(samples[100:-100]) == {1000 * (reply + 1)}  # a resampler rings where a square begins


async def test_a_reply_that_begins_within_a_block_has_a_time_of_its_own() -> None:
    tap, tape = tapped()
    tap.begin(0, 1.0)
    tap.write(dyed(1, 5))
    tap.begin(48, 2.0)
    tap.write(dyed(1, 2) + dyed(2, 3))
    tap.close()
    assert [(when_s, set(samples), len(samples)) for when_s, samples in tape.replies()] == [
        (1.0, {1}, 168),
        (2.0, {2}, 72),
    ]


async def test_only_what_has_sounded_is_delivered_before_its_time() -> None:
    tap, tape = tapped()
    tap.begin(0, 1.0)
    tap.write(dyed(1, 100))
    tap.deliver(0.9)
    assert not tape.pieces
    tap.deliver(1.05)
    assert tape.sound.size == 1200
    tap.deliver(1.05)
    assert tape.sound.size == 1200
    tap.close()
    assert tape.sound.size == 2400


async def test_what_an_emptied_device_held_is_never_delivered_and_what_follows_keeps_its_time() -> None:
    now = [0.0]
    tape = Tape()
    tap = Tap(Clock(source=lambda: now[0]), WIRE_OUT, tape, bounded=True)
    now[0] = 1.05
    tap.begin(0, 1.0)
    tap.write(dyed(1, 200))
    tap.forget()
    assert tape.sound.size == 1200
    tap.write(dyed(2, 5))  # the fade
    tap.end()
    tap.begin(0, 3.0)
    tap.write(dyed(3, 5))
    tap.close()
    assert [when_s for when_s, _ in tape.replies()] == pytest.approx([1.0, 1.2, 3.0])
    assert [set(samples) for _, samples in tape.replies()] == [{1}, {2}, {3}]


@pytest.mark.parametrize("pcm", FORMATS, ids=str)
async def test_sound_that_is_lost_to_a_loop_that_hangs_moves_no_other(pcm: PcmFormat) -> None:
    tap, tape = tapped(pcm, bounded=True)
    lost_s = 2.0
    tap.begin(0, 1.0)
    tap.write(dyed(1000, 1000, pcm))
    tap.deliver()
    tap.write(dyed(2000, 1000 * lost_s, pcm))
    tap.write(dyed(3000, 1000 * taps.ROOM_S, pcm))
    tap.close()
    assert {2000} & set(tape.sound.tolist()) == set()
    (first_s, _), (second_s, second) = tape.replies()
    assert first_s == 1.0
    assert second_s == pytest.approx(2.0 + lost_s)
    assert len(second) == pytest.approx(taps.ROOM_S * WIRE_OUT.rate_hz, abs=1)


async def test_a_whole_reply_that_is_lost_takes_its_time_with_it() -> None:
    tap, tape = tapped(bounded=True)
    for reply in range(4):
        tap.begin(0, 10.0 * reply)
        tap.write(dyed(reply + 1, 1500))
        tap.end()
    tap.close()
    assert [(when_s, set(samples), len(samples)) for when_s, samples in tape.replies()] == [
        (pytest.approx(10.5), {2}, 24_000),
        (20.0, {3}, 36_000),
        (30.0, {4}, 36_000),
    ]


async def test_it_begins_with_the_next_reply() -> None:
    tap, tape = tapped()
    tap.write(dyed(1, 50))
    tap.end()
    tap.deliver()
    tap.begin(0, 1.0)
    tap.write(dyed(2, 50))
    tap.close()
    assert set(tape.sound.tolist()) == {2}


async def test_it_delivers_by_itself_and_no_more_once_closed() -> None:
    tap, tape = tapped()
    tap.begin(0, 0.0)
    tap.write(dyed(1, 10))
    async with asyncio.timeout(20):
        while not tape.pieces:
            await asyncio.sleep(0.01)
    tap.close()
    assert tap._timer.cancelled()


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "write", "deliver"]), st.integers(0, 3000))))
def test_every_frame_of_a_reply_comes_once_at_its_own_time(steps: list[tuple[str, int]]) -> None:
    """Each frame's dye tells when it should have sounded."""

    async def play() -> None:
        tap, tape = tapped()
        expected: list[tuple[float, int]] = []
        begun: tuple[int, int] | None = None  # the reply's number, its frames
        n_replies = 0
        for step, amount in steps:
            match step:
                case "begin":
                    n_replies += 1
                    begun = (n_replies, 0)
                    tap.begin(0, 1000.0 * n_replies)
                case "end":
                    begun = None
                    tap.end()
                case "write":
                    samples = [n % 30_000 + 1 for n in range(len(expected), len(expected) + amount)]
                    tap.write(np.array(samples, "<i2").tobytes())
                    if begun is not None:
                        reply, n_frames = begun
                        expected.extend(
                            (1000.0 * reply + (n_frames + n) / WIRE_OUT.rate_hz, sample)
                            for n, sample in enumerate(samples)
                        )
                        begun = (reply, n_frames + amount)
                case _:
                    tap.deliver()
        tap.close()
        heard = [
            (when_s + n / WIRE_OUT.rate_hz, int(sample))
            for when_s, samples in tape.pieces
            for n, sample in enumerate(samples)
        ]
        assert [sample for _, sample in heard] == [sample for _, sample in expected]
        assert np.allclose([when_s for when_s, _ in heard], [when_s for when_s, _ in expected], rtol=0, atol=1e-6)

    asyncio.run(play())


# speakers without a sound card


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.002)


@pytest.fixture(params=["file", "program"])
def opens(request: pytest.FixtureRequest) -> Callable[[Clock], WavSpeaker | ProgramSpeaker]:
    if request.param == "file":
        return lambda clock: WavSpeaker.open(clock, None)
    if sys.platform == "win32":
        pytest.skip("cat is POSIX's")
    return lambda clock: ProgramSpeaker(clock, "cat", lost=lambda _: None)


Opens = Callable[[Clock], WavSpeaker | ProgramSpeaker]


async def test_a_speaker_delivers_what_it_played_reply_by_reply_when_it_sounded(opens: Opens) -> None:
    clock, tape = Clock(), Tape()
    started: list[float] = []
    speaker = opens(clock)
    speaker.listen(started.append, lambda _: None)
    speaker.on_played = tape
    try:
        for dye in (1, 2):
            speaker.write(dyed(dye, 700))
            await speaker.drained()
            await clock.sleep(0.1)  # a pause of which nothing must come
    finally:
        await speaker.close()
    runs = tape.replies()
    assert [(set(samples), len(samples)) for _, samples in runs] == [({1}, 16_800), ({2}, 16_800)]
    assert [when_s for when_s, _ in runs] == started
    assert speaker.underruns == 0


async def test_a_speaker_delivers_while_it_plays(opens: Opens) -> None:
    clock, tape = Clock(), Tape()
    speaker = opens(clock)
    speaker.on_played = tape
    try:
        speaker.write(dyed(1, 60_000))
        await until(lambda: tape.sound.size > 12_000)
        assert all(when_s + len(samples) / WIRE_OUT.rate_hz <= clock.now() for when_s, samples in tape.pieces)
    finally:
        await speaker.close()


async def test_with_a_flush_all_that_was_played_is_delivered_and_what_was_dropped_never(opens: Opens) -> None:
    tape = Tape()
    speaker = opens(Clock())
    speaker.on_played = tape
    try:
        speaker.write(dyed(12_000, 60_000))
        await until(lambda: speaker.played_frames)
        dropped = speaker.flush()
        at_once = tape.sound
        assert set(at_once.tolist()) == {12_000}
        assert at_once.size >= speaker.played_frames - 600  # a thread may have played one block more meanwhile
        speaker.write(dyed(7, 100))
        await speaker.drained()
    finally:
        await speaker.close()
    sound = tape.sound.tolist()
    assert len(sound) == speaker.played_frames == WIRE_OUT.frames_of_ms(60_100) - dropped
    assert set(sound[-2400:]) == {7}
    fade = sound[-2400 - 120 : -2400]
    assert fade[0] == 12_000
    assert fade[-1] == 0
    assert set(sound[: -2400 - 120]) == {12_000}


async def test_without_anybody_to_tell_nothing_is_kept(opens: Opens) -> None:
    tape = Tape()
    speaker = opens(Clock())
    try:
        assert speaker.on_played is None
        assert speaker._playout.tap is None
        speaker.on_played = tape
        assert speaker.on_played is tape
        speaker.write(dyed(1, 100))
        await speaker.drained()
        speaker.on_played = None
        assert tape.sound.size == 2400
        assert speaker._playout.tap is None
        speaker.write(dyed(2, 100))
        await speaker.drained()
    finally:
        await speaker.close()
    assert tape.sound.size == 2400


async def test_a_speaker_shows_how_loud_it_is(opens: Opens) -> None:
    speaker = opens(Clock())
    try:
        assert speaker.level_dbfs == SILENCE_DBFS
        speaker.write(dyed(3277, 60_000))
        await until(lambda: speaker.sounding)
        assert speaker.level_dbfs == pytest.approx(-20, abs=0.01)
        speaker.flush()
        await speaker.drained()
        assert speaker.level_dbfs == SILENCE_DBFS
    finally:
        await speaker.close()


async def test_ten_minutes_at_five_thousand_times_the_speed_are_delivered_whole(tmp_path: Path) -> None:
    tape = Tape()
    speaker = WavSpeaker.open(Clock(speed=5000), tmp_path / "x.wav")
    speaker.on_played = tape
    for dye in range(1, 11):
        speaker.write(dyed(dye, 60_000))
        speaker.complete()
    await speaker.drained()
    await speaker.close()
    assert tape.sound.size == 600 * WIRE_OUT.rate_hz
    assert np.all(np.diff(tape.sound) >= 0)
    assert [len(samples) for _, samples in tape.replies()] in ([600 * WIRE_OUT.rate_hz], [60 * WIRE_OUT.rate_hz] * 10)
