"""The keyboard of a real terminal, a pty with a small shell of its own: it is left as it was found on every way out."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flashlive_cli.ui.keyboard_windows import ConsoleKeys
from flashlive_cli.ui.keys import Key
from flashlive_cli.ui.terminal import Terminal

posix = pytest.mark.skipif(sys.platform == "win32", reason="a pty is POSIX's")

PROGRAM = """
import asyncio, atexit, os, signal, sys, threading
from flashlive_cli.ui.terminal import Terminal

way = sys.argv[1]
if way == "outlives its terminal":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

def say(line):
    os.write(1, f"{line}\\n".encode())

def keys(found):
    for key in found:
        say(f"key {key.name} {key.kind}")
        if key.name == "q":
            done.set()

async def main():
    global done
    done = asyncio.Event()
    with Terminal(
        keys, resized=lambda: say("resized"), suspending=lambda: say("suspending"), resumed=lambda: say("resumed")
    ) as terminal:
        say(f"ready available={terminal.available} front={terminal.in_front}")
        if way == "exception":
            raise ZeroDivisionError
        if way == "sys.exit":
            sys.exit(7)
        if way == "sys.exit in a thread":
            thread = threading.Thread(target=sys.exit, args=(7,))
            thread.start()
            thread.join()
            return
        if way == "hangs":
            import time
            while not done.is_set():
                time.sleep(0.01)
        if way == "forks":
            if not os.fork():
                terminal.__exit__()
                atexit._run_exitfuncs()
                os._exit(0)
            os.wait()
            say("forked")
        if way == "outlives its terminal":
            while terminal.available:
                await asyncio.sleep(0.01)
            say(f"gone front={terminal.in_front}")
            done.set()
        await done.wait()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("flashlive")]
    say(f"left {threads}")

def skipping_the_context():
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    async def enter():
        Terminal(keys).__enter__()
        say("ready")
    loop.run_until_complete(enter())
    loop.close()

if way == "skips the context":
    skipping_the_context()
else:
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
"""

SHELL = """
import os, signal, subprocess, sys, threading
tty = os.open(sys.argv[1], os.O_RDWR)  # a session's leader gets the first terminal it opens
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
signal.signal(signal.SIGHUP, lambda *_: os.killpg(job.pid, signal.SIGHUP))  # as real ones pass it on
in_front = sys.argv[2] == "front"

def say(line):
    os.write(1, f"shell: {line}\\n".encode())

