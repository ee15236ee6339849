"""Terminals for tests: one in tmux, whose screen can be read, and a bare one, whose every byte is seen."""

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 25.0
"""How long a test waits for what must come."""
_LOOK_S: Final = 0.03
EXAMPLES: Final = Path(__file__).parents[2] / "examples"
COMMAND: Final = (sys.executable, "-m", "flashlive_cli")

SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])")
"""Escape sequences, as far as one needs them to read the words between them."""

_END: Final = b"\0end\0"
_LEADER: Final = """
import fcntl, os, signal, sys, termios
tty, report = int(sys.argv[1]), int(sys.argv[2])
fcntl.ioctl(tty, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
signal.signal(signal.SIGHUP, lambda *_: os.kill(job, signal.SIGHUP))  # as a shell passes it on
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(tty, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.set_inheritable(tty, False)
    os.set_inheritable(report, False)
    os.execv(sys.argv[3], sys.argv[3:])
for stream in range(3):  # or who reads the job's output waits for us, too
    os.dup2(os.open(os.devnull, os.O_RDWR), stream)
os.write(report, f"{job}\\n".encode())
code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
os.write(report, f"{code}\\n".encode())
signal.pause()
"""
"""What a shell does for a job: a leader of the session, which outlives it, so that the terminal does, too."""


def find_tmux() -> str | None:
    """Return why there is no tmux; None where there is one."""
    if sys.platform == "win32":
        return "tmux is POSIX's"
    return None if shutil.which("tmux") else "tmux is not installed"


