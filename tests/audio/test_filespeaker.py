"""The speaker that plays into files: flush, pace, crash safety, and files that fail under it."""

import asyncio
import io
import os
import struct
import subprocess
import sys
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.audio import filespeaker
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError, OutputFailed

RATE_HZ = 24_000
FADE_FRAMES = 120


def dyed(dye: int, ms: float) -> bytes:
    return struct.pack("<h", dye) * round(RATE_HZ * ms / 1000)


def heard_in(source: Path | io.BytesIO) -> np.ndarray:
    with wave.open(str(source) if isinstance(source, Path) else source) as reader:
        assert reader.getparams()[:3] == (1, 2, RATE_HZ)
        return np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(int)


@asynccontextmanager
async def opened(target, speed: float = 20, **options) -> AsyncIterator[WavSpeaker]:
    speaker = WavSpeaker.open(Clock(speed=speed), target, **options)
    try:
        yield speaker
    finally:
        await speaker.close()
        assert not any(thread.name == "flashlive-wav-speaker" for thread in threading.enumerate())


def started_event(speaker: WavSpeaker) -> asyncio.Event:
    event = asyncio.Event()
    speaker.listen(lambda _: event.set(), lambda _: None)
    return event


async def test_what_is_written_is_in_the_file_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    pcm = (np.arange(RATE_HZ * 2) % 30_000).astype("<i2")
    async with opened(path) as speaker:
        for i in range(0, pcm.size, 997):
            speaker.write(pcm[i : i + 997].tobytes())
        await speaker.drained()
        assert speaker.held_frames == 0
        assert speaker.played_frames == pcm.size
        # the file is complete already, before it is closed
        np.testing.assert_array_equal(heard_in(path), pcm)
        assert path.stat().st_mode & 0o777 == 0o600


async def test_after_a_flush_nothing_of_the_old_reply_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with opened(path) as speaker:
        started = started_event(speaker)
        speaker.write(dyed(12_000, 60_000))
        await started.wait()
        dropped = speaker.flush()
        assert speaker.flush() == 0
        speaker.write(dyed(7, 40))
        await speaker.drained()
        assert dropped > 0
        assert speaker.played_frames + dropped == RATE_HZ * 60 + RATE_HZ * 40 // 1000
    heard = heard_in(path)
    assert heard.size == speaker.played_frames
    new = RATE_HZ * 40 // 1000
    assert set(heard[-new:]) == {7}
    fade = heard[-new - FADE_FRAMES : -new]
    assert set(heard[: -new - FADE_FRAMES]) == {12_000}
    assert fade[-1] == 0
    assert np.all(np.diff(fade) <= 0)
    assert np.abs(np.diff(fade)).max() <= 12_000 / (FADE_FRAMES - 1) + 1  # no step that clicks


async def test_the_fade_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with opened(path, fade_ms=0) as speaker:
        speaker.write(dyed(1, 60_000))
        while not speaker.played_frames:  # told that it has begun, it may not have taken a frame yet
            await asyncio.sleep(0.001)
        speaker.flush()
        speaker.write(dyed(2, 40))
        await speaker.drained()
    assert set(heard_in(path)) == {1, 2}


async def test_a_flush_before_the_first_sample_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with opened(path) as speaker:
        assert speaker.flush() == 0
        speaker.write(dyed(1, 1000))
        dropped = speaker.flush()
        await speaker.drained()
        assert speaker.played_frames + dropped == RATE_HZ
        assert speaker.held_frames == 0


async def test_tells_when_playing_starts_and_ends() -> None:
    told: list[tuple[str, float, int]] = []
    async with opened(None) as speaker:
        clock_before = speaker._clock.now()
        speaker.listen(
            lambda when: told.append(("started", when, threading.get_ident())),
            lambda when: told.append(("drained", when, threading.get_ident())),
        )
        for _ in range(2):
            speaker.write(dyed(1, 505))
            await speaker.drained()
        assert speaker._clock.now() >= clock_before + 2 * 0.505
    assert [kind for kind, _, _ in told] == ["started", "drained"] * 2
    assert {thread for _, _, thread in told} == {threading.get_ident()}
    times = [when for _, when, _ in told]
    assert times == sorted(times)
    assert times[1] - times[0] == pytest.approx(0.505)
    assert times[3] - times[2] == pytest.approx(0.505)


async def test_keeps_up_with_a_fast_clock(tmp_path: Path) -> None:
    """Ten minutes of sound: blocks are grouped where the thread is behind."""
    path = tmp_path / "x.wav"
    async with opened(path, speed=5000) as speaker:
        for _ in range(10):
            speaker.write(dyed(3, 60_000))
        await speaker.drained()
    assert heard_in(path).size == 600 * RATE_HZ


async def test_close_drops_what_is_held_and_finishes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with opened(path, speed=1) as speaker:
        started = started_event(speaker)
        speaker.write(dyed(1, 60_000))
        assert speaker.level_dbfs <= 0
        await started.wait()
    await speaker.drained()
    speaker.write(dyed(2, 100))
    assert speaker.held_frames == 0
    assert heard_in(path).size == speaker.played_frames < 60 * RATE_HZ


async def test_an_idle_speaker_is_drained_and_closes() -> None:
    async with opened(None) as speaker:
        speaker.write(b"")
        await speaker.drained()
        assert speaker.played_frames == 0