def begin():
    os.setpgid(0, 0)
    if in_front:
        os.tcsetpgrp(tty, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

stdin = subprocess.DEVNULL if sys.argv[3] == "no stdin" else tty
job = subprocess.Popen(sys.argv[4:], stdin=stdin, preexec_fn=begin)

def watch():
    while True:
        _, status = os.waitpid(job.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(tty, os.getpgrp())
            say("stopped")
            continue
        say(f"killed {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exited {os.WEXITSTATUS(status)}")
        return

threading.Thread(target=watch, daemon=True).start()
for line in sys.stdin:
    match line.strip():
        case "front":
            os.tcsetpgrp(tty, job.pid)
        case "fg":
            os.tcsetpgrp(tty, job.pid)
            os.killpg(job.pid, signal.SIGCONT)
        case "bg":
            os.killpg(job.pid, signal.SIGCONT)
        case "take":
            os.tcsetpgrp(tty, os.getpgrp())
        case name:
            os.killpg(job.pid, getattr(signal, name))
"""


class Job:
    """A program at a terminal of its own, started by a shell, with the terminal's other end in our hands."""

    def __init__(
        self, folder: Path, way: str, *, place: str = "front", stdin: str = "terminal", term: str = "xterm"
    ) -> None:
        self.screen, self.tty = os.openpty()
        (folder / "program.py").write_text(PROGRAM)
        (folder / "shell.py").write_text(SHELL)
        root = str(Path(__file__).parents[2])
        self.before = self.modes()
        self.shell = subprocess.Popen(
            [sys.executable, str(folder / "shell.py"), os.ttyname(self.tty), place, stdin,
             sys.executable, str(folder / "program.py"), way],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            start_new_session=True, env=os.environ | {"TERM": term, "PYTHONPATH": root},
        )  # fmt: skip
        self.said: list[str] = []
        self.shown = b""
        self._rest = b""

    def modes(self) -> list[Any]:
        """What `stty -a` shows."""
        import termios

        return termios.tcgetattr(self.tty)

    @property
    def raw(self) -> bool:
        import termios

        return not self.modes()[3] & (termios.ICANON | termios.ECHO)

    def until(self, line: str) -> str:
        """Wait for a line that begins like this; the terminal's output is taken meanwhile."""
        assert self.shell.stdout is not None
        deadline = time.monotonic() + 20
        while True:
            while b"\n" in self._rest:
                first, self._rest = self._rest.split(b"\n", 1)
                self.said.append(first.decode())
                if self.said[-1].startswith(line):
                    return self.said[-1]
            assert time.monotonic() < deadline, (line, self.said, self.shown)
            stdout = self.shell.stdout.fileno()
            ready = select.select([stdout, *([self.screen] if self.screen >= 0 else [])], [], [], 1)[0]
            if self.screen in ready:
                self.shown += os.read(self.screen, 4096)
            if stdout in ready:
                data = os.read(stdout, 4096)
                assert data, (line, self.said)
                self._rest += data

    def until_shown(self, sequence: bytes) -> None:
        """Wait until the terminal was sent a sequence."""
        deadline = time.monotonic() + 20
        while sequence not in self.shown:
            assert time.monotonic() < deadline, (sequence, self.shown)
            if select.select([self.screen], [], [], 1)[0]:
                self.shown += os.read(self.screen, 4096)

    def type(self, data: bytes) -> None:
        os.write(self.screen, data)

    def order(self, command: str) -> None:
        assert self.shell.stdin is not None
        self.shell.stdin.write(f"{command}\n".encode())

    def signal(self, name: str) -> None:
        self.order(name)

    def ended(self) -> str:
        return self.until("shell: ").removeprefix("shell: ")

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self.tty)
        os.close(self.screen)
        self.screen = -1

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.order("SIGKILL")
        assert self.shell.stdin is not None
        self.shell.stdin.close()
        self.shell.wait(10)
        assert self.shell.stdout is not None
        self.shell.stdout.close()
        if self.screen >= 0:
            self.hang_up()


@contextmanager
def job(folder: Path, way: str = "waits", **more: str) -> Iterator[Job]:
    started = Job(folder, way, **more)
    try:
        yield started
    finally:
        started.close()


@posix
def test_keys_arrive_and_at_the_end_all_is_as_before(tmp_path) -> None:
    with job(tmp_path) as at:
        assert at.until("ready") == "ready available=True front=True"
        assert at.raw
        at.type(b"a\x1b[A")
        at.until("key a")
        at.until("key up")
        at.type(b"\x1b")
        at.until("key esc")
        at.type(b"q")
        assert at.until("left") == "left []"
        assert at.ended() == "exited 0"
        at.until_shown(b"\x1b[?2004l")

        assert at.modes() == at.before
        assert b"\x1b[?2004h" in at.shown
        assert b"\x1b[>" not in at.shown, "nobody answered the question for the protocol"


@posix
@pytest.mark.parametrize(
    ("way", "end"),
    [
        ("exception", "exited 1"),
        ("sys.exit", "exited 7"),
        ("sys.exit in a thread", "exited 0"),
        ("skips the context", "exited 0"),
    ],
)
def test_a_program_that_ends_by_itself_leaves_the_terminal_as_it_was(tmp_path, way, end) -> None:
    with job(tmp_path, way) as at:
        at.until("ready")
        assert at.ended() == end

        assert at.modes() == at.before
        at.until_shown(b"\x1b[?2004l")


@posix
@pytest.mark.parametrize(
    ("way", "name", "end"),
    [
        ("waits", "SIGINT", "exited 130"),
        ("waits", "SIGTERM", "killed 15"),
        ("waits", "SIGHUP", "killed 1"),
        ("waits", "SIGQUIT", "killed 3"),
        ("hangs", "SIGTERM", "killed 15"),
        ("hangs", "SIGQUIT", "killed 3"),
    ],
)
def test_a_signal_ends_the_program_and_leaves_the_terminal_as_it_was(tmp_path, way, name, end) -> None:
    with job(tmp_path, way) as at:
        at.until("ready")
        assert at.raw
        at.signal(name)
        assert at.ended() == end

        assert at.modes() == at.before
        at.until_shown(b"\x1b[?2004l")


@posix
@pytest.mark.parametrize(("typed", "end"), [(b"\x03", "exited 130"), (b"\x1c", "killed 3"), (b"\x1a", "stopped")])
def test_the_keys_of_signals_work(tmp_path, typed, end) -> None:
    with job(tmp_path) as at:
        at.until("ready")
        at.type(typed)
        assert at.ended() == end

        assert at.modes() == at.before


@posix
def test_after_ctrl_z_the_shell_has_its_terminal_and_fg_brings_the_keys_back(tmp_path) -> None:
    with job(tmp_path) as at:
        at.until("ready")
        for _ in range(2):
            at.signal("SIGTSTP")
            at.until("suspending")
            at.until("shell: stopped")
            assert at.modes() == at.before
            at.until_shown(b"\x1b[?2004l")
            at.shown = b""
            at.order("fg")
            at.until("resumed")
            assert at.raw
            at.until_shown(b"\x1b[?2004h")
            at.type(b"x")
            at.until("key x")
        at.type(b"q")
        assert at.until("left") == "left []"
        assert at.ended() == "exited 0"

        assert at.modes() == at.before
        assert at.said.count("resumed") == 2


@posix
def test_after_ctrl_z_and_bg_it_runs_on_without_keys_until_fg(tmp_path) -> None:
    with job(tmp_path) as at:
        at.until("ready")
        at.signal("SIGTSTP")
        at.until("shell: stopped")
        at.order("bg")
        at.signal("SIGWINCH")
        at.until("resized")
        assert at.modes() == at.before
        at.order("front")  # a shell brings a running job to the front without a word to it
        at.until("resumed")
        assert at.raw
        at.type(b"q")
        at.until("key q")
        assert at.ended() == "exited 0"
        assert at.modes() == at.before


@posix
def test_a_stop_nobody_is_told_of_does_not_make_our_modes_the_former_ones(tmp_path) -> None:
    with job(tmp_path) as at:
        at.until("ready")
        at.signal("SIGSTOP")
        at.until("shell: stopped")
        assert at.raw, "nobody could do anything about it"
        at.order("fg")
        at.until("resumed")
        at.type(b"q")
        assert at.ended() == "exited 0"

        assert at.modes() == at.before


@posix
def test_started_in_the_background_it_is_not_stopped_and_touches_nothing(tmp_path) -> None:
    with job(tmp_path, place="background") as at:
        assert at.until("ready") == "ready available=True front=False"
        assert at.modes() == at.before
        at.signal("SIGTERM")
        assert at.ended() == "killed 15"
        assert at.modes() == at.before
        assert at.shown == b""


@posix
def test_brought_to_the_front_it_takes_the_terminal(tmp_path) -> None:
    with job(tmp_path, place="background") as at:
        at.until("ready")
        at.order("front")
        at.until("resumed")
        assert at.raw
        at.type(b"q")
        at.until("key q")
        assert at.ended() == "exited 0"
        assert at.modes() == at.before


@posix
def test_whoever_takes_the_terminal_away_keeps_it(tmp_path) -> None:
    """As after a stop that nobody is told of, and `bg`: reading from there would stop the process."""
    with job(tmp_path) as at:
        at.until("ready")
        at.order("take")
        at.signal("SIGCONT")
        at.until("suspending")
        at.type(b"q")
        at.signal("SIGWINCH")
        at.until("resized")
        at.order("front")
        at.until("resumed")
        at.until("key q")
        assert at.ended() == "exited 0"


@posix
def test_with_something_else_on_stdin_it_reads_the_terminal_all_the_same(tmp_path) -> None:
    with job(tmp_path, stdin="no stdin") as at:
        assert at.until("ready") == "ready available=True front=True"
        at.type(b"q")
        at.until("key q")
        assert at.ended() == "exited 0"
        assert at.modes() == at.before


@posix
def test_without_any_terminal_there_are_no_keys(tmp_path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), "sys.exit"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}, timeout=20,
    )  # fmt: skip

    assert done.stdout == "ready available=False front=False\n"
    assert done.returncode == 7


