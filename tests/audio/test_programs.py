"""Programs as ears and mouth: real processes, whole samples, a quick flush, and an end to every one of them."""

import asyncio
import os
import shlex
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.audio import childprogram, pace, programmic, programspeaker
from flashlive_cli.audio.ear import Ear
from flashlive_cli.audio.programmic import ProgramMicrophone
from flashlive_cli.audio.programspeaker import ProgramSpeaker
from flashlive_cli.audio.ring import Ring
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, DeviceError
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs of these tests are POSIX's")

FADE_FRAMES = WIRE_OUT.frames_of_ms(5)
SPEECH = Path(__file__).parents[2] / "examples" / "where-is-my-order.wav"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, who is about to end gets to its end."""
    monkeypatch.setattr(programspeaker, "PLAY_OUT_S", 30)
    for name in ("_ENDING_S", "_JOIN_PATIENCE_S"):
        monkeypatch.setattr(childprogram, name, 30)


def python(code: str, *arguments: object) -> str:
    """Return the command that runs some Python."""
    return shlex.join([sys.executable, "-ISc", code, *map(str, arguments)])


def sh(code: str, *arguments: object) -> str:
    return shlex.join(["sh", "-c", code, "sh", *map(str, arguments)])


def dyed(dye: int, ms: float) -> bytes:
    return np.full(WIRE_OUT.frames_of_ms(ms), dye, "<i2").tobytes()


def numbered(n_frames: int) -> bytes:
    """Samples that tell their own position, none of them zero."""
    return (np.arange(n_frames) % 30_000 + 1).astype("<i2").tobytes()


def heard_in(path: Path) -> np.ndarray:
    """What a program was given, without the silence before the first sound and after the last."""
    return np.trim_zeros(np.frombuffer(path.read_bytes(), "<i2").astype(int))


def program_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("flashlive-program")]


class Loss:
    """Takes the word that a program is gone, and that it gives trouble."""

    def __init__(self) -> None:
        self.errors: list[DeviceError] = []
        self.troubles: list[str] = []
        self._told = asyncio.Event()
        self._thread = threading.get_ident()

    def __call__(self, error: DeviceError) -> None:
        assert threading.get_ident() == self._thread
        self.errors.append(error)
        self._told.set()

    def trouble(self, words: str) -> None:
        assert threading.get_ident() == self._thread
        self.troubles.append(words)

    async def words(self) -> str:
        await self._told.wait()
        return str(self.errors[0])


@asynccontextmanager
async def hearing(command: str) -> AsyncIterator[tuple[ProgramMicrophone, Loss]]:
    loss = Loss()
    microphone = ProgramMicrophone(Clock(), command, Ear(), lost=loss, on_trouble=loss.trouble)
    try:
        yield microphone, loss
    finally:
        await close(microphone, loss)


@asynccontextmanager
async def speaking(command: str) -> AsyncIterator[tuple[ProgramSpeaker, Loss]]:
    loss = Loss()
    speaker = ProgramSpeaker(Clock(), command, lost=loss)
    try:
        yield speaker, loss
    finally:
        await close(speaker, loss)


async def close(end: ProgramMicrophone | ProgramSpeaker, loss: Loss) -> None:
    """Close, and see to it that nothing is left: no process, no zombie, no thread, no late word."""
    n_errors = len(loss.errors)
    await end.close()
    await asyncio.sleep(0)
    assert end._program._process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(end._program._process.pid, 0)
    assert not program_threads()
    assert len(loss.errors) == n_errors


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.001)


# ears

STEPWISE = """
import sys
steps, pcm = open(sys.argv[1], 'rb', 0), open(sys.argv[2], 'rb').read()
out = open(1, 'wb', 0)
n = 0
while steps.read(1):
    for size in (1, 1, 3, 331, 303, 1):
        out.write(pcm[n : n + size])
        n += size
