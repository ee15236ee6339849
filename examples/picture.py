"""
Make a picture of the panel, as SVG: of a real talk with the simulator, at real speed.

    python examples/picture.py examples/panel.svg

A caller asks for an order by voice, then books an appointment by typing; both times a function of tools.py is called.
The picture is taken in the middle of the last answer. Takes half a minute, and a system with pseudo-terminals.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from flashlive_cli import cli
from flashlive_cli.errors import OutputFailed
from flashlive_cli.reports import ReplyFirstSample, Stamped
from flashlive_cli.ui import display
from flashlive_cli.ui.panel import Panel, Rows
from flashlive_cli.ui.signs import UNICODE
from flashlive_cli.ui.state import Meters, State, advance

if TYPE_CHECKING:
    from flashlive_cli.ui.finished import Finished

HERE: Final = Path(__file__).parent
COLUMNS: Final = 96
ROWS: Final = 30
TURN: Final = 2
INTO_THE_ANSWER_S: Final = 2.5
SCENARIO: Final = """
[[turn]]
[turn.sim]
heard = "Where is my order A-1001?"
calls = [{ name = "check_order_status", args = { order_id = "A-1001" } }]
reply = "Your order A-1001 has shipped and arrives on Thursday. Can I do anything else for you?"

[[turn]]
[turn.sim]
calls = [{ name = "book_appointment", args = { day = "2027-03-05", service = "repair" } }]
reply = "Done. You are booked for a repair on Friday the fifth of March, in the morning. Please bring the receipt, and \
come ten minutes early. If you cannot make it, just call again."
"""


class Photographer(display.PanelScreen):
    """The panel of the talk, which keeps what there is to see in the middle of the last answer."""

    picture: str | None = None
    """As SVG, once it is taken."""

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
        super().__init__(console, now=now, meters=meters, failed=failed, keys=keys, limit_s=limit_s)
        self._ask: tuple[Callable[[], float], Callable[[], Meters | None]] = (now, meters)
        self._copy = Panel(UNICODE, keys=keys, limit_s=limit_s)
        self._seen = State()
        self._finished: list[Finished] = []

    def __call__(self, stamped: Stamped) -> None:
        """Take a report."""
        super().__call__(stamped)
        self._seen = advance(self._seen, stamped.report, stamped.t)
        self._finished += self._seen.finished
        if isinstance(stamped.report, ReplyFirstSample) and stamped.turn == TURN:
            threading.Timer(INTO_THE_ANSWER_S, self._take_picture).start()

    def _take_picture(self) -> None:
        now, meters = self._ask
        above = self._copy.finished(self._finished, COLUMNS)
        panel = self._copy.rows(self._seen, meters(), now(), width=COLUMNS, height=ROWS)
        console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True)
        console.print(Rows([*above, *panel]))
        svg = console.export_svg(title="flashlive talk", unique_id="flashlive")
        # no font from elsewhere: a picture in a README may not load any
        Photographer.picture = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


@contextmanager
def terminal() -> Iterator[None]:
    """Let stdout be a terminal that nobody looks at."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:

        def look() -> None:
            with contextlib.suppress(OSError):  # closed on the other side
                while screen.read(65536):
                    pass

        reader = threading.Thread(target=look)
        reader.start()
        try:
            with os.fdopen(theirs, "w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
                yield
        finally:
            reader.join()


def main() -> int:
    """Hold the talk, and write the picture where the command line says."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    os.environ["TERM"] = "xterm-256color"
    display.PanelScreen = Photographer  # type: ignore[misc]  # the panel of this talk
    with tempfile.TemporaryDirectory() as folder, terminal():
        scenario = Path(folder) / "scenario.toml"
        scenario.write_text(SCENARIO, encoding="utf-8")
        talk = ["talk", "--sim", "--scenario", str(scenario), "--voice", "Puck", "--tools", str(HERE / "tools.py")]
        talk += ["--input", str(HERE / "where-is-my-order.wav"), "--text", "Please book a repair for Friday morning."]
        code = cli.main([*talk, "--output", str(Path(folder) / "answer.wav"), "--format", "panel"])
    if Photographer.picture is None:
        print(f"there was no answer to take a picture of (exit code {code})", file=sys.stderr)
        return 1
    Path(sys.argv[1]).write_text(Photographer.picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
