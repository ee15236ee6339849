"""How a talk ends: by itself, as the user wishes, or in an error; and the exit code of each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flashlive_cli.cli.exits import exit_code_of
from flashlive_cli.errors import FlashliveError
from flashlive_cli.reports import Failed

if TYPE_CHECKING:
    from flashlive_cli.cli.screen import Screen


class Ending:
    """
    Ends one talk politely, by cancelling its main task, in which this is made; belongs to its event loop.

    Attributes:
        failure: why an output takes nothing any more, or which device is gone; None while all is well.
    """

    def __init__(self) -> None:
        self.failure: FlashliveError | None = None
        self._left = False
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()

    def leave(self) -> None:
        """End the talk, as the user wishes."""
        if not self._left:
            self._left = True
            self._end()

    def failed(self, failure: FlashliveError) -> None:
        """End the talk: an output that was asked for takes nothing any more, or a device is gone."""
        if self.failure is None:
            self._end()
        self.failure = self.failure or failure

    def failed_in_thread(self, failure: FlashliveError) -> None:
        """Do the same from another thread."""
        self._loop.call_soon_threadsafe(self.failed, failure)

    @contextmanager
    def shown_on(self, screen: "Screen") -> Iterator[None]:
        """
        Hold the talk, and show the error that ends it; what fails afterwards, while all is closed, changes nothing.

        Raises:
            typer.Exit: with the code of that error.
        """
        try:
            yield
        except FlashliveError as error:
            raise _gave_up(error, screen) from None
        except asyncio.CancelledError:
            if self.failure is not None:
                raise _gave_up(self.failure, screen) from None
            if not self._left:
                raise
        finally:
            self._over = True

    def _end(self) -> None:
        if not self._over and self._task is not None:
            self._task.cancel()


def _gave_up(error: FlashliveError, screen: "Screen") -> typer.Exit:
    code = exit_code_of(error)
    screen.tell(Failed(str(error), code))
    return typer.Exit(code)