"""


async def test_sound_that_comes_in_torn_pieces_is_heard_whole_and_in_order(tmp_path: Path) -> None:
    """Two seconds, in pieces of odd sizes, as fast as they are asked for."""
    pcm = numbered(WIRE_IN.frames_of_ms(2000))
    (tmp_path / "pcm").write_bytes(pcm)
    os.mkfifo(tmp_path / "steps")
    heard = []
    async with hearing(python(STEPWISE, tmp_path / "steps", tmp_path / "pcm")) as (microphone, loss):
        with (tmp_path / "steps").open("wb", 0) as steps:
            for _ in range(100):
                steps.write(b".")
                heard.append(await microphone.read())
            assert not loss.errors
            assert microphone.lost_ms == 0
    assert {len(chunk) for chunk in heard} == {640}
    assert b"".join(heard) == pcm


async def test_a_reader_that_is_late_hears_the_newest(tmp_path: Path) -> None:
    pcm = numbered(WIRE_IN.frames_of_ms(1000))
    (tmp_path / "pcm").write_bytes(pcm)
    async with hearing(sh('cat "$1"; sleep 600', tmp_path / "pcm")) as (microphone, _loss):
        await until(lambda: WIRE_IN.ms_of(microphone._ring.overrun_frames) >= 700)
        assert b"".join([await microphone.read() for _ in range(15)]) == pcm[-WIRE_IN.bytes_of_ms(300) :]
        assert microphone.lost_ms == 700


@pytest.mark.parametrize("then", ["sleep 600", "exit"])
async def test_a_file_is_heard_whole_as_it_is_spoken(then: str, tmp_path: Path) -> None:
    """Also after a pause, and to its end."""
    pcm = numbered(WIRE_IN.frames_of_ms(1000))
    (tmp_path / "pcm").write_bytes(pcm)
    async with hearing(sh(f'cat "$1"; sleep 1.5; cat "$1"; {then}', tmp_path / "pcm")) as (microphone, loss):
        for _ in range(2):
            heard = [await microphone.read()]
            begun_s = microphone._clock.now()
            heard += [await microphone.read() for _ in range(49)]
            # how late the first is read depends on the machine
            assert microphone._clock.now() - begun_s > 0.98 - pace.AHEAD_S - 0.3
            assert b"".join(heard) == pcm
        assert microphone.lost_ms == 0
        assert not loss.errors


async def test_what_never_ends_is_taken_at_the_pace_of_time() -> None:
    clock = Clock()
    async with hearing("cat /dev/zero") as (microphone, _loss):
        for _ in range(50):
            await microphone.read()
            given_s = WIRE_IN.seconds_in(WIRE_IN.bytes_of(microphone._ring.written_frames))
            assert given_s <= clock.now() + pace.AHEAD_S + 0.021


def test_a_live_microphone_is_held_back_only_until_it_is_known_to_be_one() -> None:
    live, file = pace.Pace(), pace.Pace()
    for period in range(10):
        now = 5 + period * 0.125
        for _ in range(5):
            assert live.wait_s(now) <= 0
            live.take(0.025, now)
    assert live.live
    live.take(3, 7)
    assert live.wait_s(7) <= 0

    now = 5.0
    for _ in range(1000):
        now += max(0.0, file.wait_s(now))
        file.take(0.02, now)
        assert file.ahead_s(now) <= pace.AHEAD_S + 0.021
    assert not file.live
    assert now == pytest.approx(5 + 1000 * 0.02 - pace.AHEAD_S, abs=0.03)


def test_short_sounds_with_pauses_between_make_no_live_microphone() -> None:
    beeps = pace.Pace()
    for beep in range(20):
        beeps.take(0.1, 1.0 * beep)
    assert not beeps.live


@pytest.mark.parametrize("before", ["", "head -c 6400 /dev/zero; "])
async def test_a_microphone_that_gives_nothing_is_told_of_once(before: str, monkeypatch) -> None:
    monkeypatch.setattr(programmic, "CHECK_S", 0.05)
    async with hearing(sh(f"{before}sleep 600")) as (_microphone, loss):
        await until(lambda: loss.troubles)
        await asyncio.sleep(1)
        assert loss.troubles == ["no sound from sh for 0.5 s: is it waiting for something, or frozen?"]
        assert not loss.errors


async def test_a_microphone_that_sounds_is_not_told_of(monkeypatch) -> None:
    monkeypatch.setattr(programmic, "CHECK_S", 0.05)
    async with hearing("cat /dev/zero") as (microphone, loss):
        for _ in range(60):
            await microphone.read()
        assert not loss.troubles


async def test_whoever_wants_no_word_of_trouble_gets_none(monkeypatch) -> None:
    monkeypatch.setattr(programmic, "CHECK_S", 0.01)
    for command in ("sleep 600", "true"):
        loss = Loss()
        microphone = ProgramMicrophone(Clock(), command, Ear(), lost=loss)
        await asyncio.sleep(0.3)
        await close(microphone, loss)
        assert not loss.errors


async def test_utterances_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "pcm").write_bytes(SPEECH.read_bytes()[44:] + WIRE_IN.silence(400))
    code = """
