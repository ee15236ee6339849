"""A stranger's machine: an empty home, a copy of the checkout, a service that is the simulator, no sound card."""

import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

# programs that a test machine has not, or that need a sound card or another machine: what they do is done here
_RECORDS = """
import sys, time, wave
with wave.open("{clip}") as wav:
    assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16000, 1, 2)
    pcm = wav.readframes(wav.getnframes()) + bytes(32000 * 600)
try:
    for at in range(0, len(pcm), 640):  # 20 ms, and in real time
        sys.stdout.buffer.write(pcm[at : at + 640])
        sys.stdout.buffer.flush()
        time.sleep(0.02)
except OSError:
    pass
"""
_PLAYS = """
import sys, time
played = open("{home}/played", "ab")
while block := sys.stdin.buffer.read1(960):
    played.write(block)
    played.flush()
    time.sleep(len(block) / 48000 * 0.9)
"""
_CONNECTS = """
import os, socket, sys, threading
args = sys.argv[1:]
if "-l" in args:
    server = socket.create_server(("127.0.0.1", int(args[args.index("-p") + 1])))
    end = server.accept()[0]
else:
    end = socket.create_connection(("127.0.0.1", int(args[-1])))
def send():
    sent = 0
    while block := sys.stdin.buffer.read1(4096):
        end.sendall(block)
        sent += len(block)
    if sent:
        end.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
try:
    while block := end.recv(4096):
        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
except OSError:
    pass
os._exit(0)  # whatever the other thread waits for
"""
_LOGS_IN = """
import os, sys
args = sys.argv[1:]
command = args[args.index("far") + 1 :]
os.execvp("sh", ["sh", "-c", " ".join(command)])
"""


class Stranger:
    """
    Somebody who follows the README.

    Attributes:
        here: the checkout they are in.
        home: theirs.
        env: of their shell.
    """

    def __init__(self, folder: Path) -> None:
        self.here, self.home = folder / "flashlive", folder / "home"
        self.home.mkdir()
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=False)
        names = tracked.stdout.decode().split("\0") if tracked.returncode == 0 else []
        for name in filter(None, names):
            if (CHECKOUT / name).is_file():
                target = self.here / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(CHECKOUT / name, target)
        programs = folder / "bin"
        programs.mkdir()
        clip = self.here / "examples" / "where-is-my-order.wav"
        for name, text in (("arecord", _RECORDS), ("aplay", _PLAYS), ("nc", _CONNECTS), ("ssh", _LOGS_IN)):
            source = text.replace("{clip}", str(clip)).replace("{home}", str(self.home))
            (programs / name).write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
            (programs / name).chmod(0o755)
        (programs / "flashlive").write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -m flashlive_cli "$@"\n', encoding="utf-8"
        )
        (programs / "flashlive").chmod(0o755)
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PULSE_SERVER", "PULSE_COOKIE")
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env["PATH"] = os.pathsep.join((str(programs), str(Path(sys.executable).parent), self.env["PATH"]))
        self.env |= {"HOME": str(self.home), "PYTHONPATH": str(CHECKOUT)}

    @property
    def played(self) -> bytes:
        """What the stand-in for `aplay` has played."""
        path = self.home / "played"
        return path.read_bytes() if path.exists() else b""

    def have(self, name: str) -> Path:
        """Put a recording of theirs into the checkout: what the README calls `question.wav`."""
        target = self.here / name
        shutil.copyfile(self.here / "examples" / "where-is-my-order.wav", target)
        return target


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    if not shutil.which("git") or not (CHECKOUT / ".git").exists():
        pytest.skip("this is no checkout")
    return Stranger(tmp_path)


@pytest.fixture
def service(stranger: Stranger) -> Iterator[None]:
    """The simulator in the service's place, for whoever has a key."""
    command = [sys.executable, "-m", "flashlive_cli", "sim", "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=stranger.env, text=True
    ) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        stranger.env |= {"GEMINI_API_KEY": "a-key-of-theirs", "GOOGLE_GEMINI_BASE_URL": url}
        yield
        server.terminate()


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as wav:
        return wav.getnframes() / wav.getframerate()
