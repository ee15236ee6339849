"""What a sound card's speaker tells of what it played, held against what the virtual card heard."""

import asyncio
import struct
import threading
from collections.abc import Callable
from functools import partial
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.audio.cardspeaker import CardSpeaker
from flashlive_cli.audio.devices import find_device
from flashlive_cli.clock import Clock
from flashlive_cli.pcm import SILENCE_DBFS, WIRE_OUT, PcmFormat

pytestmark = [pytest.mark.xdist_group("sound card"), pytest.mark.timeout(120)]  # one at a time: sound has deadlines

Samples = npt.NDArray[np.int16]
FORMATS = pytest.mark.parametrize("pcm", [WIRE_OUT, PcmFormat(48_000, 2), PcmFormat(44_100)], ids=str)
EDGE = 40
"""Samples in which a resampler rings where a dyed reply begins or ends."""


def dyed(dye: int, ms: float) -> bytes:
    return struct.pack("<h", dye) * WIRE_OUT.frames_of_ms(ms)


class Ears:
    """A speaker on the card, and what it tells."""

    def __init__(self, speaker: CardSpeaker, clock: Clock) -> None:
        self.speaker = speaker
        self.clock = clock
        self.pieces: list[tuple[float, Samples]] = []
        self.started_s: list[float] = []
        self._thread = threading.get_ident()
        speaker.listen(self.started_s.append, lambda _: None)
        speaker.on_played = self._played

    def _played(self, pcm: bytes, when_s: float) -> None:
        assert threading.get_ident() == self._thread
        assert 0 < len(pcm) <= WIRE_OUT.bytes_of_ms(501)
        self.pieces.append((when_s, np.frombuffer(pcm, "<i2")))

    @property
    def sound(self) -> Samples:
        return np.concatenate([samples for _, samples in self.pieces] or [np.zeros(0, np.int16)])

    def replies(self) -> list[tuple[float, Samples]]:
        """Join the pieces that fit each other to 1 us."""
        runs: list[tuple[float, Samples]] = []
        for when_s, samples in self.pieces:
            if runs and abs(runs[-1][0] + runs[-1][1].size / WIRE_OUT.rate_hz - when_s) < 1e-6:
                runs[-1] = runs[-1][0], np.concatenate((runs[-1][1], samples))
            else:
                runs.append((when_s, samples))
        return runs


async def opened(**options: Any) -> Ears:
    device = await asyncio.to_thread(find_device, None, output=True)
    clock = Clock()
    speaker = await CardSpeaker.open(clock, device, lost=lambda _: None, **options)
    await until(
        lambda: speaker._played_by.stream.beats > 100
    )  # a device that was just opened takes its first blocks at once
    return Ears(speaker, clock)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.002)


def heard_in(tape: IO[bytes]) -> Samples:
    tape.seek(0)
    return np.frombuffer(tape.read(), "<i2")


@FORMATS
async def test_replies_are_told_whole_at_the_times_at_which_they_sounded(rig: Any, pcm: PcmFormat) -> None:
    with rig.recorded(24_000) as tape:
        ears = await opened(formats=[pcm])
        for dye in (2000, 5000):
            ears.speaker.write(dyed(dye, 700))
            await ears.speaker.drained()
            await asyncio.sleep(0.3)  # a pause of which nothing must come
        await ears.speaker.close()
        await asyncio.sleep(0.2)
        heard = heard_in(tape)

    (first_s, first), (second_s, second) = ears.replies()
    assert [first_s, second_s] == ears.started_s
    for dye, samples in ((2000, first), (5000, second)):
        assert samples.size == pytest.approx(16_800, abs=1)
        assert set(samples[EDGE:-EDGE]) == {dye}
    onsets = [int(np.flatnonzero(heard > level)[0]) for level in (1000, 3500)]
    assert second_s - first_s == pytest.approx((onsets[1] - onsets[0]) / 24_000, abs=0.03)