import sys, time
with open(sys.argv[1], 'rb') as pcm:
    while chunk := pcm.read(640):
        sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
        time.sleep(0.01)
"""
    async with hearing(python(code, tmp_path / "pcm")) as (microphone, loss):
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read_on(microphone))
            await until(lambda: microphone.speaking)
            assert microphone.level_dbfs > -50
            await until(lambda: microphone._last_silence_s >= 0.5)
            assert not microphone.speaking
            reading.cancel()
        assert not loss.errors
        assert microphone.speech_started_s is not None
        assert microphone.speech_ended_s is not None
        assert microphone.speech_started_s < microphone.speech_ended_s


async def read_on(microphone: ProgramMicrophone) -> None:
    while True:
        await microphone.read()


async def test_after_a_microphone_s_good_end_there_is_silence_at_the_pace_of_time(tmp_path: Path) -> None:
    """What it gave last need not be a whole chunk."""
    pcm = numbered(WIRE_IN.frames_of_ms(90))
    (tmp_path / "pcm").write_bytes(pcm + b"\1")
    async with hearing(shlex.join(["cat", str(tmp_path / "pcm")])) as (microphone, loss):
        await until(lambda: loss.troubles)
        assert b"".join([await microphone.read() for _ in range(5)]) == pcm + WIRE_IN.silence(10)
        await microphone.read()
        begun_s = microphone._clock.now()
        silence = b"".join([await microphone.read() for _ in range(100)])
        assert not any(silence)
        assert microphone._clock.now() - begun_s >= 2 - childprogram.CATCH_UP_S - 0.03
        assert loss.troubles == ["cat has ended: silence from here on"]
        assert not loss.errors


async def test_the_silence_after_the_end_is_no_muted_microphone(monkeypatch) -> None:
    monkeypatch.setattr(programmic, "CHUNK_S", 0.001)
    troubles: list[str] = []
    loss = Loss()
    microphone = ProgramMicrophone(Clock(), "true", Ear(on_trouble=troubles.append), lost=loss)
    monkeypatch.setattr(programmic, "_LAST_SILENCE_S", 0.05)
    for _ in range(600):
        await microphone.read()
    await close(microphone, loss)
    assert not troubles


async def test_a_program_that_only_closes_its_output_is_as_good_as_gone(monkeypatch) -> None:
    monkeypatch.setattr(childprogram, "_ENDING_S", 0.1)
    async with hearing(sh("exec >&- 2>&-; sleep 600")) as (_microphone, loss):
        assert await loss.words() == "sh closed its output"


# mouth

KEEP = 'exec cat > "$1"'
"""A player that holds nothing back."""


async def test_all_that_is_written_reaches_the_program_in_order(tmp_path: Path) -> None:
    pcm = numbered(WIRE_OUT.rate_hz)
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        for i in range(0, len(pcm), 1994):
            speaker.write(pcm[i : i + 1994])
        await speaker.drained()
        assert speaker.played_frames == WIRE_OUT.rate_hz
        assert speaker.held_frames == 0
        assert speaker.underruns == 0
    assert heard_in(tmp_path / "heard").astype("<i2").tobytes() == pcm


async def test_plays_no_faster_than_the_clock(tmp_path: Path) -> None:
    clock = Clock()
    told = []
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        speaker.listen(lambda _: told.append(("started", clock.now())), lambda _: told.append(("drained", clock.now())))
        speaker.write(dyed(1, 500))
        await speaker.drained()
        # how late a bell is heard depends on the machine, hence from before the write, but for the lead
        assert told[-1][1] >= 0.5 - speaker.latency_s
    assert [name for name, _ in told] == ["started", "drained"]


async def test_silence_flows_while_nothing_is_held(tmp_path: Path) -> None:
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        assert sorted(program_threads()) == ["flashlive-program-mouth", "flashlive-program-stderr"]
        await until(lambda: (tmp_path / "heard").exists() and (tmp_path / "heard").stat().st_size > 9600)
        assert speaker.played_frames == 0
        await speaker.drained()
    assert not any((tmp_path / "heard").read_bytes())


async def test_after_a_flush_the_old_reply_fades_and_only_the_new_one_is_heard(tmp_path: Path) -> None:
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        speaker.write(dyed(12_000, 60_000))
        await until(lambda: speaker.played_frames)
        dropped = speaker.flush()
        assert speaker.flush() == 0
        await speaker.drained()
        speaker.write(dyed(7, 100))
        await speaker.drained()
        assert dropped > 0
        assert speaker.played_frames + dropped == WIRE_OUT.frames_of_ms(60_100)
    heard = heard_in(tmp_path / "heard")
    new = WIRE_OUT.frames_of_ms(100)
    assert set(heard[-new:]) == {7}
    old = np.trim_zeros(heard[:-new])
    fade = old[-FADE_FRAMES + 1 :]  # its last sample is zero
    assert set(old[: -FADE_FRAMES + 1]) == {12_000}
    assert np.all(np.diff(fade) <= 0)
    assert -np.diff(fade, append=0).min() <= 2 * 12_000 / (FADE_FRAMES - 1) + 2  # no step that clicks


async def test_a_flush_before_the_first_sample_leaves_nothing(tmp_path: Path) -> None:
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        speaker.write(dyed(1, 40))  # less than the pre-roll: nothing sounds yet
        assert speaker.flush() == WIRE_OUT.frames_of_ms(40)
        await speaker.drained()
    assert not heard_in(tmp_path / "heard").size


async def test_running_dry_is_counted_and_the_next_start_holds_more_back() -> None:
    drained = asyncio.Event()
    async with speaking("cat") as (speaker, _loss):
        speaker.listen(lambda _: None, lambda _: drained.set())
        speaker.write(b"")
        assert speaker.underruns == 0
        speaker.write(dyed(1, 100))
        await drained.wait()
        assert speaker.underruns == 1
        speaker.write(dyed(1, 100))
        await asyncio.sleep(0.05)
        assert speaker.held_frames == WIRE_OUT.frames_of_ms(100)
        await speaker.drained()
        assert speaker.underruns == 1


async def test_running_dry_does_not_click_and_loses_nothing(tmp_path: Path) -> None:
    drained = asyncio.Event()
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        speaker.listen(lambda _: None, lambda _: drained.set())
        speaker.write(dyed(12_000, 107))
        await until(lambda: speaker.underruns)
        assert speaker.held_frames == WIRE_OUT.frames_of_ms(7)
        speaker.write(dyed(11_000, 113))
        await speaker.drained()
        assert speaker.played_frames == WIRE_OUT.frames_of_ms(220)
    heard = np.frombuffer((tmp_path / "heard").read_bytes(), "<i2").astype(int)
    falls = -np.diff(heard)[: np.flatnonzero(heard == 11_000)[0] - WIRE_OUT.frames_of_ms(7)]
    assert falls.max() <= 12_000 / 239 + 1


async def test_each_reply_is_told_when_it_begins_to_sound() -> None:
    """Also one that was written while the former still played, and after a flush."""
    heard_by = []
    async with speaking("cat") as (speaker, _loss):
        speaker.listen(lambda _: heard_by.append(speaker.played_frames), lambda _: None)
        speaker.write(dyed(1, 60_000))
        await until(lambda: heard_by)
        speaker.flush()
        for dye in (2, 3):
            speaker.write(dyed(dye, 200))
            speaker.complete()
        await speaker.drained()
    assert len(heard_by) == 3


async def test_a_program_that_reads_nothing_gets_little_and_blocks_nothing(monkeypatch) -> None:
    """What is given to it cannot be called back; closing does not wait for it either."""
    monkeypatch.setattr(programspeaker, "PLAY_OUT_S", 0.1)
    async with speaking("sleep 600") as (speaker, loss):
        speaker.write(dyed(1, 5000))
        speaker.complete()
        await asyncio.sleep(0.3)
        if sys.platform == "linux":
            assert WIRE_OUT.ms_of(speaker.played_frames) <= 1000 * speaker.latency_s
        assert speaker.flush() > 0
        assert not loss.errors


@pytest.mark.parametrize("tells", [True, False])
async def test_a_program_that_takes_nothing_is_lost(tells: bool, monkeypatch) -> None:
    """Also where nobody tells what is in the pipe, once that is full; and nobody waits for it."""
    monkeypatch.setattr(programspeaker, "CHECK_S", 0.05)
    if not tells:
        monkeypatch.setattr(programspeaker, "_unread_bytes", lambda _pipe: 0)
        monkeypatch.setattr(programspeaker, "LEAD_MS", 2000)  # fills the pipe at once
    async with speaking("sleep 600") as (speaker, loss):
        speaker.write(dyed(1, 5000))
        assert await loss.words() == "sleep takes no sound: is it a player, and its device not frozen?"
        await speaker.drained()
    assert len(loss.errors) == 1


async def test_a_player_that_freezes_is_lost_also_where_nothing_is_said(monkeypatch) -> None:
    async with speaking("cat") as (speaker, loss):
        await until(lambda: speaker._n_takes)
        monkeypatch.setattr(programspeaker, "CHECK_S", 0.05)
        os.kill(speaker._program._process.pid, signal.SIGSTOP)
        assert (await loss.words()).startswith("cat takes no sound")
        os.kill(speaker._program._process.pid, signal.SIGCONT)


async def test_a_player_may_begin_late_and_pause(tmp_path: Path) -> None:
    pcm = numbered(WIRE_OUT.frames_of_ms(600))
    async with speaking(sh('sleep 3; exec cat > "$1"', tmp_path / "heard")) as (speaker, loss):
        speaker.write(pcm)
        await speaker.drained()
        os.kill(speaker._program._process.pid, signal.SIGSTOP)
        await asyncio.sleep(1.2)
        os.kill(speaker._program._process.pid, signal.SIGCONT)
        await asyncio.sleep(1)
        assert not loss.errors
    assert heard_in(tmp_path / "heard").astype("<i2").tobytes() == pcm


async def test_a_full_pipe_keeps_neither_the_loop_nor_the_close(monkeypatch) -> None:
    """As on systems that do not tell what is in a pipe."""
    monkeypatch.setattr(programspeaker, "_unread_bytes", lambda _pipe: 0)
    monkeypatch.setattr(programspeaker, "LEAD_MS", 10_000)  # fills the pipe at once
    monkeypatch.setattr(programspeaker, "PLAY_OUT_S", 0.1)
    async with speaking("sleep 600") as (speaker, _loss):
        speaker.write(dyed(1, 5000))
        speaker.complete()
        frames = -1
        while speaker.played_frames != frames:
            frames = speaker.played_frames
            await asyncio.sleep(0.1)
        assert speaker.held_frames


async def test_a_program_that_pauses_misses_nothing(tmp_path: Path) -> None:
    pcm = numbered(WIRE_OUT.frames_of_ms(600))
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        speaker.write(pcm)
        await until(lambda: speaker.played_frames)
        os.kill(speaker._program._process.pid, signal.SIGSTOP)
        await asyncio.sleep(0.2)
        os.kill(speaker._program._process.pid, signal.SIGCONT)
        await speaker.drained()
    assert heard_in(tmp_path / "heard").astype("<i2").tobytes() == pcm


async def test_nobody_waits_for_a_program_that_is_gone() -> None:
    async with speaking("cat") as (speaker, loss):
        speaker.write(dyed(1, 60_000))
        os.kill(speaker._program._process.pid, signal.SIGKILL)
        await speaker.drained()
        await loss.words()
        speaker.write(dyed(1, 100))
        await speaker.drained()
        assert speaker.flush() > 0


@pytest.mark.stress
async def test_flushes_at_random_moments_account_for_every_frame(tmp_path: Path, monkeypatch) -> None:
    """Each round has its dye: a sample that is heard out of order would show up as a number."""
    monkeypatch.setattr(programspeaker, "FADE_MS", 0)
    written = dropped = 0
    async with speaking(sh(KEEP, tmp_path / "heard")) as (speaker, _loss):
        for dye in range(1, 40):
            written += WIRE_OUT.frames_of_ms(200)
            speaker.write(dyed(dye, 200))
            await asyncio.sleep(dye * 7 % 40 / 1000)
            dropped += speaker.flush()
        await speaker.drained()
        assert speaker.played_frames == written - dropped
    heard = heard_in(tmp_path / "heard")
    heard = heard[heard > 0]
    assert heard.size == written - dropped
    assert np.all(np.diff(heard) >= 0)


async def test_a_player_may_finish_what_it_holds(tmp_path: Path) -> None:
    """Its input ends before it is told to."""
    code = "import sys; sound = sys.stdin.buffer.read(); open(sys.argv[1], 'wb').write(sound)"
    async with speaking(python(code, tmp_path / "heard")) as (speaker, _loss):
        speaker.write(dyed(5, 100))
        await speaker.drained()
    assert set(heard_in(tmp_path / "heard")) == {5}


# both, and their ends


@asynccontextmanager
async def running(side: str, command: str) -> AsyncIterator[tuple[ProgramMicrophone | ProgramSpeaker, Loss]]:
    async with hearing(command) if side == "ears" else speaking(command) as opened:
        yield opened


SIDES = pytest.mark.parametrize("side", ["ears", "mouth"])


@SIDES
async def test_a_program_that_dies_is_named_with_its_last_words(side: str) -> None:
    code = r"import sys; sys.stderr.write('begin\n100%\r\x1b[31mno such card\n\n'); sys.exit(3)"
    async with running(side, python(code)) as (_, loss):
        assert await loss.words() == rf"{sys.executable} ended with exit code 3: \x1b[31mno such card"
    assert len(loss.errors) == 1


@SIDES
async def test_a_program_that_is_killed_is_said_to_be(side: str) -> None:
    async with running(side, "cat /dev/zero" if side == "ears" else "cat") as (end, loss):
        os.kill(end._program._process.pid, signal.SIGKILL)
        assert await loss.words() == "cat was killed by signal 9"


@SIDES
@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
async def test_closing_ends_the_program_and_what_it_started(side: str, trap: str, tmp_path: Path, monkeypatch) -> None:
    """Whether or not it listens to SIGTERM; the FIFO ends when the last process that holds it does."""
    monkeypatch.setattr(childprogram, "TERM_PATIENCE_S", 0.2)
    monkeypatch.setattr(programspeaker, "PLAY_OUT_S", 0.1)
    os.mkfifo(tmp_path / "alive")
    code = trap + 'exec 3> "$1"; (trap "" TERM; sleep 600) & echo >&3; sleep 600'
    async with running(side, sh(code, tmp_path / "alive")):
        alive = await asyncio.to_thread((tmp_path / "alive").open, "rb", 0)
        assert alive.read(1) == b"\n"
    with alive:
        assert alive.read() == b""


@SIDES
async def test_a_terminal_s_ctrl_c_does_not_reach_the_program(side: str) -> None:
    code = "import os, sys; sys.exit(f'{os.getsid(0) == os.getpid()}')"
    async with running(side, python(code)) as (_, loss):
        assert (await loss.words()).endswith(": True")


@SIDES
async def test_a_descendant_that_fled_keeps_nobody_waiting(side: str, monkeypatch) -> None:
    """It has a session of its own and keeps the pipes; the threads end with it."""
    monkeypatch.setattr(programspeaker, "PLAY_OUT_S", 0.1)
    monkeypatch.setattr(childprogram, "_JOIN_PATIENCE_S", 0.1)
    code = """
