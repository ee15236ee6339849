"""What the user sees of a talk."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from flashlive_cli.cli.foreign import Passage
from flashlive_cli.cli.form import Form
from flashlive_cli.clock import Clock
from flashlive_cli.errors import OutputFailed
from flashlive_cli.printable import printable
from flashlive_cli.reports import Listener, Report, Stamped, ToolPrinted, Warned
from flashlive_cli.ui.acts import Act, HelpSwitched, HintShown, LineNoted, QuestionPut
from flashlive_cli.ui.ndjson import JsonScreen
from flashlive_cli.ui.outlet import Outlet
from flashlive_cli.ui.plain import PlainScreen

if TYPE_CHECKING:
    from flashlive_cli.ui.display import PanelScreen
    from flashlive_cli.ui.state import Meters


_DOES: Final = {"m": "mutes", "space": "pushes to talk", "esc": "stops the voice", "v": "shows a picture", "q": "quits"}
"""What keys do where there are lines, and no panel that explains them."""


class Screen:
    """
    The outputs of one talk; belongs to its event loop.

    Attributes:
        panel: the live panel; None where the talk is shown in lines.
        meters: how loud it is just now; asked in the panel's thread.
    """

    def __init__(
        self,
        form: Form,
        clock: Clock,
        *,
        data: TextIO | None,
        sound_on_stdout: bool,
        failed: Callable[[OutputFailed], None],
        passage: Passage | None = None,
        keys: Sequence[str] = (),
        limit_s: float | None = None,
    ) -> None:
        """
        Be for a talk.

        Args:
            form: how it is shown.
            clock: the talk's.
            data: takes the conversation in the place of stdout, where that was kept aside; and the panel.
            sound_on_stdout: all lines go to stderr.
            failed: told in another thread that an output takes nothing any more.
            passage: the way of what strangers write to stderr: above the panel, where there is one.
            keys: what the user can press; see `rows.KEYS`.
            limit_s: how long the talk may last.
        """
        self.panel: PanelScreen | None = None
        self.meters: Callable[[], Meters | None] = lambda: None
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._failed = failed
        self._turn = 1
        self._keys = tuple(keys)
        self._others: list[Listener] = []
        self._outlets: tuple[Outlet, ...] = ()
        self._questions: Outlet | None = None
        self._show: Listener
        if form == "panel":
            self._show = self._draw_on(data or sys.stdout, passage, keys, limit_s)
        else:
            self._show = self._write_to(form, data or sys.stdout, sound_on_stdout=sound_on_stdout)

    def _draw_on(
        self, terminal: TextIO, passage: Passage | None, keys: Sequence[str], limit_s: float | None
    ) -> Listener:
        from flashlive_cli.ui.display import PanelScreen, console_for  # noqa: PLC0415 - rich, for who has a panel

        self.panel = PanelScreen(
            console_for(terminal),
            now=self._clock.now,
            meters=self._measured,
            failed=self._failed,
            keys=keys,
            limit_s=limit_s,
        )
        if passage is not None:
            passage.tell = self.panel.note
        return self.panel

    def _measured(self) -> "Meters | None":
        return self.meters()

    def _write_to(self, form: Form, data: TextIO, *, sound_on_stdout: bool) -> Listener:
        stderr = Outlet(sys.stderr, name="stderr", failed=lambda _failure: None)
        stdout = stderr if sound_on_stdout else Outlet(data, name="stdout", failed=self._failed)
        self._outlets = (stdout, stderr) if stdout is not stderr else (stderr,)
        self._questions = stderr
        return JsonScreen(stdout, stderr) if form == "json" else PlainScreen(stdout, stderr)

    def tell_too(self, listener: Listener) -> None:
        """Let somebody else listen from now on, to all that is shown."""
        self._others.append(listener)

    def listen(self, stamped: Stamped) -> None:
        """Show a report; see `reports.Listener`."""
        self._turn = stamped.turn
        self._tell(stamped)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the talk until all of it is written."""
        with ExitStack() as stack:
            for outlet in reversed(self._outlets):
                stack.enter_context(outlet)
            if self.panel is not None:
                stack.enter_context(self.panel)
            yield

    def act(self, act: Act) -> None:
        """Show what keys do; in lines there is nothing to see of it but what is asked, hinted and explained."""
        if self.panel is not None:
            self.panel.act(act)
            return
        match act:
            case QuestionPut(str() as question):
                self.ask(f"{question} [y/n/a]")
            case HintShown(str() as hint):
                self.ask(hint)
            case HelpSwitched(True):
                self.ask(", ".join(f"{key} {does}" for key, does in _DOES.items() if key in self._keys))
            case _:
                pass

    def suspend(self) -> None:
        """Leave the terminal to somebody else."""
        if self.panel is not None:
            self.panel.suspend()

    def resume(self) -> None:
        """Have the terminal again."""
        if self.panel is not None:
            self.panel.resume()

    def resized(self) -> None:
        """Fit the terminal's new size."""
        if self.panel is not None:
            self.panel.resized()

    def ask(self, question: str) -> None:
        """Put a question that is answered at the keyboard."""
        if self._questions is not None:
            self._questions.say(f"flashlive: {printable(question)}")
        else:
            self.act(LineNoted(question))

    def tool_printed(self, name: str, line: str) -> None:
        """Show a line that a tool printed."""
        self.tell(ToolPrinted(name, line))

    def warn(self, message: str) -> None:
        """Show something the user should know."""
        self.tell(Warned(message))

    def warn_in_thread(self, message: str) -> None:
        """Do the same from another thread."""
        self._loop.call_soon_threadsafe(self.warn, message)

    def tell(self, report: Report) -> None:
        """Show what is no part of the conversation itself."""
        self._tell(Stamped(self._clock.now(), self._turn, report))

    def _tell(self, stamped: Stamped) -> None:
        self._show(stamped)
        for listener in self._others:
            listener(stamped)
