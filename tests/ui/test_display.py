"""The panel on real terminals: how often it is drawn, what its bytes are, what is left on the screen."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flashlive_cli import reports as r
from flashlive_cli.errors import OutputFailed
from flashlive_cli.ui.acts import HelpSwitched, HintShown, LineTyped, PictureShown, QuestionPut
from flashlive_cli.ui.display import MOST_FRAMES_PER_S, PanelScreen, console_for, extra_rows, reflows
from flashlive_cli.ui.rows import row
from flashlive_cli.ui.state import Meters

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")

QUIET = Meters(-40.0, False, float("-inf"), 0.0, 0, 0.0)
READY = r.SessionReady("gemini-x", "Puck", ("f",), simulated=False, setup_ms=12.0)
SUMMARY = r.TalkSummary(62.0, 3, 1, 2, 612.0, 655.5, 18.2, {"TEXT": 10}, {"AUDIO": 50}, 0.01234)

RICHS_OWN = re.compile(r"\x1b\[(?:[\d;]*m|\d+A|2K|\?25[lh]|\?7[lh])|[\r\n]")
"""Colours, cursor up, erase the line, hide and show the cursor; and ours: wrap or cut off at the edge."""


class Terminal:
    """A pseudo-terminal, read all the time, with a panel on it whose clock and meters are the test's."""

    def __init__(self, *, reading: bool = True, columns: int = 80, colours: Any = "standard") -> None:
        ours, theirs = os.openpty()
        self.ours = ours
        self.stream = os.fdopen(theirs, "w", encoding="utf-8")
        self.got = b""
        self.now = 10.0
        self.meters = QUIET
        self.failures: list[OutputFailed] = []
        self.failed = threading.Event()
        self._looked = threading.Semaphore(0)
        self._reader = threading.Thread(target=self._read)
        if reading:
            self._reader.start()
        console = Console(
            file=self.stream, force_terminal=True, width=columns, height=24, color_system=colours, highlight=False
        )
        self.screen = PanelScreen(
            console, now=lambda: self.now, meters=self._look, failed=self._fail, keys=("m", "q"), limit_s=600.0
        )

    def tell(self, *reports: r.Report) -> None:
        for report in reports:
            self.screen(r.Stamped(self.now, 1, report))

    def looks(self, times: int) -> None:
        """Wait until the panel has looked at the meters so many times more."""
        while self._looked.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self._looked.acquire(timeout=10)

    def settle(self) -> int:
        """Wait until what was told is drawn; return how many frames that took."""
        self.looks(3)
        return self.screen.frames

    def end(self) -> str:
        """Close the terminal's side, and return all that came."""
        self.stream.close()
        if self._reader.is_alive():
            self._reader.join()
        os.close(self.ours)
        return self.got.decode()

    def _look(self) -> Meters:
        self._looked.release()
        return self.meters

    def _fail(self, failure: OutputFailed) -> None:
        self.failures.append(failure)
        self.failed.set()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while piece := os.read(self.ours, 65536):
                self.got += piece


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def make(**options) -> Terminal:
        made.append(Terminal(**options))
        return made[-1]

    yield make
    for each in made:
        if not each.stream.closed:
            each.end()


def test_nothing_is_drawn_while_nothing_changes(terminal) -> None:
    here = terminal()
    with here.screen:
        here.tell(READY)
        frames = here.settle()
        here.meters = Meters(-40.2, False, -80.0, 0.0, 0, 0.2)  # less than a meter shows
        here.looks(8)
        assert here.screen.frames == frames

        here.now += 1
        here.looks(8)
        assert here.screen.frames == frames + 1, "the clock"

        here.meters = Meters(-20.0, True, -80.0, 0.0, 0, 0.0)
        here.looks(8)
        assert here.screen.frames == frames + 2, "the meter"

        here.tell(r.ToolCalled("1", "f", {}))
        here.looks(8)
        assert here.screen.frames >= frames + 6, "the spinner"


def test_no_more_frames_than_a_person_can_see_however_much_is_told(terminal) -> None:
    here = terminal()
    with here.screen:
        here.tell(READY)
        begun, frames = time.monotonic(), here.settle()
        n = 0
        while here.screen.frames < frames + 15:
            here.tell(r.Transcript("user", f"word{n} ", final=False))
            n += 1
            here.screen.resized()
            time.sleep(0.001)  # a million words say nothing more
        assert here.screen.frames - frames <= (time.monotonic() - begun) * MOST_FRAMES_PER_S + 1


