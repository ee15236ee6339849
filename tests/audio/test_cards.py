"""Sound cards: real PortAudio on a virtual card, in formats the card was chosen to insist on."""

import asyncio
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.audio.cardmic import CardMicrophone
from flashlive_cli.audio.cardspeaker import CardSpeaker
from flashlive_cli.audio.devices import Device, find_device
from flashlive_cli.audio.ear import Ear
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, DeviceError
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT, PcmFormat

pytestmark = [pytest.mark.xdist_group("sound card"), pytest.mark.timeout(120)]  # one at a time: sound has deadlines

Sound = npt.NDArray[np.float64]


losses: list[DeviceError] = []
never = losses.append


@pytest.fixture(autouse=True)
def _nothing_is_lost() -> Iterator[None]:
    """A device that is said to be lost fails the test that did not expect it."""
    losses.clear()
    yield
    assert not losses


def tone(hz: float, seconds: float, rate_hz: int, amplitude: float = 8000) -> Sound:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)


def write_wav(path: Path, sound: Sound, rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(sound.astype("<i2").tobytes())
    return path


def level_db(sound: Sound, hz: float, rate_hz: int) -> float:
    """Level at a frequency, in dB below a full-scale sine."""
    window = np.hanning(sound.size)
    t = np.arange(sound.size) / rate_hz
    amplitude = 2 * abs(np.sum(sound * window * np.exp(-2j * np.pi * hz * t))) / window.sum()
    return float(20 * np.log10(max(amplitude, 1e-3) / 32768))


async def hear(card: Any, wav: Path, pcm: PcmFormat) -> Sound:
    """Play a WAV into the microphone, open in a format; return the loud second in the middle."""
    device = await asyncio.to_thread(find_device, None, output=False)
    microphone = await CardMicrophone.open(Clock(), device, Ear(), lost=never, formats=[pcm])
    playing = asyncio.get_running_loop().run_in_executor(None, card.speak, wav)
    chunks: list[bytes] = []
    while not playing.done():
        chunks.append(await microphone.read())
    await playing
    await microphone.close()
    assert microphone.pcm == pcm
    assert {len(chunk) for chunk in chunks} == {640}
    heard = np.frombuffer(b"".join(chunks), "<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(heard) > 20)
    middle = int(loud.mean()) if loud.size else heard.size // 2
    return heard[middle - 4000 : middle + 4000]


@pytest.mark.parametrize("pcm", [WIRE_IN, PcmFormat(48_000), PcmFormat(48_000, 2), PcmFormat(44_100)], ids=str)
async def test_a_tone_is_heard_at_its_own_pitch_from_a_device_of_any_format(
    rig: Any, tmp_path: Path, pcm: PcmFormat
) -> None:
    heard = await hear(rig, write_wav(tmp_path / "t.wav", tone(1000, 1.5, 48_000), 48_000), pcm)

    assert level_db(heard, 1000, 16_000) == pytest.approx(-12.2, abs=0.5)


@pytest.mark.parametrize("pcm", [PcmFormat(48_000, 2), PcmFormat(44_100)], ids=str)
async def test_what_16_khz_cannot_carry_does_not_fold_back(rig: Any, tmp_path: Path, pcm: PcmFormat) -> None:
    """Every third sample of a 10 kHz tone would be one of 6 kHz, at full level."""
    wav = write_wav(tmp_path / "t.wav", tone(1000, 1.5, 48_000) + tone(10_000, 1.5, 48_000, 20_000), 48_000)
    heard = await hear(rig, wav, pcm)

    assert level_db(heard, 1000, 16_000) == pytest.approx(-12.2, abs=0.5)
    assert level_db(heard, 6000, 16_000) < -4.3 - 60


@pytest.mark.parametrize("pcm", [WIRE_OUT, PcmFormat(48_000, 2), PcmFormat(44_100), PcmFormat(48_000, 8)], ids=str)
async def test_a_tone_is_played_at_its_own_pitch_on_a_device_of_any_format(rig: Any, pcm: PcmFormat) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    with rig.recorded(48_000) as tape:
        speaker = await CardSpeaker.open(Clock(), device, lost=never, formats=[pcm])
        for second in np.split(tone(1000, 2, 24_000), 20):
            speaker.write(second.astype("<i2").tobytes())
        async with asyncio.timeout(10):
            await speaker.drained()
        await speaker.close()
        await asyncio.sleep(0.2)
        tape.seek(0)
        heard = np.frombuffer(tape.read(), "<i2").astype(np.float64)

    loud = np.flatnonzero(np.abs(heard) > 500)
    assert (loud[-1] - loud[0]) / 48_000 == pytest.approx(2, abs=0.01)
    middle = heard[loud[0] + 12_000 : loud[0] + 84_000]
    assert level_db(middle, 1000, 48_000) > -25  # eight channels are mixed down by the card
    assert level_db(middle, 23_000, 48_000) < level_db(middle, 1000, 48_000) - 60  # no mirror image
    assert speaker.played_frames == pytest.approx(48_000, abs=2)
    assert speaker.underruns == 0


async def test_a_device_that_refuses_a_format_is_asked_for_the_next(rig: Any) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    speaker = await CardSpeaker.open(
        Clock(), device, lost=never, formats=[PcmFormat(5_000_000), PcmFormat(48_000, 200), PcmFormat(48_000, 2)]
    )
    await speaker.close()

    assert speaker.pcm == PcmFormat(48_000, 2)
    with pytest.raises(DeviceError, match=r"cannot be opened \(5000000 Hz, 1 channels: .*Invalid sample rate"):
        await CardSpeaker.open(Clock(), device, lost=never, formats=[PcmFormat(5_000_000)])


def test_our_format_is_asked_for_first_and_then_the_devices_own() -> None:
    device = Device(0, "x", "ALSA", 8, 0, 96_000, is_default_input=True, is_default_output=False)

    formats = device.formats(WIRE_IN, output=False)

    assert formats[0] == WIRE_IN
    assert formats.index(PcmFormat(96_000, 8)) < formats.index(PcmFormat(48_000))
    assert {pcm.channels for pcm in formats} == {1, 2, 8}


async def test_sound_on_one_of_eight_channels_is_as_loud_as_on_all() -> None:
    from flashlive_cli.audio.cardmic import _Converter

    convert = _Converter(PcmFormat(16_000, 8))
    frames = np.zeros((320, 8), "<i2")
    frames[:, 3] = 5000

    assert set(np.frombuffer(convert(frames.tobytes()), "<i2")) == {5000}


@pytest.mark.parametrize("latency", ["low", 0.2])
async def test_a_flush_silences_the_speaker_whatever_the_device_holds_and_it_plays_again(
    rig: Any, latency: Any
) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    with rig.recorded(48_000) as tape:
        speaker = await CardSpeaker.open(Clock(), device, lost=never, latency=latency)
        speaker.write(tone(440, 5, 24_000).astype("<i2").tobytes())
        await asyncio.sleep(1)
        assert speaker.sounding
        flushed = speaker.flush()
        await asyncio.sleep(0.6)
        speaker.write(tone(880, 0.5, 24_000).astype("<i2").tobytes())
        await speaker.drained()
        await speaker.close()
        await asyncio.sleep(0.2)
        tape.seek(0)
        heard = np.frombuffer(tape.read(), "<i2").astype(np.float64)

    assert speaker.latency_s > 0.06 or latency == "low"
    loud = np.flatnonzero(np.abs(heard) > 500)
    pause = int(np.argmax(np.diff(loud)))
    first_s, second_s = (loud[pause] - loud[0]) / 48_000, (loud[-1] - loud[pause + 1]) / 48_000
    assert 0.65 < first_s < 1.05  # what the device held was dropped with the rest
    assert second_s == pytest.approx(0.5, abs=0.02)
    assert flushed == pytest.approx(120_000 - 24_000, abs=6000)
    if latency == "low":
        steepest = np.abs(np.diff(heard[loud[pause] - 960 : loud[pause] + 480])).max()
        assert steepest < 1.2 * 8000 * 2 * np.pi * 440 / 48_000  # the sine's own slope: no click


async def test_a_speaker_that_runs_dry_fades_out_and_goes_on_when_the_rest_has_come(
    rig: Any,
) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    with rig.recorded(48_000) as tape:
        speaker = await CardSpeaker.open(Clock(), device, lost=never)
        told: list[str] = []
        speaker.listen(lambda _: told.append("started"), lambda _: told.append("drained"))
        sound = tone(440, 1, 24_000).astype("<i2").tobytes()
        speaker.write(sound[:24_000])
        await asyncio.sleep(0.8)
        speaker.write(sound[24_000:])
        await speaker.drained()
        await speaker.close()
        await asyncio.sleep(0.2)
        tape.seek(0)
        heard = np.frombuffer(tape.read(), "<i2").astype(np.float64)

    assert speaker.underruns == 1
    assert told.count("started") == 2
    assert told[-1] == "drained"
    loud = np.flatnonzero(np.abs(heard) > 500)
    pause = int(np.argmax(np.diff(loud)))
    steepest = np.abs(np.diff(heard[loud[pause] - 960 : loud[pause] + 480])).max()
    assert steepest < 1.2 * 8000 * 2 * np.pi * 440 / 48_000
    assert speaker.played_frames == 24_000


async def test_a_reply_that_begins_while_the_former_still_sounds_is_told_when_it_is_its_turn(rig: Any) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    speaker = await CardSpeaker.open(Clock(), device, lost=never)
    loop = asyncio.get_running_loop()
    started: list[float] = []
    speaker.listen(lambda _: started.append(loop.time()), lambda _: None)
    for hz in (440, 880):
        speaker.write(tone(hz, 0.5, 24_000).astype("<i2").tobytes())
        speaker.complete()
    await speaker.drained()
    await speaker.close()

    assert len(started) == 2
    assert started[1] - started[0] == pytest.approx(0.5, abs=0.1)


async def test_after_a_barge_in_replies_are_told_in_their_turn_and_nothing_ran_dry(rig: Any) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    speaker = await CardSpeaker.open(Clock(), device, lost=never)
    started: list[str] = []
    speaker.listen(lambda _: started.append("started"), lambda _: None)
    speaker.write(tone(440, 5, 24_000).astype("<i2").tobytes())
    async with asyncio.timeout(10):
        while speaker.played_frames < 4800:
            await asyncio.sleep(0.005)
    speaker.flush()
    for hz in (440, 880):
        speaker.write(tone(hz, 0.3, 24_000).astype("<i2").tobytes())
        speaker.complete()
    await speaker.drained()
    await speaker.close()

    assert len(started) == 3
    assert speaker.underruns == 0


async def test_closing_while_a_slow_device_is_being_emptied_ends_in_peace(rig: Any) -> None:
    device = await asyncio.to_thread(find_device, None, output=True)
    for _ in range(5):
        speaker = await CardSpeaker.open(Clock(), device, lost=never, latency=0.2)
        speaker.write(tone(440, 5, 24_000).astype("<i2").tobytes())
        async with asyncio.timeout(10):
            while not speaker.sounding:
                await asyncio.sleep(0.005)
        speaker.flush()
        await speaker.close()
    await asyncio.sleep(0)  # for a bell that was rung at the last moment


async def test_a_sound_server_that_freezes_is_noticed_and_does_not_hold_up_the_end(rig: Any) -> None:
    lost: asyncio.Queue[DeviceError] = asyncio.Queue()
    device = await asyncio.to_thread(find_device, None, output=True)
    speaker = await CardSpeaker.open(Clock(), device, lost=lost.put_nowait)
    rig.daemon.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(4):
            assert "has stalled" in str(await lost.get())
        async with asyncio.timeout(3):
            await speaker.close()
    finally:
        rig.daemon.send_signal(signal.SIGCONT)


async def test_a_device_that_another_program_holds_is_said_to_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one thing a virtual card cannot do: it lets everybody in."""
    sounddevice = pytest.importorskip("sounddevice")
    device = Device(0, "USB", "ALSA", 0, 2, 48_000, is_default_input=False, is_default_output=True)

    def refuse(**_: object) -> None:
        raise sounddevice.PortAudioError("Error opening RawOutputStream: Device unavailable", -9985)

    monkeypatch.setattr(sounddevice, "RawOutputStream", refuse)
    with pytest.raises(DeviceError, match="USB is busy"):
        await CardSpeaker.open(Clock(), device, lost=never)


def test_of_devices_with_one_name_the_one_of_the_usual_host_api_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    from flashlive_cli.audio import devices

    there = [
        Device(0, "USB", "MME", 0, 2, 44_100, is_default_input=False, is_default_output=False),
        Device(1, "USB", "WASAPI", 0, 2, 48_000, is_default_input=False, is_default_output=True),
        Device(2, "USB 2", "WASAPI", 0, 2, 48_000, is_default_input=False, is_default_output=False),
    ]
    monkeypatch.setattr(devices, "list_devices", lambda: there)

    assert find_device("USB", output=True).index == 1
    assert find_device("default", output=True).index == 1
    assert find_device("2", output=True).index == 2
    with pytest.raises(ConfigError, match="fits more than one"):
        find_device("us", output=True)


def test_a_missing_portaudio_is_told_with_the_command_of_this_system(tmp_path: Path) -> None:
    code = (
        "import ctypes.util, platform, sys\n"
        "ctypes.util.find_library = lambda name: None\n"
        "platform.freedesktop_os_release = lambda: {'ID': 'nobara', 'ID_LIKE': 'rhel centos fedora'}\n"
        "from flashlive_cli.cli import main\n"
        "sys.exit(main(['talk', '--sim']))\n"
    )
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 4
    assert "sudo dnf install portaudio" in done.stderr
