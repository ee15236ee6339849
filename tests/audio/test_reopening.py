"""Devices that vanish and come back, or others in their place: real PortAudio on a sound server killed for real."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.audio import recovery as recovery_module
from flashlive_cli.audio import stream
from flashlive_cli.audio.cardmic import CardMicrophone
from flashlive_cli.audio.cardspeaker import CardSpeaker
from flashlive_cli.audio.devices import find_device
from flashlive_cli.audio.ear import Ear
from flashlive_cli.audio.recovery import Recovery, Side
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import WIRE_OUT, PcmFormat

pytestmark = [pytest.mark.xdist_group("sound card"), pytest.mark.timeout(120)]  # one at a time: sound has deadlines


def unexpected(error: DeviceError) -> None:
    raise AssertionError(error)


def dyed(dye: int, seconds: float) -> bytes:
    return np.full(round(24_000 * seconds), dye, "<i2").tobytes()


async def until(true: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


class Cared:
    """Both ends on the card, their recovery, and what it said; the microphone is read all the while."""

    def __init__(self) -> None:
        self.news: list[tuple[str, Side, float]] = []
        self.given_up: list[DeviceError] = []
        self.chunks: list[tuple[float, bytes]] = []
        self.loop = asyncio.get_running_loop()

    def told(self, what: str) -> list[Side]:
        return [side for word, side, _ in self.news if word == what]

    @property
    def is_well(self) -> bool:
        return bool(self.news) and len(self.told("lost")) == len(self.told("back"))

    async def read(self) -> None:
        while True:
            chunk = await self.microphone.read()
            self.chunks.append((self.loop.time(), chunk))

    @asynccontextmanager
    async def open(self, patience_s: float = 30) -> AsyncIterator["Cared"]:
        now = self.loop.time
        recovery = Recovery(
            on_lost=lambda side, _name, _reason: self.news.append(("lost", side, now())),
            on_back=lambda side, _seconds: self.news.append(("back", side, now())),
            gave_up=self.given_up.append,
            patience_s=patience_s,
        )
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            speaks = await asyncio.to_thread(find_device, None, output=True)
            self.speaker = await CardSpeaker.open(Clock(), speaks, lost=partial(recovery.lost, "speaker"))
            stack.push_async_callback(self.speaker.close)
            recovery.watch("speaker", self.speaker, None)
            hears = await asyncio.to_thread(find_device, None, output=False)
            self.microphone = await CardMicrophone.open(
                Clock(), hears, Ear(), lost=partial(recovery.lost, "microphone")
            )
            stack.push_async_callback(self.microphone.close)
            recovery.watch("microphone", self.microphone, None)
            await stack.enter_async_context(recovery.running())
            reading = tasks.create_task(self.read())
            await until(lambda: len(self.chunks) > 25)
            yield self
            reading.cancel()


@pytest.fixture(autouse=True)
def _nothing_is_left(rig: Any) -> Any:
    """Neither a thread of ours nor a stream of PortAudio outlives a test."""
    yield
    rig.daemon.send_signal(signal.SIGCONT)
    for thread in threading.enumerate():
        if thread.name.startswith("flashlive-"):
            thread.join(10)
            assert not thread.is_alive(), thread.name
    assert not stream._there
    assert not stream.driver_hangs()


async def test_a_sound_server_that_is_killed_and_started_again_costs_the_microphone_the_gap_and_the_speaker_nothing(
    rig: Any,
) -> None:
    async with Cared().open() as cared:
        cared.speaker.write(dyed(1000, 1.5) + dyed(3000, 1.5))
        cared.speaker.complete()
        await until(lambda: cared.speaker.played_frames > 12_000)
        killed_s = cared.loop.time()
        rig.kill()
        await until(lambda: len(cared.news) == 2)
        assert cared.loop.time() - killed_s < 0.5
        assert not cared.speaker.sounding
        played = cared.speaker.played_frames
        cared.speaker.write(dyed(5000, 1.0))  # what comes meanwhile is kept
        await asyncio.sleep(1.5)
        assert cared.speaker.played_frames == played
        rig.start()
        with rig.recorded() as tape:
            await until(lambda: cared.is_well)
            await cared.speaker.drained()
            await asyncio.sleep(0.3)
            tape.seek(0)
            heard = np.frombuffer(tape.read(), "<i2")
        back_s = cared.loop.time()

    assert sorted(cared.told("lost")) == sorted(cared.told("back")) == ["microphone", "speaker"]
    assert cared.speaker.played_frames == 4 * 24_000  # the last second and the first three
    counts = [np.count_nonzero(np.abs(heard.astype(int) - dye) < 200) / 24_000 for dye in (3000, 5000)]
    assert counts == pytest.approx([1.5, 1.0], abs=0.4)  # the recorder may begin late
    gone_s = next(when for word, _, when in cared.news if word == "back") - killed_s
    assert 1000 * gone_s - 400 < cared.microphone.lost_ms < 1000 * (back_s - killed_s)
    within = [when for when, _ in cared.chunks if killed_s + 0.5 < when < killed_s + 1.5]
    assert len(within) == pytest.approx(50, abs=5)  # silence at the pace of time
    assert max(np.diff([when for when, _ in cared.chunks])) < 0.6


async def test_a_sound_server_that_freezes_is_noticed_within_two_seconds_and_used_again_when_it_thaws(rig: Any) -> None:
    async with Cared().open() as cared:
        frozen_s = cared.loop.time()
        rig.daemon.send_signal(signal.SIGSTOP)
        await until(lambda: len(cared.told("lost")) == 2)
        assert max(when for _, _, when in cared.news) - frozen_s < 2
        await asyncio.sleep(max(0.0, frozen_s + 3 - cared.loop.time()))
        rig.daemon.send_signal(signal.SIGCONT)
        thawed_s = cared.loop.time()
        await until(lambda: cared.is_well)
        assert cared.loop.time() - thawed_s < 6
        cared.speaker.write(dyed(1000, 0.3))
        await cared.speaker.drained()
        await asyncio.sleep(0.5)

    assert cared.microphone.lost_ms > 2500
    # of the heap that the server kept nothing is handed on: no more chunks than there was time
    for second in range(8):
        began_s = frozen_s + second
        assert sum(began_s <= when < began_s + 1 for when, _ in cared.chunks) < 50 + 20


async def test_a_stall_too_short_to_be_a_loss_hands_on_no_heap_of_the_past(rig: Any) -> None:
    async with Cared().open() as cared:
        frozen_s = cared.loop.time()
        rig.daemon.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.8)
        rig.daemon.send_signal(signal.SIGCONT)
        await asyncio.sleep(1.5)
        n_chunks = sum(frozen_s <= when < frozen_s + 2 for when, _ in cared.chunks)

    assert n_chunks <= 100 + 16  # 300 ms of the past, and a chunk
    assert not cared.told("lost") or cared.is_well


async def test_a_sound_server_that_freezes_again_and_again_for_a_moment_is_reported_once(rig: Any) -> None:
    async with Cared().open() as cared:
        for _ in range(3):
            rig.daemon.send_signal(signal.SIGSTOP)
            await asyncio.sleep(1.7)
            rig.daemon.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.5)
            await until(lambda: not cared.news or cared.is_well)
            await asyncio.sleep(1.0)

    assert cared.told("lost").count("microphone") == cared.told("lost").count("speaker") == 1


async def test_a_speaker_that_goes_on_in_another_format_loses_no_frame_and_keeps_count(rig: Any) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    pieces: list[npt.NDArray[np.int16]] = []
    speaker = await CardSpeaker.open(Clock(), device, lost=unexpected)
    speaker.on_played = lambda pcm, _when_s: pieces.append(np.frombuffer(pcm, "<i2"))
    for dye in (1000, 3000):
        speaker.write(dyed(dye, 1))
        speaker.complete()
    speaker.write(dyed(5000, 0.5))
    for pcm in (PcmFormat(48_000, 2), PcmFormat(44_100), WIRE_OUT):
        played = speaker.played_frames
        await until(partial(lambda frames: speaker.played_frames > frames + 4800, played))
        before = speaker.played_frames
        await speaker.shut()
        await speaker.reopen(device, [pcm])
        assert speaker.pcm == pcm
        assert speaker.played_frames >= before
    speaker.write(dyed(5000, 0.5))
    await speaker.drained()
    await speaker.close()

    assert speaker.played_frames == pytest.approx(72_000, abs=12)
    sound = np.concatenate(pieces)
    for dye in (1000, 3000, 5000):
        assert np.count_nonzero(np.abs(sound.astype(int) - dye) < 50) == pytest.approx(24_000, abs=600)


async def test_what_is_flushed_while_there_is_no_device_is_never_heard(rig: Any) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    pieces: list[npt.NDArray[np.int16]] = []
    speaker = await CardSpeaker.open(Clock(), device, lost=unexpected)
    speaker.on_played = lambda pcm, _when_s: pieces.append(np.frombuffer(pcm, "<i2"))
    await speaker.shut()
    speaker.write(dyed(1000, 1))
    assert speaker.flush() == 24_000
    speaker.write(dyed(3000, 0.2))
    await speaker.reopen(device)
    await speaker.drained()
    await speaker.close()

    assert set(np.concatenate(pieces)) == {3000}


async def test_a_device_that_is_gone_for_good_is_given_up_in_time(rig: Any) -> None:
    async with Cared().open(patience_s=2) as cared:
        rig.kill()
        began_s = cared.loop.time()
        await until(lambda: cared.given_up)
        assert 2 < cared.loop.time() - began_s < 4

    [error] = cared.given_up
    assert "went away, and for 2 s nothing could take its place" in str(error)


async def test_a_microphone_plugged_in_later_is_found_though_the_speaker_works(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The speaker is shut for a moment, as PortAudio looks for devices only while no stream is open."""
    looks: list[float] = []

    async def look_anew(patience_s: float) -> bool:
        looks.append(asyncio.get_running_loop().time())
        return await stream.look_anew(patience_s)

    monkeypatch.setattr(recovery_module, "look_anew", look_anew)
    async with Cared().open() as cared:
        gone = "no device of that name"
        usual = await asyncio.to_thread(find_device, None, output=True)
        monkeypatch.setattr(
            recovery_module, "likely_devices", lambda _names, output: [usual] if output or looks[1:] else []
        )
        await cared.microphone.shut()
        cared.microphone._lost(DeviceError(gone))
        cared.speaker.write(dyed(1000, 6))
        cared.speaker.complete()
        await until(lambda: cared.is_well)
        await cared.speaker.drained()

    assert cared.told("lost") == cared.told("back") == ["microphone"]  # the speaker's moments are no loss
    assert len(looks) == 2
    assert looks[1] - looks[0] > 1.5
    assert cared.speaker.played_frames == 6 * 24_000
