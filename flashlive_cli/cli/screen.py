"""What the user sees of a talk, and where failures of the outputs end up."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, TextIO

import typer

from flashlive_cli.cli.exits import exit_code_of
from flashlive_cli.clock import Clock
from flashlive_cli.errors import FlashliveError, OutputFailed
from flashlive_cli.printable import printable
from flashlive_cli.reports import Failed, Listener, Report, Stamped, ToolPrinted, Warned
from flashlive_cli.ui.ndjson import JsonScreen
from flashlive_cli.ui.outlet import Outlet
from flashlive_cli.ui.plain import PlainScreen


class Screen:
    """
    The outputs of one talk; belongs to its event loop and must be made in its main task.

    Attributes:
        failure: why an output takes nothing any more, or which device is gone; the main task is cancelled then.
    """

    def __init__(
        self, form: Literal["plain", "json"] | None, clock: Clock, *, data: TextIO | None, sound_on_stdout: bool
    ) -> None:
        """Show on stdout, or on `data` where that was kept aside; on stderr alone if sound is on stdout."""
        self.failure: FlashliveError | None = None
        self._over = False
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._turn = 1
        stderr = Outlet(sys.stderr, name="stderr", failed=lambda _failure: None)
        stdout = stderr if sound_on_stdout else Outlet(data or sys.stdout, name="stdout", failed=self._failed_in_thread)
        self._outlets = (stdout, stderr) if stdout is not stderr else (stderr,)
        self._questions = stderr
        self._machine_readable = form == "json"
        self._show: Listener = JsonScreen(stdout) if form == "json" else PlainScreen(stdout, stderr)

    def listen(self, stamped: Stamped) -> None:
        """Show a report; see `reports.Listener`."""
        self._turn = stamped.turn
        self._show(stamped)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the talk until all of it is written."""
        with ExitStack() as stack:
            for outlet in reversed(self._outlets):
                stack.enter_context(outlet)
            yield

    def ask(self, question: str) -> None:
        """Put a question that is answered at the keyboard."""
        self._questions.say(f"flashlive: {printable(question)}")

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
        self._show(Stamped(self._clock.now(), self._turn, report))

    def failed(self, failure: FlashliveError) -> None:
        """End the talk politely: an output that was asked for takes nothing any more, or a device is gone."""
        if self.failure is None and not self._over and self._task is not None:
            self._task.cancel()
        self.failure = self.failure or failure

    def over(self) -> None:
        """Note that the talk ends anyhow: what fails while all is closed changes nothing."""
        self._over = True

    def gave_up(self, error: FlashliveError) -> typer.Exit:
        """Report the error that ends the talk, and return what ends the program."""
        code = exit_code_of(error)
        self.tell(Failed(str(error), code))
        if isinstance(error, OutputFailed) and self._machine_readable:  # what would have told it is what failed
            self._questions.say(f"flashlive: error: {printable(str(error))}")
        return typer.Exit(code)

    def _failed_in_thread(self, failure: OutputFailed) -> None:
        self._loop.call_soon_threadsafe(self.failed, failure)