@posix
def test_a_terminal_that_goes_away_takes_the_program_along(tmp_path) -> None:
    with job(tmp_path) as at:
        at.until("ready")
        at.hang_up()
        assert at.ended() == "killed 1"


@posix
def test_where_sighup_is_ignored_a_terminal_that_goes_away_takes_only_the_keys(tmp_path) -> None:
    with job(tmp_path, "outlives its terminal") as at:
        at.until("ready")
        at.hang_up()
        assert at.until("gone") == "gone front=False"
        assert at.until("left") == "left []"
        assert at.ended() == "exited 0"


@posix
def test_the_size_of_the_window_is_told(tmp_path) -> None:
    import fcntl
    import struct
    import termios

    with job(tmp_path) as at:
        at.until("ready")
        fcntl.ioctl(at.screen, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        at.until("resized")


@posix
def test_a_forked_child_leaves_the_terminal_to_its_parent(tmp_path) -> None:
    with job(tmp_path, "forks") as at:
        at.until("ready")
        at.until("forked")
        assert at.raw
        at.type(b"q")
        at.until("key q")
        assert at.ended() == "exited 0"
        assert at.modes() == at.before


@posix
def test_a_dumb_terminal_is_sent_nothing(tmp_path) -> None:
    with job(tmp_path, term="dumb") as at:
        at.until("ready")
        at.type(b"q")
        assert at.until("left") == "left []"
        assert at.ended() == "exited 0"
        assert at.shown == b""


def speak_kitty(at: Job) -> None:
    """Answer as a terminal that knows the protocol, and see it switched on."""
    at.until("ready")
    at.until_shown(b"\x1b[?u\x1b[c")
    at.type(b"\x1b[?0u\x1b[?62;22c")
    at.until_shown(b"\x1b[>7u")


@posix
def test_a_terminal_that_speaks_kitty_reports_releases(tmp_path) -> None:
    with job(tmp_path) as at:
        speak_kitty(at)
        at.type(b" \x1b[32;1:3u\x1b[27u")
        assert at.until("key space") == "key space press"
        assert at.until("key space") == "key space release"
        at.until("key esc")
        at.type(b"q")
        at.until_shown(b"\x1b[<u\x1b[?2004l\x1b[c")
        at.type(b"\x1b[113;1:3u\x1b[?62;22c")  # the release of q, late: not for the shell
        at.until("left")
        assert at.ended() == "exited 0"

        assert at.modes() == at.before
        at.type(b"\n")
        assert os.read(at.tty, 100) == b"\n"


@posix
@pytest.mark.parametrize(
    ("typed", "end"),
    [(b"\x1b[99;5u", "exited 130"), (b"\x1b[1089::99;5u", "exited 130"), (b"\x1b[92;5u", "killed 3"),
    (b"\x1b[122;5u", "stopped")],
)  # fmt: skip
def test_the_keys_of_signals_work_under_kitty(tmp_path, typed, end) -> None:
    with job(tmp_path) as at:
        speak_kitty(at)
        at.type(typed)
        at.until_shown(b"\x1b[<u")
        assert at.ended() == end

        assert at.modes() == at.before


@posix
def test_ctrl_backslash_works_under_kitty_while_the_loop_hangs(tmp_path) -> None:
    with job(tmp_path, "hangs") as at:
        speak_kitty(at)
        at.type(b"\x1b[92;5u")
        assert at.ended() == "killed 3"
        assert at.modes() == at.before


@posix
def test_an_end_before_the_answer_leaves_nothing_to_the_shell(tmp_path) -> None:
    with job(tmp_path) as at:
        at.until("ready")
        at.until_shown(b"\x1b[?u\x1b[c")
        at.type(b"q")
        at.until("key q")
        at.until_shown(b"\x1b[?2004l")
        at.type(b"\x1b[?0u\x1b[?62;22c")
        at.until("left")

        assert at.modes() == at.before
        at.type(b"\n")
        assert os.read(at.tty, 100) == b"\n"


class FakeConsole:
    """The C runtime's console, with somebody who types."""

    def __init__(self, typed: str = "") -> None:
        self.waiting = list(typed)

    def kbhit(self) -> bool:
        return bool(self.waiting)

    def getwch(self) -> str:
        return self.waiting.pop(0)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("a ", [Key("a", "a"), Key("space", " ")]),
        ("\xe0H\xe0K\x00M\xe0S", [Key("up"), Key("left"), Key("right"), Key("delete")]),
        ("\x00;\xe0s", [Key("f1"), Key("ctrl-left")]),
        ("\r\x08\x1b\t\x15", [Key("enter"), Key("backspace"), Key("esc"), Key("tab"), Key("ctrl-u")]),
        ("\xe0", [Key("à", "à")]),
        ("\ud83d\ude00", [Key("😀", "😀")]),
        ("\x00\xff", []),
        ("one\rtwo three", [Key("paste", "one\ntwo three")]),
        (" " * 20, [Key("space", " ")] * 20),
    ],
)
def test_a_windows_console_has_the_same_keys(typed, keys) -> None:
    assert ConsoleKeys(FakeConsole(typed)).read() == keys