import os, time
ready, fled = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(fled, b'.')
    os.close(fled)
    time.sleep(1)
    os._exit(0)
os.read(ready, 1)
os.write(1, bytes(640))
os.write(2, b'fled')
time.sleep(600)
"""
    loss = Loss()
    end: ProgramMicrophone | ProgramSpeaker
    if side == "ears":
        end = ProgramMicrophone(Clock(), python(code), Ear(), lost=loss)
    else:
        end = ProgramSpeaker(Clock(), python(code), lost=loss)
    await until(lambda: end._program._last_words)
    async with asyncio.timeout(30):
        await end.close()
    assert end._program._process.returncode is not None
    await until(lambda: not program_threads())
    assert not loss.errors


@SIDES
async def test_closing_twice_and_after_a_loss_is_fine(side: str) -> None:
    async with running(side, "false") as (end, loss):
        await loss.words()
        await end.close()


async def test_a_close_that_is_cancelled_goes_on(monkeypatch) -> None:
    monkeypatch.setattr(childprogram, "TERM_PATIENCE_S", 0.1)
    async with hearing(sh("trap '' TERM; echo >&2; while :; do sleep 600; done")) as (microphone, _loss):
        await until(lambda: microphone._program._last_words)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await microphone.close()
        await until(lambda: microphone._program._process.returncode is not None)


@SIDES
async def test_a_thread_that_dies_is_known_in_the_loop(side: str, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(Ring, "write" if side == "ears" else "read_into", broken)
    async with running(side, "cat /dev/zero" if side == "ears" else "cat") as (end, loss):
        if isinstance(end, ProgramSpeaker):
            end.write(dyed(1, 100))
        assert await loss.words() == "the thread for cat died of MemoryError: no more"


@pytest.mark.parametrize("start", [lambda c: ProgramMicrophone(Clock(), c, Ear(), lost=Loss()),
                                   lambda c: ProgramSpeaker(Clock(), c, lost=Loss())])  # fmt: skip
async def test_what_cannot_be_started_says_why(start: Callable[[str], object], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no program")
    for command, kind, words in (
        ("nosuchprogram -q", DeviceError, "nosuchprogram cannot be started: No such file or directory; is it inst"),
        ("./no\x1bsuch", DeviceError, r"./no\\x1bsuch cannot be started"),
        (shlex.quote(str(tmp_path / "notes.txt")), DeviceError, "notes.txt cannot be started: Permission denied"),
        (shlex.quote(str(tmp_path)), DeviceError, "cannot be started: Permission denied"),
        ("", ConfigError, "empty"),
        ("  ", ConfigError, "empty"),
        ("''", ConfigError, "empty"),
        ("arecord 'a", ConfigError, '"arecord \'a" is no command: No closing quotation'),
        ("arecord \0", ConfigError, "null byte"),
    ):
        with pytest.raises(kind, match=words):
            start(command)
    assert not program_threads()
