"""
What does the panel cost? Processor time of a talk in which both sides talk, and of one in which nobody does.

A terminal of 80 columns and 24 rows, which is read as fast as it is written. For twenty seconds both meters move all
the time and a word comes twelve times a second, of the user and of the model in turn; once a second a tool is called,
and a turn ends every five seconds. The baseline shows the very same state as one would first write it: a rich table of
texts in a `Live` that refreshes itself twelve times a second. Rounds alternate, so that a busy machine slows both
alike. Told is the share of one core, with the ratio to the baseline.

    python benchmarks/panel.py [--seconds 20] [--json]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flashlive_cli import reports as r
from flashlive_cli.clock import Clock
from flashlive_cli.ui.display import PanelScreen
from flashlive_cli.ui.state import Call, Meters, State, Words, advance

ROUNDS: Final = 4
WORDS_PER_S: Final = 12
BUDGET: Final = {"panel, talking": 0.03, "panel, idle": 0.005}
READY: Final = r.SessionReady("gemini-3.1-flash-live-preview", "Puck", (), simulated=True, setup_ms=1.0)
TEXT: Final = "It left the warehouse on Monday, and you can follow it with the number that was sent to you."


def talking(t: float) -> Meters:
    """Return levels that move all the time."""
    return Meters(-30 + 20 * math.sin(5 * t), math.sin(5 * t) > 0, -30 + 20 * math.sin(7 * t), 2000 + t, 0, 0.0)


def idle(_: float) -> Meters:
    """Return the levels of a quiet room: nothing that a meter would show."""
    return Meters(-70.0, False, -90.0, 0.0, 0, 0.0)


def talk(tell: Callable[[r.Report], None], seconds: float, *, silent: bool) -> None:
    """Tell of a talk as it goes, for so long."""
    tell(READY)
    words = TEXT.split()
    begun = time.monotonic()
    for n in range(round(seconds * WORDS_PER_S)):
        time.sleep(max(0.0, begun + n / WORDS_PER_S - time.monotonic()))
        if silent:
            continue
        turn, word = divmod(n, 5 * WORDS_PER_S)
        tell(r.Transcript("user" if word < WORDS_PER_S else "model", f"{words[n % len(words)]} ", final=False))
        if n % WORDS_PER_S == 0:
            tell(r.ToolCalled(str(n), "check_order_status", {"order_id": f"A-{n}"}))
        if n % WORDS_PER_S == WORDS_PER_S // 2:
            tell(r.ToolFinished(str(n - WORDS_PER_S // 2), "check_order_status", True, {"output": "shipped"}, 500.0))
        if word == 5 * WORDS_PER_S - 1:
            tell(r.TurnLatency(600.0 + turn, 20.0, 30.0, 650.0 + turn))
            tell(r.UsageReported(1000, 300, 0, 1300, {}, {}, 0.01, 0.01 * turn))
            for role in ("user", "model"):
                tell(r.Transcript(role, "What was said, in many words. " * 5, final=True))


@contextmanager
def terminal() -> Iterator[TextIO]:
    """Open a terminal that another process reads."""
    ours, theirs = os.openpty()
    with subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reader:
        os.close(ours)
        with os.fdopen(theirs, "w", encoding="utf-8") as stream:
            yield stream
        reader.terminate()


def panel(stream: TextIO, seconds: float, meters: Callable[[float], Meters], *, silent: bool) -> None:
    """Show the talk by our panel."""
    clock = Clock()
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system="standard")
    keys = ("m", "space", "esc", "t", "?", "q")

    def failed(failure: Exception) -> None:
        raise failure

    with PanelScreen(console, now=clock.now, meters=lambda: meters(clock.now()), failed=failed, keys=keys) as screen:
        talk(lambda report: screen(r.Stamped(clock.now(), 1, report)), seconds, silent=silent)


class Naive:
    """The same as a table, made anew for every frame."""

    def __init__(self, clock: Clock, meters: Callable[[float], Meters]) -> None:
        self.state = State()
        self._clock = clock
        self._meters = meters

    def __rich__(self) -> Table:
        """Make the table."""
        now, state = self._clock.now(), self.state
        meters = self._meters(now)
        table = Table(show_header=False, expand=True)
        table.add_column(style="bold cyan")
        table.add_column()
        for each in state.running:
            match each:
                case Words(role=role, text=text):
                    table.add_row(role, Text(text[-400:]))
                case Call(name=name, arguments=arguments, since=since):
                    table.add_row("tool", Text(f"{now - since:.1f} s {name}({arguments})"))
        table.add_row(state.model, Text(f"{state.doing} {now:.0f} s"))
        for name, level in (("you", meters.microphone_dbfs), ("gemini", meters.speaker_dbfs)):
            table.add_row(name, Text("━" * max(0, round((60 + level) / 3)), style="green"))
        if state.answer is not None:
            table.add_row("answer", Text(f"{state.answer.total_ms:.0f} ms"))
        table.add_row("tokens", Text(f"{state.spent.tokens_in} in, {state.spent.tokens_out} out"))
        table.add_row("keys", Text("m mute  space talk  esc stop voice  t type  ? help  q quit"))
        return table


def naive(stream: TextIO, seconds: float, meters: Callable[[float], Meters], *, silent: bool) -> None:
    """Show the talk as one would first write it."""
    clock = Clock()
    shown = Naive(clock, meters)
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system="standard")
    with Live(shown, console=console, refresh_per_second=12, redirect_stdout=False, redirect_stderr=False) as live:

        def tell(report: r.Report) -> None:
            shown.state = advance(shown.state, report, clock.now())
            for line in shown.state.finished:
                live.console.print(Text(str(line)))

        talk(tell, seconds, silent=silent)


Show = Callable[[TextIO, float], None]
CASES: Final[dict[str, Show]] = {
    "panel, talking": lambda stream, seconds: panel(stream, seconds, talking, silent=False),
    "panel, idle": lambda stream, seconds: panel(stream, seconds, idle, silent=True),
    "table, talking": lambda stream, seconds: naive(stream, seconds, talking, silent=False),
}


def share(show: Show, seconds: float) -> float:
    """Return the share of a core that it takes to show a talk of so many seconds."""
    with terminal() as stream:
        spent_s, begun_s = time.process_time(), time.monotonic()
        show(stream, seconds)
        return (time.process_time() - spent_s) / (time.monotonic() - begun_s)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each, in all")
    parser.add_argument("--json", action="store_true", help="print all that was measured instead of a table")
    options = parser.parse_args()
    shares: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, show in CASES.items():
            shares[name].append(share(show, options.seconds / ROUNDS))
    assert threading.active_count() == 1, "every screen has ended its thread"
    if options.json:
        print(json.dumps(shares))
        return 0
    means = {name: sum(all_rounds) / ROUNDS for name, all_rounds in shares.items()}
    for name, mean in means.items():
        ratio = mean / means["table, talking"]
        budget = f"  budget {BUDGET[name]:.1%}" if name in BUDGET else ""
        print(f"{name:16}{mean:7.2%} of a core  {ratio:.2f} of the table{budget}")
    return int(any(means[name] > limit for name, limit in BUDGET.items()))


if __name__ == "__main__":
    sys.exit(main())