def test_finished_lines_come_in_order_above_the_panel_and_all_before_the_end(terminal) -> None:
    here = terminal()
    with here.screen:
        here.tell(READY)
        for n in range(300):
            here.tell(r.Transcript("user", f"<{n}>", final=True))
        here.screen.note("somebody else's line")
        here.tell(SUMMARY)
    text = here.end()

    assert re.findall(r"<(\d+)>", text) == [str(n) for n in range(300)]
    assert text.index("somebody else's line") > text.index("<299>")
    assert text.index("1:02, 3 turns") > text.index("somebody else's line")
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") == 1, "the cursor is back"


def test_the_terminal_belongs_to_somebody_else_while_the_panel_is_suspended(terminal) -> None:
    here = terminal()
    with here.screen:
        here.tell(READY, r.Transcript("user", "<before>", final=True))
        here.screen.suspend()
        frames = here.screen.frames
        here.stream.write("<theirs>\n")
        here.stream.flush()
        here.tell(r.Transcript("user", "<meanwhile>", final=True))
        here.screen.suspend()  # again: nothing happens
        assert here.screen.frames == frames
        here.screen.resume()
        here.settle()
        assert here.screen.frames > frames
    text = here.end()

    before, after = text.split("<theirs>")
    assert "<before>" in before
    assert before.rindex("\x1b[?25h") > before.rindex("\x1b[?25l"), "with a cursor"
    assert before.rindex("\x1b[2K") > before.rindex("gemini-x"), "without the panel"
    assert "<meanwhile>" in after
    assert "gemini-x" in after


def test_a_terminal_that_takes_nothing_holds_up_nobody(terminal) -> None:
    here = terminal(reading=False)
    begun = time.monotonic()
    with here.screen:
        for n in range(3000):
            here.tell(r.Transcript("user", f"{n} " * 20, final=True))
        here.screen.act(HelpSwitched(True))
        here.screen.suspend()
        here.screen.resume()
    assert time.monotonic() - begun < 10
    assert here.failures == []
    here._reader.start()  # now somebody reads, and the thread comes to its end


def test_a_terminal_that_is_gone_is_told_once(terminal) -> None:
    here = terminal(reading=False)
    with here.screen:
        os.close(here.ours)
        here.tell(READY)
        assert here.failed.wait(10)
        here.tell(READY)
        here.screen.suspend()
        here.screen.resume()
    assert [str(failure) for failure in here.failures] == [str(here.screen.failure)]
    assert "takes no more output" in str(here.screen.failure)
    with contextlib.suppress(OSError):
        here.stream.close()
    here.ours = os.open(os.devnull, os.O_RDONLY)


def test_a_reader_who_leaves_a_pipe_does_not_end_the_program() -> None:
    """Rich's own answer to that is to close stdout and to exit."""
    ours, theirs = os.pipe()
    failed: list[OutputFailed] = []
    done = threading.Event()

    def fail(failure: OutputFailed) -> None:
        failed.append(failure)
        done.set()

    stream = os.fdopen(theirs, "w")
    screen = PanelScreen(Console(file=stream, force_terminal=True), now=lambda: 0.0, meters=lambda: None, failed=fail)
    os.close(ours)
    with screen:
        assert done.wait(10)
    with contextlib.suppress(BrokenPipeError):
        stream.close()

    assert len(failed) == 1


HOSTILE = (
    "".join(map(chr, [*range(32), 0x7F, *range(0x80, 0xA0)]))
    + "\x1b[2J\x1b[31m\x1b]0;title\x07\x1b]8;;http://x\x1b\\\x1bP1$r\x1b\\\x9b5A\u061c\u200e\u200f\u2028\u2029"
    + "\u202a\u202b\u202c\u202d\u202egnp.exe\u2066\u2067\u2068\u2069\udc80[bold]markup[/bold] :smile:"
)


