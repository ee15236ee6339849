"""The command line, called in this process or started as a real one."""

import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from flashlive_cli.cli import main
from tests.cli.terminals import Person, Tmux, Window, find_tmux

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "flashlive_cli"]


@dataclass
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """Stdout as NDJSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def record(self, kind: str) -> dict[str, Any]:
        """The last record of a type."""
        return [record for record in self.records() if record["type"] == kind][-1]


class Shell:
    """A folder to work in, and an environment without key and settings."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *args: str | Path) -> Outcome:
        """Run a command in this process."""
        self._capture.readouterr()
        code = main([str(arg) for arg in args])
        out, err = self._capture.readouterr()
        return Outcome(code, out, err)

    @contextmanager
    def started(
        self, *args: str | Path, stdin: int | None = subprocess.DEVNULL, stdout: int | IO[Any] = subprocess.PIPE
    ) -> "Iterator[subprocess.Popen[str]]":
        """Start a command as a process of its own."""
        process = subprocess.Popen(
            [*COMMAND, *map(str, args)], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()

    @contextmanager
    def simulator(self, *args: str) -> Iterator[str]:
        """Run `flashlive sim` and give its address."""
        with self.started("sim", "--port", "0", *args) as process:
            assert process.stdout is not None
            yield next(word for word in process.stdout.readline().split() if word.startswith("ws://"))
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130

    def wav(self, name: str, seconds: float = 0.6, rate: int = 16000) -> Path:
        """Write a WAV of noise, which the simulator hears as speech."""
        import numpy as np

        path = self.folder / name
        noise = np.random.default_rng(1).integers(-6000, 6000, int(rate * seconds)).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(noise.tobytes())
        return path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    for name in list(os.environ):
        if name.startswith(("FLASHLIVE_", "GEMINI_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.fixture
def tmux(shell: Shell) -> Iterator[Callable[..., Tmux]]:
    """Open terminals whose screen can be read, in the shell's folder and environment."""
    if missing := find_tmux():
        pytest.skip(missing)
    with ExitStack() as stack:
        yield lambda width=100, height=30: stack.enter_context(closing(Tmux(shell.folder, width, height)))


@pytest.fixture
def window(shell: Shell) -> Iterator[Callable[..., Window]]:
    """Open terminals whose bytes are kept, in the shell's folder and environment."""
    if sys.platform == "win32":
        pytest.skip("a pty is POSIX's")
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(closing(Window(**options)))


@pytest.fixture
def person(shell: Shell) -> Person:
    """Somebody who speaks and hears by programs."""
    return Person(shell.folder)
