"""What replies sound like."""

import asyncio
import os
import shutil
import time
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.sim.delivery import chunks
from flashlive_cli.sim.tones import Tones
from flashlive_cli.sim.voice import Recorded, Voice, parse_wav, read_wav

TEXT = "Your order has shipped and arrives on Thursday."
ESPEAK = shutil.which("espeak-ng")


def whole(speech, step=4800):
    return b"".join(
        speech.chunk(start, min(step, speech.n_frames - start)) for start in range(0, speech.n_frames, step)
    )


def test_tones_last_as_long_as_the_words():
    tones = Tones(TEXT, "Kore")
    assert tones.n_frames / 24_000 == pytest.approx(len(TEXT) / 15)
    samples = np.frombuffer(whole(tones), "<i2")
    assert len(samples) == tones.n_frames
    assert 2000 < np.abs(samples).max() < 10_000


def test_tones_are_the_same_each_time_and_however_they_are_cut():
    assert whole(Tones(TEXT, "Kore")) == whole(Tones(TEXT, "Kore"), step=777)
    assert whole(Tones(TEXT, "Kore")) != whole(Tones(TEXT, "Puck"))
    assert whole(Tones(TEXT, "Kore")) != whole(Tones(TEXT.replace("order", "house"), "Kore"))


def test_tones_do_not_click():
    samples = np.frombuffer(whole(Tones(TEXT, "Kore")), "<i2").astype(int)
    assert np.abs(np.diff(samples)).max() < 1500


def test_a_chunk_of_a_very_long_text_is_quick():
    tones = Tones(TEXT * 200, "Kore")
    began = time.perf_counter()
    for i in range(50):
        tones.chunk(tones.n_frames - 4800 * (50 - i), 4800)
    assert (time.perf_counter() - began) / 50 < 0.02  # a quarter of a millisecond on an idle machine


@given(st.text(max_size=80), st.integers(0, 40_000), st.booleans())
def test_chunks_carry_all_of_the_sound_and_all_of_the_words(text, n_frames, tiny_first):
    samples = np.arange(n_frames, dtype=np.float32) % 1000
    delivered = list(chunks(Recorded(samples, 24_000), text, tiny_first=tiny_first))
    assert b"".join(chunk.pcm for chunk in delivered) == samples.astype("<i2").tobytes()
    assert "".join(chunk.text for chunk in delivered) == text
    if tiny_first and n_frames:
        assert len(delivered[0].pcm) == 2


def test_the_words_run_ahead_of_the_sound():
    delivered = list(chunks(Tones(TEXT, "Kore"), TEXT, tiny_first=False))
    heard = 0
    for chunk in delivered[:-1]:
        assert heard >= min(len(TEXT), chunk.at_s * 15 - 1)
        heard += len(chunk.text)
    assert len(delivered[0].text) < len(TEXT) / 2, "but not all at once"


def test_a_recording_at_another_rate_keeps_its_length(tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as wav:
        wav.setparams((2, 2, 16_000, 0, "NONE", ""))
        wav.writeframes(np.repeat((8000 * np.sin(np.arange(16_000) / 10)).astype("<i2"), 2).tobytes())
    recorded = read_wav(path)
    assert recorded.n_frames == 24_000
    assert np.abs(np.frombuffer(whole(recorded), "<i2")).max() == pytest.approx(8000, abs=50)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader_of_wavs(raw):
    parse_wav(raw)
    parse_wav(b"RIFF\0\0\0\0WAVE" + raw)
    parse_wav(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x22\x56\0\0\0\0\0\0\2\0\x10\0data" + raw)


async def test_without_espeak_it_speaks_in_tones(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert isinstance(await Voice.of_this_machine().say(TEXT, "Kore"), Tones)


@pytest.mark.skipif(not ESPEAK, reason="espeak-ng is not installed")
async def test_espeak_says_the_text_and_the_loop_goes_on():
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.get_running_loop().create_task(tick())
    speech = await Voice.of_this_machine().say(TEXT, "Kore")
    ticker.cancel()
    assert isinstance(speech, Recorded)
    assert 1.5 < speech.n_frames / 24_000 < 6
    assert np.abs(np.frombuffer(whole(speech), "<i2")).max() > 1000
    assert ticks > 0


def program(tmp_path, script):
    path = tmp_path / "espeak-ng"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("script", ["exit 1", "echo no sound", "cat", "head -c 3 >/dev/null; exit 0"])
async def test_a_program_that_fails_is_replaced_by_tones(tmp_path, script):
    voice = Voice(program(tmp_path, script))
    assert isinstance(await voice.say(TEXT, "Kore"), Tones)
    assert isinstance(await Voice(str(tmp_path / "absent")).say(TEXT, "Kore"), Tones)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
async def test_a_program_that_hangs_is_replaced_by_tones_and_can_be_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("flashlive_cli.sim.voice._PATIENCE_S", 0.1)
    voice = Voice(program(tmp_path, "exec sleep 30"))
    assert isinstance(await voice.say(TEXT, "Kore"), Tones)
    monkeypatch.setattr("flashlive_cli.sim.voice._PATIENCE_S", 30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await voice.say(TEXT, "Kore")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
async def test_who_does_not_listen_any_more_leaves_no_program_behind(tmp_path, monkeypatch):
    """Neither those that speak nor those that would have been next: the next one to ask is served."""
    monkeypatch.setattr("flashlive_cli.sim.voice._PATIENCE_S", 60)
    begun = tmp_path / "begun"
    voice = Voice(program(tmp_path, f"echo $$ >> {begun}; exec sleep 30"))
    async with asyncio.TaskGroup() as group:
        listeners = [group.create_task(voice.say(f"{TEXT} {i}", "Kore")) for i in range(8)]
        await until(lambda: begun.exists() and len(begun.read_text().split()) == 2)
        for listener in listeners:
            listener.cancel()
    await until(lambda: not any(map(runs, begun.read_text().split())))

    program(tmp_path, f"echo again >> {begun}")
    assert isinstance(await voice.say(TEXT, "Kore"), Tones)
    assert len(begun.read_text().split()) == 3
    voice.close()


def runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_rehearsed_text_is_ready(tmp_path):
    voice = Voice(None)
    await voice.rehearse(TEXT, "Kore")
    assert await voice.say(TEXT, "Kore") is await voice.say(TEXT, "Kore")