async def test_replies_that_follow_each_other_are_told_without_a_gap_and_by_their_own_times(rig: Any) -> None:
    ears = await opened()
    for dye in (1, 2, 3):
        ears.speaker.write(dyed(dye, 333))
        ears.speaker.complete()
    await ears.speaker.drained()
    await ears.speaker.close()

    assert ears.sound.tolist() == [1] * 7992 + [2] * 7992 + [3] * 7992
    assert len(ears.started_s) == 3
    for began_s, dye in zip(ears.started_s, (1, 2, 3), strict=True):
        assert [samples[0] for when_s, samples in ears.pieces if when_s == began_s] == [dye]
    assert np.diff(ears.started_s) == pytest.approx(0.333, abs=0.03)


async def test_a_reply_that_runs_dry_gets_another_time_when_it_goes_on(rig: Any) -> None:
    ears = await opened()
    ears.speaker.write(dyed(12_000, 200))
    await until(lambda: ears.speaker.underruns)
    await asyncio.sleep(0.3)
    ears.speaker.write(dyed(12_000, 300))
    await ears.speaker.drained()
    await ears.speaker.close()

    (first_s, first), (second_s, second) = ears.replies()
    assert [first_s, second_s] == ears.started_s
    assert first.size + second.size == 12_000
    assert first[-1] == 12_000 // 120  # it was faded
    assert second_s - first_s - first.size / 24_000 > 0.25


async def test_pieces_come_while_a_reply_sounds_and_never_before_they_have(rig: Any) -> None:
    ears = await opened()
    ears.speaker.write(dyed(1, 10_000))
    await until(lambda: ears.sound.size > 12_000)
    assert len(ears.pieces) > 1
    assert all(when_s + samples.size / 24_000 <= ears.clock.now() for when_s, samples in ears.pieces)
    assert ears.speaker.sounding
    await ears.speaker.close()


@FORMATS
async def test_with_a_flush_all_that_was_played_is_told_and_of_the_rest_only_the_fade(rig: Any, pcm: PcmFormat) -> None:
    ears = await opened(formats=[pcm])
    for dye in (12_000, 9000):
        ears.speaker.write(dyed(dye, 10_000))
        enough = ears.sound.size + 7000
        await until(partial(lambda frames: ears.speaker.played_frames >= frames, enough))
        ears.speaker.flush()
        assert ears.sound.size >= enough - 150  # all but what the resampler holds back, and a block
        await until(lambda: not ears.speaker.sounding)
    await ears.speaker.close()

    sound = ears.sound
    assert sound.size == pytest.approx(ears.speaker.played_frames, abs=3)
    second = int(np.flatnonzero(np.abs(sound[1:].astype(int) - sound[:-1]) > 4000)[0]) + 1
    for dye, samples in ((12_000, sound[:second]), (9000, sound[second:])):
        assert set(samples[EDGE : -120 - EDGE]) == {dye}
        assert np.median(samples[-120:-100]) > 0.8 * dye
        assert abs(samples[-1]) < 0.1 * dye


async def test_what_a_slow_device_held_when_it_was_emptied_is_not_told(rig: Any) -> None:
    with rig.recorded(24_000) as tape:
        ears = await opened(latency=0.2)
        ears.speaker.write(dyed(12_000, 10_000))
        await until(lambda: ears.speaker.played_frames > 24_000)
        ears.speaker.flush()
        told = ears.sound.size
        await asyncio.sleep(0.6)
        await ears.speaker.close()
        heard = heard_in(tape)

    assert ears.speaker.latency_s > 0.06
    assert told < ears.speaker.played_frames - 0.5 * ears.speaker.latency_s * 24_000
    assert ears.sound.size - told <= 240  # the fade, and a block that was under way
    assert np.count_nonzero(heard > 6000) == pytest.approx(told, abs=0.08 * 24_000)


async def test_the_meter_shows_what_sounds(rig: Any) -> None:
    ears = await opened(formats=[PcmFormat(48_000, 8)])
    assert ears.speaker.level_dbfs == SILENCE_DBFS
    ears.speaker.write(dyed(3277, 500))
    await until(lambda: ears.speaker.sounding)
    await until(lambda: ears.speaker.played_frames > 2400)
    assert ears.speaker.level_dbfs == pytest.approx(-20, abs=0.2)
    await ears.speaker.drained()
    assert ears.speaker.level_dbfs == SILENCE_DBFS
    await ears.speaker.close()