class Tmux:
    """
    A window of tmux with a shell in it, of a server of its own.

    `sh` and not the user's shell: others put the modes of the terminal in order when a job has died, which would hide
    that it did not.
    """

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self.folder = folder
        self._sockets = tempfile.mkdtemp(prefix="fl-tm-")  # short: a socket's path has 108 bytes
        hidden = ("TMUX", "TMUX_PANE", "COLUMNS", "LINES", "NO_COLOR")
        self._env = {name: value for name, value in os.environ.items() if name not in hidden}
        self._env |= {"LC_ALL": "C.UTF-8", "ENV": "", "TERM": "xterm-256color", "TMUX_TMPDIR": self._sockets}
        self("new-session", "-d", "-x", str(width), "-y", str(height), "sh -i")

    def __call__(self, *command: str) -> str:
        """Give tmux a command."""
        done = subprocess.run(
            ["tmux", "-u", "-L", "flashlive", "-f", "/dev/null", *command],
            env=self._env, capture_output=True, text=True, encoding="utf-8", check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        return done.stdout

    def run(self, *args: str | Path) -> None:
        """Run flashlive, with the terminal's modes written down before and after it."""
        self.command(*args)
        self.order("clear; stty -a > before; ./command; echo code=$?; stty -a > after; echo over")

    def command(self, *args: str | Path) -> None:
        """Make `./command` that flashlive."""
        path = self.folder / "command"
        path.write_text(f"#!/bin/sh\nexec {shlex.join([*COMMAND, *map(str, args)])}\n")
        path.chmod(0o755)

    def order(self, line: str) -> None:
        """Type a line into the shell."""
        self.type(line)
        self.press("Enter")

    def type(self, text: str) -> None:
        self("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: `Escape`, `C-z`."""
        self("send-keys", *keys)

    def screen(self) -> list[str]:
        """Return what is seen, without blank lines."""
        return [line for line in self("capture-pane", "-p").splitlines() if line.strip()]

    def history(self) -> str:
        """Return the scrollback and the screen, each line whole that the terminal has wrapped."""
        return self("capture-pane", "-pJ", "-S", "-")

    def shows_cursor(self) -> bool:
        return self("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def resize(self, width: int, height: int) -> None:
        self("resize-window", "-x", str(width), "-y", str(height))

    def until(self, *patterns: str) -> list[str]:
        """Wait until each regular expression is found in a line of the screen; return that screen."""
        return self.until_seen(
            lambda lines: all(any(re.search(pattern, line) for line in lines) for pattern in patterns), *patterns
        )

    def until_seen(self, condition: Callable[[list[str]], bool], *wanted: object) -> list[str]:
        """Wait until the screen is as it is wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(lines := self.screen()):
            assert time.monotonic() < deadline, "\n".join([str(wanted), *lines])
            time.sleep(_LOOK_S)
        return lines

    def ended(self) -> int:
        """Wait for the end of what `run` runs; return its exit code."""
        lines = self.until("^over$")
        return int(next(line for line in reversed(lines) if line.startswith("code=")).removeprefix("code="))

    def modes(self) -> tuple[str, str]:
        """Return what `stty -a` said before and after."""
        return (self.folder / "before").read_text(), (self.folder / "after").read_text()

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self("kill-server")
        shutil.rmtree(self._sockets, ignore_errors=True)


_MIC: Final = """
import sys, time, wave
from pathlib import Path
with wave.open(sys.argv[2]) as file:
    speech = file.readframes(32_000)[6_400:]
hush = bytes([3, 0, 253, 255]) * 160
loop = Path(sys.argv[1])
once = Path(sys.argv[1] + ".once")
begun = time.monotonic()
n_blocks = n_spoken = 0
while True:
    if once.exists():
        n_spoken = 1
        once.unlink()
    elif loop.exists() or n_spoken:
        n_spoken = (n_spoken + 1) % (len(speech) // 640)
    start = 640 * (n_spoken - 1)
    sys.stdout.buffer.write(speech[start : start + 640] if n_spoken else hush)
    sys.stdout.flush()
    n_blocks += 1
    time.sleep(max(0.0, begun + 0.02 * n_blocks - time.monotonic()))
"""
"""A microphone in which a question is asked over and over while a file is there, or once for another file."""


class Person:
    """
    Somebody who speaks live when told to, and hears: two programs in place of a sound card.

    Attributes:
        args: for `flashlive talk`.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "mic.py").write_text(_MIC)
        self._speaking = folder / "speaking"
        self.args = (
            "--input", f"cmd:{sys.executable} -S mic.py speaking {EXAMPLES}/where-is-my-order.wav",
            "--output", "cmd:sh -c 'cat > /dev/null'",
        )  # fmt: skip

    def ask(self) -> None:
        """Ask a question of less than two seconds."""
        self._speaking.with_suffix(".once").touch()

    def speak(self) -> None:
        """Begin to speak."""
        self._speaking.touch()

    def be_silent(self) -> None:
        """Stop that, at the end of a sentence."""
        self._speaking.unlink()


class Window:
    """
    A terminal that keeps every byte it is sent, and answers what it is asked as a plain or a kitty terminal does.

    `flashlive` runs in it as a shell's job would.
    """

    def __init__(self, *, columns: int = 100, rows: int = 30, kitty: bool = False) -> None:
        self._screen, self._tty = os.openpty()
        self._kitty = kitty
        self._shown = bytearray()
        self._read_to = 0
        self._changed = threading.Condition()
        self._leader: subprocess.Popen[bytes] | None = None
        self._report = -1
        self.pid = 0
        self.resize(columns, rows)
        self.before = self.modes()
        stop, self._wake = os.pipe()
        self._reader = threading.Thread(target=self._read, args=(stop,), name="terminal")
        self._reader.start()

    def start(
        self,
        *args: str | Path,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        python: Sequence[str] = (),
        **env: str,
    ) -> None:
        """Start flashlive; its streams are the terminal, but for those given as descriptors."""
        reading, writing = os.pipe()
        job = [COMMAND[0], *python, *COMMAND[1:], *map(str, args)]
        streams = [self._tty if stream is None else stream for stream in (stdin, stdout, stderr)]
        dropped = ("COLUMNS", "LINES", "NO_COLOR", "TMUX")
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        self._leader = subprocess.Popen(
            [sys.executable, "-S", "-c", _LEADER, str(self._tty), str(writing), *job],
            stdin=streams[0], stdout=streams[1], stderr=streams[2], pass_fds=(self._tty, writing),
            start_new_session=True, env={**inherited, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env},
        )  # fmt: skip
        os.close(writing)
        self._report = reading
        self.pid = self._reported()

    def ended(self) -> int:
        """Wait for the end, and for all that was sent until then; return the exit code, negative for a signal."""
        code = self._reported()
        if self._screen >= 0:
            os.write(self._tty, _END)  # comes behind all else
            with self._changed:
                assert self._changed.wait_for(lambda: _END in self._shown, PATIENCE_S)
                self._shown = self._shown.replace(_END, b"")
        return code

    def runs(self) -> bool:
        """Whether it has not ended."""
        return not select.select([self._report], [], [], 0)[0]

    def modes(self) -> str:
        """Return what `stty -a` says."""
        return subprocess.run(["stty", "-a"], stdin=self._tty, capture_output=True, text=True, check=True).stdout

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def resize(self, columns: int, rows: int) -> None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def shown(self) -> str:
        """All that was sent, sequences included."""
        return bytes(self._shown).decode("utf-8", "backslashreplace")

    @property
    def words(self) -> str:
        """All that was sent, without sequences, and without one that is not complete."""
        return SEQUENCE.sub("", self.shown).split("\x1b")[0]

    def until(self, words: str) -> str:
        """Wait for words after those that were waited for before; return what came until then."""

        def come() -> bool:
            return words in self.words[self._read_to :]

        with self._changed:
            assert self._changed.wait_for(come, PATIENCE_S), (words, self.words[-3000:])
        before = self._read_to
        self._read_to = self.words.index(words, before) + len(words)
        return self.words[before : self._read_to]

    def until_sent(self, sequence: str) -> None:
        """Wait for a sequence."""
        with self._changed:
            assert self._changed.wait_for(lambda: sequence in self.shown, PATIENCE_S), (sequence, self.shown[-3000:])

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.write(self._wake, b"!")
        self._reader.join(PATIENCE_S)
        for fd in (self._tty, self._screen, self._wake):
            os.close(fd)
        self._screen = -1

    def close(self) -> None:
        for pid in (self.pid, self._leader.pid if self._leader else 0):
            with contextlib.suppress(ProcessLookupError):
                if pid:
                    os.kill(pid, signal.SIGKILL)
        if self._leader is not None:
            self._leader.wait()
            os.close(self._report)
        if self._screen >= 0:
            self.hang_up()

    def _reported(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self._report], [], [], PATIENCE_S)[0], self.words[-3000:]
            octet = os.read(self._report, 1)
            assert octet, self.words[-3000:]
            line += octet
        return int(line)

    def _read(self, stop: int) -> None:
        """Take what is sent, in a thread, until something comes through `stop`."""
        n_answered = 0
        while stop not in (ready := select.select([self._screen, stop], [], [])[0]):
            data = os.read(self._screen, 65536) if ready else b""
            with self._changed:
                self._shown += data
                self._changed.notify_all()
            asked = re.findall(rb"\x1b\[\?u|\x1b\[c", bytes(self._shown))
            for question in asked[n_answered:]:
                if question.endswith(b"c"):
                    os.write(self._screen, b"\x1b[?62;22c")
                elif self._kitty:
                    os.write(self._screen, b"\x1b[?0u")
            n_answered = len(asked)
        os.close(stop)
