"""How a suite of scenarios goes: a bar for each that runs on a terminal, lines elsewhere; and the table at its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self, TextIO

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from flashlive_cli.printable import printable

Status = Literal["passed", "failed", "error", "not run"]

_STYLES: Final[dict[Status, str]] = {"passed": "green", "failed": "bold red", "error": "bold red", "not run": "yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """
    One scenario in the table.

    Attributes:
        runs: how many of its repetitions passed, as `3/5`; empty where there is one.
        figures: what is worth a column, ready to be shown.
        reasons: why it did not pass, a sentence each.
        notes: what there is to say besides, whether or not it passed.
    """

    status: Status
    name: str
    runs: str
    figures: Sequence[str]
    reasons: Sequence[str]
    notes: Sequence[str] = ()


class SuiteScreen:
    """
    Shows a suite as it runs; a context. Belongs to one thread, but for rich's own that draws.

    Args:
        stream: where to; stderr, as stdout carries the report.
        total: how many runs there will be.
        live: draw bars; else a line is written for each run that is over.
    """

    def __init__(self, stream: TextIO, total: int, *, live: bool) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=not live)
        self._total = total
        self._done = 0
        self._tasks: dict[object, TaskID] = {}
        self._live: Live | None = None
        name = TextColumn("{task.description}", markup=False)  # of a variant: `order [pink 5 dB]`
        self._each = Progress(
            SpinnerColumn(), name, BarColumn(bar_width=24), MofNCompleteColumn(),
            TimeElapsedColumn(), console=self._console,
        )  # fmt: skip
        self._all = Progress(name, BarColumn(bar_width=24), MofNCompleteColumn(), console=self._console)
        if live:
            self._sum = self._all.add_task("all", total=total)
            self._live = Live(Group(self._each, self._all), console=self._console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing of the bars behind."""
        if self._live is not None:
            self._live.stop()

    def started(self, run: object, name: str, n_turns: int) -> None:
        """Show a run that begins."""
        if self._live is not None:
            self._tasks[run] = self._each.add_task(printable(name), total=n_turns)

    def advanced(self, run: object, turn: int) -> None:
        """Show that a run has come to a turn, from 1."""
        if self._live is not None:
            self._each.update(self._tasks[run], completed=turn - 1)

    def finished(self, run: object, status: Status, name: str, took_s: float) -> None:
        """Show that a run is over."""
        self._done += 1
        if self._live is not None:
            self._each.remove_task(self._tasks.pop(run))
            self._all.update(self._sum, completed=self._done)
            if status == "passed":
                return
        line = Text.assemble((f"{status:7}", _STYLES[status]), f" {printable(name)} ({took_s:.1f} s)")
        self._console.print(Text(f"[{self._done}/{self._total}] ").append_text(line))


def show_table(stream: TextIO, heads: Sequence[str], rows: Sequence[Row]) -> None:
    """Print what came of each scenario; below it why it did not pass, and what there is to say besides."""
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console = Console(file=stream, highlight=False, width=_width(heads, rows))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    table.add_column("scenario", overflow="fold")
    repeated = any(row.runs for row in rows)
    if repeated:
        table.add_column("passed", justify="right", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        cells = [Text(row.status, _STYLES[row.status]), Text(printable(row.name))]
        cells += [Text(row.runs)] if repeated else []
        table.add_row(*cells, *map(Text, row.figures))
    console.print(table)
    for row in rows:
        _show_lines(console, (f"{row.status}: ", _STYLES[row.status]), row.name, row.reasons)
    for row in rows:
        _show_lines(console, ("note: ", "yellow"), row.name, row.notes)


def _show_lines(console: Console, head: tuple[str, str], name: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text.assemble(head, (printable(name), "bold")))
    for line in lines:
        console.print(Text(f"  {printable(line)}"), soft_wrap=True)


def _width(heads: Sequence[str], rows: Sequence[Row]) -> int:
    """Return how many columns hold the table unfolded: in a pipe there is no edge to fold at."""
    names = max((len(printable(row.name)) for row in rows), default=0)
    return 40 + names + sum(max(14, len(head) + 2) for head in heads)
