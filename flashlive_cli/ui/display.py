"""
The panel on a terminal, drawn by a thread of its own: a slow or dead terminal never delays a talk.

The thread alone owns the state, rich's `Live` and the console. Everybody else puts what they have to tell into a
queue. It draws when something has changed, at most `MOST_FRAMES_PER_S` times a second, and looks at the meters
`TICKS_PER_S` times.
"""

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, Self, TextIO

from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderResult
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment

from flashlive_cli.errors import OutputFailed
from flashlive_cli.reports import Stamped
from flashlive_cli.ui.acts import Act, LineNoted, PictureShown
from flashlive_cli.ui.outlet import refusal
from flashlive_cli.ui.panel import Panel, Rows
from flashlive_cli.ui.pictures import Overlay, Place, find_graphics
from flashlive_cli.ui.rows import Row
from flashlive_cli.ui.signs import signs_for
from flashlive_cli.ui.state import Meters, State, Told, advance
from flashlive_cli.ui.wrapping import cells

if TYPE_CHECKING:
    from flashlive_cli.ui.finished import Finished

MOST_FRAMES_PER_S: Final = 12.0
TICKS_PER_S: Final = 8.0
"""How often meters, clock and spinner are looked at; what has not changed visibly is not drawn."""
PATIENCE_S: Final = 0.5
"""How long `suspend` waits for a terminal that takes nothing; the end of the context waits four times as long."""

# A row drawn for a terminal that has just become narrower, or with emoji that are wider there than anybody knew,
# is cut off at the edge instead of going on in the next row: the panel is as high as it was thought to be.
_ANY: Final = [(ControlType.CARRIAGE_RETURN,)]  # marks a segment as taking no room
_CUT_OFF: Final = Segment("\x1b[?7l", None, _ANY)
_GO_ON: Final = Segment("\x1b[?7h", None, _ANY)


def console_for(stream: TextIO) -> Console:
    """
    Return a console on a terminal, as `PanelScreen` wants it.

    Args:
        stream: stdout, stderr, or what was kept aside of them.
    """
    return _Terminal(file=stream, markup=False, emoji=False, highlight=False)


class _Terminal(Console):
    """A console as large as the very terminal it writes to, whatever stdin is and `COLUMNS` says."""

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and rows, asked anew each time."""
        try:
            width, height = os.get_terminal_size(self.file.fileno())
        except (OSError, ValueError):
            return super().size
        return ConsoleDimensions((width or 80) - self.legacy_windows, height or 24)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


@dataclass(frozen=True, slots=True)
class _Told:
    """A report or an act, and when it happened."""

    told: Told
    now: float


@dataclass(frozen=True, slots=True)
class _Suspended:
    """The panel is to go away; `done` is set when it has."""

    done: threading.Event


class _Resumed:
    """The panel may come back."""


class _Woken:
    """Something outside has changed: the terminal's size."""


class _Over:
    """The talk has been shown."""