def test_no_byte_of_a_stranger_steers_the_terminal(terminal) -> None:
    here = terminal()
    with here.screen:
        here.tell(
            r.SessionReady(HOSTILE, HOSTILE, (HOSTILE,), simulated=True, setup_ms=1.0),
            r.SoundReady(HOSTILE, 1, 1.0, HOSTILE, 1, 1.0, "cancel"),
            r.Transcript("user", HOSTILE, final=False),
            r.ToolCalled("1", HOSTILE, {HOSTILE: HOSTILE}),
            r.ToolProgressed("1", HOSTILE, {"output": HOSTILE}),
            r.ToolPrinted(HOSTILE, HOSTILE),
            r.Transcript("model", HOSTILE, final=False),
        )
        here.settle()
        for act in (
            LineTyped(HOSTILE, 40),
            LineTyped(None),
            QuestionPut(HOSTILE),
            QuestionPut(None),
            HintShown(HOSTILE),
        ):
            here.screen.act(act)
            here.settle()
        here.screen.note(HOSTILE)
        here.tell(
            r.ToolFinished("1", HOSTILE, ok=True, response={"output": HOSTILE}, duration_ms=1.0),
            r.ToolFinished("2", HOSTILE, ok=False, response={"error": HOSTILE}, duration_ms=1.0),
            r.ToolPrinted(HOSTILE, HOSTILE),
            r.Transcript("user", HOSTILE, final=True),
            r.Transcript("model", HOSTILE + HOSTILE, final=True, heard=HOSTILE),
            r.ReplyComplete(1.0, interrupted=False, reason=HOSTILE),
            r.SessionMoving(HOSTILE),
            r.SessionResumed(False, (HOSTILE,), 1.0),
            r.Warned(HOSTILE),
            r.Failed(HOSTILE, 1),
            r.SessionClosed(1008, HOSTILE, 1.0, 1),
        )
    text = here.end()

    ours = RICHS_OWN.sub("", text)
    assert not re.findall("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", ours)
    assert text.count("\x1b[?7l") == text.count("\x1b[?7h"), "lines are wrapped again after every frame"
    assert "gnp.exe" in ours
    assert "[bold]markup[/bold]" in re.sub(r"\s+", "", ours)
    assert ":smile:" in ours


def test_a_console_is_as_large_as_the_very_terminal_it_writes_to(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "33")
    ours, theirs = os.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 11, 77, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        assert console_for(stream).size == (77, 11)
    os.close(ours)
    assert console_for(io.StringIO()).size.width == 33


@pytest.mark.parametrize(
    ("environment", "wraps_anew"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux"}, True),
        ({"TERM": "screen"}, False),
        ({"TERM": "linux"}, False),
        ({}, True),
    ],
)
def test_terminals_that_cut_off_what_they_show_are_known(environment, wraps_anew) -> None:
    assert reflows(environment) is wraps_anew


def test_a_frame_takes_more_rows_when_its_terminal_becomes_narrower() -> None:
    rows = [row(("x" * 79, None)), row(("你" * 20, None)), row(("x" * 5, None)), row()]

    assert [extra_rows(rows, width) for width in (80, 79, 40, 20)] == [0, 0, 1, 4]


SCRIPT = """
import sys
from flashlive_cli import reports as r
from flashlive_cli.ui.display import PanelScreen, console_for
from flashlive_cli.ui.state import Meters

meters = Meters(-30.0, True, -20.0, 2000.0, 0, 0.0)
screen = PanelScreen(
    console_for(sys.stdout), now=lambda: 62.0, meters=lambda: meters, failed=print, keys=("m", "space", "esc", "t", "q")
)

def tell(*reports):
    for report in reports:
        screen(r.Stamped(62.0, 1, report))

for n in range(60):  # until the panel is at the bottom, as it is after a few turns
    print("shell", n, flush=True)
with screen:
    tell(r.SessionReady("gemini-3.1-flash-live-preview", "Puck", (), simulated=False, setup_ms=1.0))
    for n in range(4):
        tell(r.Transcript("user", f"question {n}", final=True))
    tell(r.ReplyStarted(), r.TurnLatency(1453.0, 20.0, 31.0, 1504.0), r.BargeInLatency(150.0, 18.0))
    tell(r.EchoChanged("cancelling", 31.0), r.UsageReported(1204, 311, 0, 1515, {}, {}, 0.1, 0.1))
    tell(r.Transcript("model", "A reply of many words 你好, " * 12 + "its end", final=False))
    sys.stdin.readline()
    tell(r.Transcript("model", "The whole reply.", final=True, heard="The whole reply."))
"""