def test_a_pair_of_utf_16_may_come_in_two_looks() -> None:
    console = FakeConsole("\ud83d")
    keys = ConsoleKeys(console)

    assert keys.read() == []
    console.waiting.append("\ude00")
    assert keys.read() == [Key("😀", "😀")]


async def test_a_windows_console_is_read_until_the_context_ends() -> None:
    found: asyncio.Queue[list[Key]] = asyncio.Queue()
    console = FakeConsole("a")
    with Terminal(found.put_nowait, console=console) as terminal:
        inside = (terminal.available, terminal.in_front, terminal.reports_releases)
        assert await found.get() == [Key("a", "a")]
        console.waiting += ["\xe0", "H"]
        assert await found.get() == [Key("up")]

    assert inside == (True, True, False)
    assert not terminal.available
    assert "flashlive-keys" not in {thread.name for thread in threading.enumerate()}


async def test_ctrl_c_typed_while_a_windows_console_is_looked_at_is_a_sigint(monkeypatch) -> None:
    found: asyncio.Queue[list[Key]] = asyncio.Queue()
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(signal, "raise_signal", lambda _number: loop.call_soon_threadsafe(interrupted.set))
    with Terminal(found.put_nowait, console=FakeConsole("\x03x")):
        await interrupted.wait()
        assert await found.get() == [Key("x", "x")]