async def test_a_target_that_cannot_be_created_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="directory"):
        WavSpeaker.open(Clock(), tmp_path)
    assert not any(thread.name == "flashlive-wav-speaker" for thread in threading.enumerate())


class SmallDisk(io.BytesIO):
    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, piece) -> int:
        if self.tell() + len(piece) > self.room:
            raise OSError(28, "No space left on device")
        return super().write(piece)


async def test_a_disk_that_fills_up_does_not_stop_the_talk() -> None:
    disk = SmallDisk(44 + 48_000)
    failures: list[OutputFailed] = []
    async with opened(disk, failed=failures.append) as speaker:
        for dye in (1, 2):
            speaker.write(dyed(dye, 2000))
            await speaker.drained()
        assert speaker.played_frames == 4 * RATE_HZ
        assert [speaker.failure] == failures
        assert "No space left" in str(failures[0])
        heard = heard_in(io.BytesIO(disk.getvalue()))
        assert 0 < heard.size <= RATE_HZ
        assert set(heard) == {1}
    assert len(failures) == 1


async def test_a_reader_that_goes_away_does_not_stop_the_talk() -> None:
    out, into = os.pipe()
    with io.FileIO(into, "wb") as stream:
        async with opened(stream) as speaker:
            os.close(out)
            speaker.write(dyed(1, 100))
            await speaker.drained()
            assert isinstance(speaker.failure, OutputFailed)
            assert "Broken pipe" in str(speaker.failure)


async def test_close_does_not_wait_for_a_reader_that_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filespeaker, "_STOP_PATIENCE_S", 0.02)
    out, into = os.pipe()
    with io.FileIO(into, "wb") as stream, io.BufferedReader(io.FileIO(out)) as reader:
        speaker = WavSpeaker.open(Clock(speed=1000), stream)
        speaker.write(dyed(1, 20_000))
        played = started_event(speaker)
        await played.wait()
        await speaker.close()
        while speaker._thread.is_alive():
            reader.read1(1 << 16)


MURDERED = """
import asyncio, sys
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.clock import Clock

async def main():
    speaker = WavSpeaker.open(Clock(speed=20), sys.argv[1])
    for _ in range(60):
        speaker.write(b"\\x01\\x00" * 24000 * 10)
    while speaker.played_frames < 24000 * 20:
        await asyncio.sleep(0.01)
    print("playing", flush=True)
    await speaker.drained()
asyncio.run(main())
"""


def test_a_killed_process_leaves_a_file_that_plays(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with subprocess.Popen([sys.executable, "-c", MURDERED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"playing\n"
        process.kill()
    content = path.read_bytes()
    riff, data = struct.unpack_from("<I", content, 4)[0], struct.unpack_from("<I", content, 40)[0]
    assert riff == data + 36
    assert data <= len(content) - 44
    # half a second of real time is 10 s of this clock, of the 20 that were played; half of that for a busy machine
    assert data >= 5 * RATE_HZ * 2
    assert set(heard_in(path)) == {1}


STOPPED_STDOUT = """
import asyncio, sys
from flashlive_cli.audio import filespeaker
from flashlive_cli.clock import Clock

async def main():
    filespeaker._STOP_PATIENCE_S = 0.1
    speaker = filespeaker.WavSpeaker.open(Clock(speed=1000), "-")
    started = asyncio.Event()
    speaker.listen(lambda _: started.set(), lambda _: None)
    speaker.write(bytes(48000 * 20))
    await started.wait()
    await speaker.close()
asyncio.run(main())
"""


def test_a_process_ends_cleanly_while_nobody_reads_its_standard_output() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED_STDOUT], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.wait(50) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(4) == b"RIFF"
        assert process.stderr.read() == b""


@pytest.mark.stress
async def test_flushes_at_random_moments_account_for_every_frame(tmp_path: Path) -> None:
    """Each round has its dye: a sample that is heard out of order would show up as a number."""
    path = tmp_path / "x.wav"
    written = dropped = 0
    async with opened(path, speed=200, fade_ms=0) as speaker:
        for dye in range(1, 60):
            pcm = dyed(dye, 700)
            written += len(pcm) // 2
            speaker.write(pcm)
            for _ in range(dye * 7 % 40):
                await asyncio.sleep(0)
            dropped += speaker.flush()
        await speaker.drained()
        assert speaker.played_frames == written - dropped
    heard = heard_in(path)
    assert heard.size == written - dropped
    assert np.all(np.diff(heard) >= 0)


async def test_a_speaker_whose_thread_dies_says_so_and_keeps_nobody_waiting() -> None:
    class Broken:
        def write(self, pcm: bytes) -> None:
            raise MemoryError("no more")

        def sync(self) -> None:
            pass

        def close(self) -> None:
            pass

    failures = []
    speaker = WavSpeaker(Clock(20), Broken(), failed=failures.append)  # type: ignore[arg-type]  # dies on purpose
    speaker.start()
    speaker.write(bytes(4800))
    async with asyncio.timeout(10):
        await speaker.drained()
    speaker.write(bytes(4800))
    async with asyncio.timeout(10):
        await speaker.drained()
    await speaker.close()

    assert ["MemoryError" in str(failure) for failure in failures] == [True]