class Tmux:
    """A terminal emulator without a screen."""

    def __init__(self, folder: Path, columns: int) -> None:
        self._command = ["tmux", "-S", str(folder / "s"), "-f", "/dev/null"]
        script = folder / "script.py"
        script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
        self(
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            "50",
            f"stty -echo; {sys.executable} {script}; echo '<ended>'; cat",
        )

    def __call__(self, *words: str) -> str:
        environment = os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
        done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=True, env=environment)
        return done.stdout

    def screen(self, what: Callable[[list[str]], bool]) -> list[str]:
        """The lines of the terminal, scrollback included, once they are what is waited for."""
        deadline = time.monotonic() + 20
        while not what(told := self("capture-pane", "-p", "-S", "-").rstrip().split("\n")):
            assert time.monotonic() < deadline, "\n".join(told)
            time.sleep(0.02)
        return told


@pytest.fixture
def tmux() -> Iterator[Callable[[int], Tmux]]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    with contextlib.ExitStack() as stack:

        def start(columns: int) -> Tmux:
            folder = Path(tempfile.mkdtemp(prefix="fl-tmux-"))  # short: a socket's path has 108 bytes
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            terminal = Tmux(folder, columns)
            stack.callback(terminal, "kill-server")
            return terminal

        yield start


@pytest.mark.parametrize(
    ("columns", "sizes"),
    [
        (200, [(40, 50), (200, 50)]),
        (200, [(100, 50), (80, 50), (38, 50)]),
        (80, [(40, 50), (40, 24), (80, 24)]),
        (40, [(200, 50), (200, 12), (200, 40)]),
    ],
)
def test_a_terminal_that_changes_its_size_shows_one_whole_panel_and_every_line_above_it(tmux, columns, sizes) -> None:
    def whole(columns: int) -> Callable[[list[str]], bool]:
        def check(told: list[str]) -> bool:
            heads = [line for line in told if line.startswith("──")]
            return [len(head) for head in heads] == [min(columns - 1, 120)] and "· speaking ─" in heads[0]

        return check

    terminal = tmux(columns)
    terminal.screen(whole(columns))
    for width, height in sizes:
        terminal("resize-window", "-x", str(width), "-y", str(height))
        told = terminal.screen(whole(width))

        assert [line for line in told if line.startswith("shell")] == [f"shell {n}" for n in range(60)]
        assert [line for line in told if line.startswith("you     ")] == [f"you     question {n}" for n in range(4)]
        assert [n for n, line in enumerate(told) if line.startswith("gemini")] == [told.index("you     question 3") + 1]
        assert len([line for line in told if " quit" in line]) == 1
        assert told[-1].endswith("q quit")

    terminal("send-keys", "Enter")
    told = [line for line in terminal.screen(lambda told: "<ended>" in told) if line]
    assert told[-6:] == [*(f"you     question {n}" for n in range(4)), "gemini  The whole reply.", "<ended>"], (
        "\n".join(told)
    )


FLAG = PictureShown(40, 20, bytes([200, 0, 0]) * 400 + bytes([0, 0, 200]) * 400, b"\xff\xd8 a jpeg")


@pytest.mark.parametrize(
    ("environment", "shows"),
    [
        ({"TERM": "xterm-256color"}, "38;2;200;0;0"),
        ({"TERM": "xterm-kitty"}, "\x1b_Ga=p,"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=inline=1"),
    ],
)
def test_a_picture_is_shown_the_way_the_terminal_can_and_gone_at_the_end(
    terminal, monkeypatch, environment, shows
) -> None:
    for name in ("TMUX", "STY", "ZELLIJ", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    here = terminal(colours="truecolor")
    with here.screen:
        here.tell(READY, r.VideoSent("key", 40, 20, 10, "image/jpeg", sent=1))
        here.screen.act(FLAG)
        here.settle()
        here.tell(r.Transcript("user", "<a line above it>", final=True))
        here.settle()
    text = here.end()

    assert shows in text
    assert "1 picture" in text
    kitty = re.findall(r"\x1b_G(a=.)", text)
    if "kitty" in environment["TERM"]:
        assert kitty.count("a=t") == 1, "given once, though it was drawn more often"
        assert kitty.count("a=p") > 1
        assert kitty[-1] == "a=d", "nothing of it is left in the terminal's store"
    else:
        assert kitty == []
    assert text.count("\x1b7") == text.count("\x1b8")


def test_a_picture_that_is_there_is_not_drawn_again_while_nothing_changes(terminal, monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    here = terminal(colours="truecolor")
    with here.screen:
        here.tell(READY)
        here.screen.act(FLAG)
        frames = here.settle()
        here.looks(8)
        assert here.screen.frames == frames
