"""The microphone that hears files: pace, exactness, slow sources, and an end to it."""

import asyncio
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from flashlive_cli.audio import filemic
from flashlive_cli.audio.clips import open_raw, open_wav
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FileError
from flashlive_cli.pcm import CHUNK_BYTES, CHUNK_S, SILENT_CHUNK


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a clip in memory counts as a disk that answers."""
    monkeypatch.setattr(filemic, "_DISK_PATIENCE_S", 30)


class Tape:
    """A clip held in memory, in blocks."""

    name = "tape"
    duration_s: float | None = None

    def __init__(self, *blocks: bytes, live: bool = False, then: Exception | None = None) -> None:
        self.live, self.warnings, self.closed = live, list[str](), False
        self._blocks, self._then = list(blocks), then

    def read(self) -> bytes:
        if self._blocks:
            return self._blocks.pop(0)
        if self._then:
            raise self._then
        return b""

    def close(self) -> None:
        self.closed = True


def dyed(n_frames: int) -> bytes:
    """Samples that tell their own position, none of them zero."""
    return (np.arange(n_frames) % 30_000 + 1).astype("<i2").tobytes()


def mic_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "flashlive-wav-mic"]


async def hear(mic: WavMicrophone, clip: Tape) -> list[bytes]:
    """All chunks from the start of a clip until it has been played."""
    chunks: list[bytes] = []
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(mic.play(clip))
        while not playing.done():
            chunks.append(await mic.read())
    return chunks


async def test_chunks_are_due_on_an_absolute_schedule(virtual_clock) -> None:
    """Chunk n is due 20 ms * (n + 1) after the first read, however long the reader dawdles; then it catches up."""
    mic = WavMicrophone(virtual_clock)
    for n in range(100):
        assert await mic.read() == SILENT_CHUNK
        assert virtual_clock.now() == pytest.approx((n + 1) * CHUNK_S)
        virtual_clock.elapsed_s += 0.003  # the reader's own work
    virtual_clock.elapsed_s = 3.0
    virtual_clock.slept.clear()
    for _ in range(50):
        await mic.read()
    assert max(virtual_clock.slept) <= 1e-9
    await mic.read()
    assert virtual_clock.now() == pytest.approx(151 * CHUNK_S)


async def test_who_wants_is_told_how_late_each_chunk_was(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    told: list[tuple[float, float]] = []
    mic.on_paced = lambda due_s, read_s: told.append((due_s, read_s))
    await mic.read()
    virtual_clock.elapsed_s += 0.05
    for _ in range(3):
        await mic.read()

    assert [due_s for due_s, _ in told] == pytest.approx([0.02, 0.04, 0.06, 0.08])
    assert [read_s for _, read_s in told] == pytest.approx([0.02, 0.07, 0.07, 0.08]), "two were late"


async def test_runs_by_a_real_clock_without_being_early() -> None:
    clock = Clock(speed=50)
    mic = WavMicrophone(clock)
    began = clock.now()
    for n in range(100):
        await mic.read()
        assert clock.now() >= began + (n + 1) * CHUNK_S - 0.001 * clock.speed  # asyncio's timers round to 1 ms


@pytest.mark.parametrize("n_frames", [1, 319, 320, 321, 16_000, 100_000])
async def test_a_clip_is_heard_once_from_a_chunk_s_start(n_frames: int, virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    for _ in range(3):
        assert await mic.read() == SILENT_CHUNK
    pcm = dyed(n_frames)
    for block in (100, 2 * 1600, 200_000):
        clip = Tape(*(pcm[i : i + block] for i in range(0, len(pcm), block)))
        heard = b"".join(await hear(mic, clip))
        assert heard[: len(pcm)] == pcm
        assert not heard[len(pcm) :].strip(b"\0")
        assert len(heard) - len(pcm) < 3 * CHUNK_BYTES
        assert len(heard) % CHUNK_BYTES == 0
        assert clip.closed
        assert not mic.playing
    assert await mic.read() == SILENT_CHUNK
    await mic.close()
    assert not mic_threads()


async def test_a_clip_without_samples_ends_at_once(virtual_clock) -> None:
    await WavMicrophone(virtual_clock).play(Tape())


async def test_speech_is_dated_by_when_it_was_read(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    loud = dyed(3200)
    quiet = (np.ones(1600) * 30).astype("<i2").tobytes()  # -61 dBFS: a room
    await hear(mic, Tape(quiet + loud + quiet))
    # 5 quiet chunks, 10 loud ones, 5 quiet ones
    assert mic.speech_started_s == pytest.approx(6 * CHUNK_S)
    assert mic.speech_ended_s == pytest.approx(15 * CHUNK_S)
    await hear(mic, Tape(quiet))
    assert mic.speech_started_s is None
    assert mic.speech_ended_s is None


async def test_meter_and_lamp_move_with_the_clip_that_is_read(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    assert not mic.speaking
    loud, quiet = np.full(320, 3277, "<i2").tobytes(), bytes(640)
    seen: list[tuple[bool, float]] = []
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(mic.play(Tape(3 * quiet, 5 * loud, 10 * quiet, loud, 40 * quiet)))
        while not playing.done():
            await mic.read()
            seen.append((mic.speaking, round(mic.level_dbfs)))
    seen = seen[next(n for n, (_, level_dbfs) in enumerate(seen) if level_dbfs == -20) - 3 :]
    assert [level_dbfs for _, level_dbfs in seen[:20]] == [-120] * 3 + [-20] * 5 + [-120] * 10 + [-20, -120]
    assert not any(speaking for speaking, _ in seen[:3])
    assert all(speaking for speaking, _ in seen[3:43])  # a short pause is within an utterance
    assert not any(speaking for speaking, _ in seen[45:])
    await mic.read()
    assert not mic.speaking


async def test_a_disk_that_hesitates_puts_no_hole_into_the_sound(virtual_clock) -> None:
    gate = threading.Event()

    class SlowDisk(Tape):
        def read(self) -> bytes:
            gate.wait()
            return super().read()

    mic = WavMicrophone(virtual_clock)
    asyncio.get_running_loop().call_later(0.02, gate.set)
    chunks = await hear(mic, SlowDisk(dyed(640)))
    assert b"".join(chunks)[:1280] == dyed(640)


async def test_a_disk_that_hangs_is_treated_like_a_slow_pipe(virtual_clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filemic, "_DISK_PATIENCE_S", 0.001)
    gate = threading.Event()

    class Hanging(Tape):
        def read(self) -> bytes:
            gate.wait()
            return super().read()

    mic = WavMicrophone(virtual_clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(mic.play(Hanging(dyed(320))))
        assert await mic.read() == SILENT_CHUNK
        assert await mic.read() == SILENT_CHUNK
        gate.set()
        while await mic.read() == SILENT_CHUNK:
            pass


async def test_a_slow_pipe_is_filled_up_with_silence(make_wav: Callable[..., bytes]) -> None:
    """What a live pipe has is heard in whole chunks and in order; what it has not yet is silence."""
    out, into = os.pipe()
    pcm = dyed(320 * 5 + 100)
    os.write(into, make_wav(b"", data_size=0xFFFFFFFF) + pcm[: 2 * CHUNK_BYTES + 10])
    with io.FileIO(out) as stream:
        mic = WavMicrophone(Clock(speed=20))
        heard: list[bytes] = []

        async def hear_until(n_chunks: int) -> None:
            while len(heard) < n_chunks:
                chunk = await mic.read()
                if chunk != SILENT_CHUNK:
                    heard.append(chunk)

        async with asyncio.TaskGroup() as group:
            playing = group.create_task(mic.play(open_wav(stream)))
            await hear_until(2)
            for _ in range(10):
                assert await mic.read() == SILENT_CHUNK
            os.write(into, pcm[2 * CHUNK_BYTES + 10 :])
            await hear_until(5)
            assert await mic.read() == SILENT_CHUNK
            assert not playing.done()
            os.close(into)
            await hear_until(6)
        assert b"".join(heard) == pcm.ljust(6 * CHUNK_BYTES, b"\0")
        await mic.close()
    assert not mic_threads()


async def test_what_was_read_before_a_failure_is_heard_then_the_failure_surfaces(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    heard: list[bytes] = []
    playing = asyncio.get_running_loop().create_task(mic.play(Tape(dyed(640), then=FileError("the disk is gone"))))
    while not playing.done():
        heard.append(await mic.read())
    with pytest.raises(FileError, match="the disk is gone"):
        await playing
    assert b"".join(heard)[:1280] == dyed(640)
    assert not mic.playing
    assert b"".join(await hear(mic, Tape(dyed(320))))[:640] == dyed(320)


async def test_one_clip_at_a_time(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(mic.play(Tape(dyed(3200))))
        await mic.read()
        with pytest.raises(RuntimeError, match="one clip"):
            await mic.play(Tape(dyed(1)))
        while not playing.done():
            await mic.read()


async def test_a_cancelled_clip_is_not_heard_any_more(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    clip = Tape(*(dyed(1600) for _ in range(1000)))
    playing = asyncio.get_running_loop().create_task(mic.play(clip))
    while await mic.read() == SILENT_CHUNK:
        pass
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert await mic.read() == SILENT_CHUNK
    await mic.close()
    assert not mic_threads()
    assert clip.closed


async def test_cancelling_a_read_loses_nothing() -> None:
    mic = WavMicrophone(Clock(speed=20))
    pcm = dyed(16_000)
    heard = bytearray()
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(mic.play(Tape(pcm)))
        while not playing.done():
            try:
                async with asyncio.timeout(0.0007):
                    heard += await mic.read()
            except TimeoutError:
                pass
    assert heard.strip(b"\0") == pcm.strip(b"\0")


async def test_close_ends_a_clip_and_its_thread(virtual_clock) -> None:
    mic = WavMicrophone(virtual_clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(mic.play(Tape(*(dyed(1600) for _ in range(1000)))))
        await mic.read()
        await mic.close()
    assert not mic_threads()
    assert await mic.read() == SILENT_CHUNK
    with pytest.raises(RuntimeError, match="closed"):
        await mic.play(Tape())


async def test_close_does_not_wait_for_a_silent_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is left in its read, and ends as soon as that does."""
    monkeypatch.setattr(filemic, "_STOP_PATIENCE_S", 0.01)
    out, into = os.pipe()
    with io.FileIO(out) as stream:
        mic = WavMicrophone(Clock(speed=20))
        async with asyncio.TaskGroup() as group:
            group.create_task(mic.play(open_raw(stream)))
            await mic.read()
            [thread] = mic_threads()
            await mic.close()
        assert thread.is_alive()
        os.close(into)
        thread.join()