class PanelScreen:
    """
    Shows a talk as a live panel; a `reports.Listener`, and a context, in which it is shown.

    Every method may be called from any thread, and all but `suspend` return at once.

    Attributes:
        failure: why the terminal takes no more; None while it does.
        frames: how often the panel was drawn.
    """

    def __init__(
        self,
        console: Console,
        *,
        now: Callable[[], float],
        meters: Callable[[], Meters | None],
        failed: Callable[[OutputFailed], None],
        keys: Sequence[str] = (),
        limit_s: float | None = None,
    ) -> None:
        """
        Be for a terminal; nothing is drawn before the context is entered.

        Args:
            console: is the panel's alone from then on; see `console_for`.
            now: the talk's time, in seconds; asked in the panel's thread.
            meters: how loud it is, None before sound is open; asked in the panel's thread, `TICKS_PER_S` times
                a second.
            failed: called once, in the panel's thread, when the terminal takes no more.
            keys: which of `rows.KEYS` do something.
            limit_s: after how long the talk ends; None where it has no limit.
        """
        self.failure: OutputFailed | None = None
        self.frames = 0
        self._console = console
        self._now = now
        self._meters = meters
        self._failed = failed
        self._queue: queue.SimpleQueue[_Told | _Suspended | _Resumed | _Woken | _Over] = queue.SimpleQueue()
        # a daemon: a terminal that takes nothing any more must not keep the program from ending
        self._thread = threading.Thread(target=self._run, name="flashlive-screen", daemon=True)
        graphics = find_graphics(os.environ, console)
        self._panel = Panel(signs_for(console), keys=keys, limit_s=limit_s, graphics=graphics)
        self._overlay = Overlay(graphics)
        self._laid: tuple[PictureShown | None, Place | None] = (None, None)
        self._state = State()
        self._above: list[Finished] = []
        self._frame = _Frame(console.legacy_windows)
        self._live: Live | None = None
        self._size = ConsoleDimensions(0, 0)
        self._drawn_s = 0.0
        self._reflows = reflows(os.environ)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Print what has finished, take the panel away, and give up on a terminal that takes nothing for a while."""
        self._queue.put(_Over())
        self._thread.join(4 * PATIENCE_S)

    def __call__(self, stamped: Stamped) -> None:
        """Take a report; see `reports.Listener`."""
        self._tell(stamped.report, stamped.t)

    def act(self, act: Act) -> None:
        """Show what the panel itself is told."""
        self._tell(act, self._now())

    def note(self, line: str) -> None:
        """Print a line above the panel."""
        self.act(LineNoted(line))

    def suspend(self) -> None:
        """
        Take the panel away and draw nothing more; return when that is done, or the terminal has had its time.

        For what must have the terminal to itself: another program, or the shell while this one is stopped. What
        comes meanwhile is kept.
        """
        if self.failure is None and self._thread.is_alive():
            done = threading.Event()
            self._queue.put(_Suspended(done))
            done.wait(PATIENCE_S)

    def resume(self) -> None:
        """Bring the panel back."""
        self._queue.put(_Resumed())

    def resized(self) -> None:
        """Draw anew: the terminal has another size. It would be noticed anyhow, a little later."""
        self._queue.put(_Woken())

    def _tell(self, told: Told, now: float) -> None:
        if self.failure is None:
            self._queue.put(_Told(told, now))

    def _run(self) -> None:
        self._console.on_broken_pipe = _let_fail  # type: ignore[method-assign]  # its own ends the program
        try:
            while self._take():
                self._draw()
            self._leave()
        except (OSError, ValueError) as exc:
            self.failure = refusal(self._console.file, "the terminal", exc)
            self._failed(self.failure)

    def _take(self) -> bool:
        """Take what is told until it is time to draw; return whether the talk goes on."""
        changed = False
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < 2 / TICKS_PER_S:  # also where more comes than can be taken
            wait_s = self._drawn_s + 1 / (MOST_FRAMES_PER_S if changed else TICKS_PER_S) - time.monotonic()
            try:
                # without a wait, too, what is there is taken before anything is drawn
                told = self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()
            except queue.Empty:
                return True
            changed = True
            match told:
                case _Over():
                    return False
                case _Suspended(done):
                    self._leave()
                    done.set()
                    if not self._wait_for_return():
                        return False
                case _Resumed() | _Woken():
                    pass
                case _Told():
                    self._advance(told)
        return True

    def _wait_for_return(self) -> bool:
        """Take what is told while nothing may be drawn; return whether the talk goes on."""
        while True:
            match self._queue.get():
                case _Over():
                    return False
                case _Resumed():
                    return True
                case _Suspended(done):
                    done.set()
                case _Woken():
                    pass
                case _Told() as told:
                    self._advance(told)

    def _advance(self, told: _Told) -> None:
        self._state = advance(self._state, told.told, told.now)
        self._above += self._state.finished

    def _draw(self) -> None:
        """Print what has finished, and draw the panel if it looks otherwise than it did."""
        self._drawn_s = time.monotonic()
        size = self._console.size
        rows = self._panel.rows(
            self._state,
            self._meters(),
            self._now(),
            width=size.width,
            height=size.height,
            spin=int(self._drawn_s * TICKS_PER_S),
        )
        laid = (self._state.preview, self._panel.picture_at)
        same = rows == self._frame.rows and laid == self._laid
        if same and size == self._size and not self._above and self._live is not None:
            return
        self._laid = laid
        self._frame.overlay = self._overlay.over(*laid, len(rows))
        self.frames += 1
        with self._console:  # all in one write
            if self._live is None:
                self._live = Live(
                    self._frame,
                    console=self._console,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                    vertical_overflow="crop",
                )
                self._live.start()
            elif size.width < self._size.width and self._reflows:
                self._console.control(*[_UP_A_ROW] * extra_rows(self._frame.rows, size.width))
            self._frame.rows, self._size = rows, size
            above, self._above = self._panel.finished(self._above, size.width), []
            if above:
                self._console.print(Rows([*above, ()]), end="")
            else:
                self._live.refresh()

    def _leave(self) -> None:
        """Print what has finished, and take the panel away."""
        with self._console:
            if self._live is not None:
                self._draw()
                self._live.stop()
                self._live = None
                if away := self._overlay.away():
                    self._console.print(Rows([(Segment(away, None, _ANY),)]), end="")
            above, self._above = self._panel.finished(self._above, self._console.size.width), []
            if above:
                self._console.print(Rows([*above, ()]), end="")


class _Frame(Rows):
    """The panel's rows, none of which goes on in the next row of the terminal, and what is laid over them."""

    def __init__(self, legacy_windows: bool) -> None:
        super().__init__()
        self.overlay = ""
        self._bare = legacy_windows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._bare:
            yield from super().__rich_console__(console, options)
            return
        yield _CUT_OFF
        yield from super().__rich_console__(console, options)
        if self.overlay:
            yield Segment(self.overlay, None, _ANY)
        yield _GO_ON


_UP_A_ROW: Final = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))


def extra_rows(rows: Sequence[Row], width: int) -> int:
    """Return how many rows more a frame takes since its terminal was made as narrow as `width` and wrapped it anew."""
    return sum(max(0, -(-sum(cells(segment.text) for segment in row) // width) - 1) for row in rows)


def reflows(environment: Mapping[str, str]) -> bool:
    """
    Return whether the terminal wraps what it shows anew when it becomes narrower; most do, these cut it off.

    Args:
        environment: of the process.
    """
    terminal = environment.get("TERM", "")
    if terminal.startswith(("screen", "tmux")):
        return "TMUX" in environment  # GNU screen does not
    return not terminal.startswith(("linux", "rxvt", "st-")) and "XTERM_VERSION" not in environment


def _let_fail() -> NoReturn:
    """Let a terminal that is gone be an error like others."""
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
