"""Ctrl-C and its kin, sent to real processes at real moments: the file is finished, the goodbye is polite."""

import asyncio
import json
import signal
import sys
import time
import wave

import pytest
from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of a test

from flashlive_cli.cli.signals import SAME_S, interrupted_by, on_signals
from flashlive_cli.session.connection import CLOSE_TIMEOUT_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

LONG = '[[turn]]\n[turn.sim]\nreply = "' + "Once upon a time there was a king. " * 30 + '"\n'


def started(shell, *more: str):
    (shell.folder / "long.toml").write_text(LONG)
    return shell.started(
        "talk", "--sim", "--scenario", "long.toml", "-x", "a story", "-o", "o.wav", "--format", "json", *more
    )


def until(process, kind: str) -> None:
    for line in process.stdout:
        if json.loads(line)["type"] == kind:
            return
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize("moment", ["session.ready", "reply.started", "reply.first_sample"])
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_talk_politely(shell, moment, sent, code) -> None:
    with started(shell) as process:
        until(process, moment)
        process.send_signal(sent)
        assert process.wait(20) == code
        rest = [json.loads(line) for line in process.stdout]
        err = process.stderr.read()

    assert rest[-1]["type"] == "session.closed"
    assert rest[-1]["code"] == 1000
    assert "Traceback" not in err
    with wave.open(str(shell.folder / "o.wav")) as file:
        assert file.getnframes() == len(file.readframes(10**7)) // 2


@pytest.mark.parametrize("apart_s", [0.0, 0.005, 0.03])
def test_one_ctrl_c_that_comes_four_times_is_one(shell, apart_s) -> None:
    """Keys repeat, and a wrapper may pass on what the terminal has sent already; also when all is over."""
    with started(shell) as process:
        until(process, "reply.first_sample")
        for _ in range(4):
            process.send_signal(signal.SIGINT)
            time.sleep(apart_s)
        assert process.wait(20) == 130
        rest = [json.loads(line) for line in process.stdout]
        assert process.stderr.read() == ""

    assert [record["type"] for record in rest[-2:]] == ["summary", "session.closed"]
    assert rest[-1]["code"] == 1000


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_second_signal_waits_for_no_goodbye_and_all_is_summed_up(shell, monkeypatch, sent, code) -> None:
    """The far end takes nothing any more: a polite end waits for its goodbye for two seconds."""
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    over = asyncio.Event()

    async def accept(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(b'{"setupComplete": {}}')
        await socket.recv()
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    async with serve(accept, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with shell.started("talk", "--url", url, "-x", "hello", "--format", "json") as process:
            await asyncio.to_thread(until, process, "transcript")
            process.send_signal(sent)
            await asyncio.sleep(SAME_S + 0.2)
            assert process.poll() is None
            sent_s = time.monotonic()
            process.send_signal(sent)
            assert await asyncio.to_thread(process.wait, 20) == code
            took_s = time.monotonic() - sent_s
            rest = [json.loads(line) for line in process.stdout]
            assert process.stderr.read() == ""
        over.set()

    assert took_s < CLOSE_TIMEOUT_S - SAME_S - 0.2
    assert [record["type"] for record in rest] == ["summary", "session.closed"]


def test_what_was_heard_until_ctrl_c_is_told(shell) -> None:
    with started(shell) as process:
        until(process, "reply.first_sample")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        rest = [json.loads(line) for line in process.stdout]

    final = next(record for record in rest if record["type"] == "transcript" and record["final"])
    assert final["text"].startswith("Once upon")
    assert len(final["heard"]) < len(final["text"])


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_while_a_pipe_keeps_its_header_back_ends_at_once(shell, sent, code) -> None:
    import fcntl
    import subprocess
    import termios

    with shell.started("talk", "--sim", "-i", "-", stdin=subprocess.PIPE) as process:
        process.stdin.buffer.raw.write(b"RI")
        while fcntl.ioctl(process.stdin.fileno(), termios.FIONREAD, bytes(4)) != bytes(4):
            assert process.poll() is None, "it has not taken the first bytes yet"
        process.send_signal(sent)
        assert process.wait(20) == code
        assert "Traceback" not in process.stderr.read()


def test_ctrl_c_while_waiting_for_a_pipe_ends_at_once(shell) -> None:
    import subprocess

    with shell.started("sim", "--port", "0") as simulator:
        url = next(word for word in simulator.stdout.readline().split() if word.startswith("ws://"))
        with shell.started(
            "talk", "--url", url, "-i", "-", "--raw", "--format", "json", stdin=subprocess.PIPE
        ) as process:
            until(process, "session.ready")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert "Traceback" not in process.stderr.read()


def test_kill_9_leaves_a_wav_that_plays(shell) -> None:
    with started(shell, "--speed", "5") as process:
        until(process, "reply.first_sample")
        # a second of sound at five times the pace
        while not (shell.folder / "o.wav").stat().st_size > 24000 * 2 * 5:
            assert process.poll() is None
        process.kill()
        process.wait()

    with wave.open(str(shell.folder / "o.wav")) as file:
        frames = file.readframes(file.getnframes())
    assert len(frames) > 0
    assert any(frames)


async def test_a_signal_is_met_for_as_long_as_asked_and_one_that_no_system_has_is_left_out() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    numbers: asyncio.Queue[int] = asyncio.Queue()
    with on_signals("SIGUSR1", "SIGNOBODYKNOWS", act=numbers.put_nowait):
        signal.raise_signal(signal.SIGUSR1)
        assert await numbers.get() == signal.SIGUSR1

    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_signal_interrupts_what_runs_and_is_told_from_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with pytest.raises(KeyboardInterrupt), interrupted_by("SIGUSR1", "SIGNOBODYKNOWS") as caught:
        signal.raise_signal(signal.SIGUSR1)

    assert caught == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before