TALK = """
import asyncio
from flashlive_cli.audio.clips import open_raw
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.clock import Clock

async def main():
    mic = WavMicrophone(Clock(speed=20))
    async with asyncio.TaskGroup() as group:
        group.create_task(mic.play(open_raw("-")))
        await mic.read()
        await mic.close()
asyncio.run(main())
"""


def test_a_process_ends_cleanly_while_its_standard_input_is_silent() -> None:
    """A thread left in a read of `sys.stdin.buffer` would be a fatal error at exit."""
    with subprocess.Popen([sys.executable, "-c", TALK], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(50) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


async def test_a_clip_that_dies_while_it_is_read_does_not_pass_for_a_whole_one() -> None:
    class Dying:
        name = "dying"
        live = False
        warnings: list[str] = []  # noqa: RUF012 - a clip of one test
        duration_s: float | None = None

        def read(self) -> bytes:
            raise MemoryError("no more")

        def close(self) -> None:
            pass

    microphone = WavMicrophone(Clock(20))
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(read_for_ever(microphone))
        with pytest.raises(FileError, match=r"dying.*MemoryError"):
            await microphone.play(Dying())
        reader.cancel()
    await microphone.close()


async def read_for_ever(microphone: WavMicrophone) -> None:
    while True:
        await microphone.read()
