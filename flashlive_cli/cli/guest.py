"""A program run as the simulator's guest: its signals, its exit code. What leads it there is in `sim.guests`."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from flashlive_cli.cli.exits import KILLED_BY
from flashlive_cli.cli.signals import on_signals
from flashlive_cli.errors import reason_of

PATIENCE_S: Final = 5.0
"""Real seconds a guest has to end after a signal; then it is killed."""
NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126
"""Both as shells count."""


class CannotRun(Exception):
    """
    A guest that cannot be started.

    Attributes:
        code: what the exit code is then.
    """

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


async def run_guest(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """
    Run a program on our own stdin, stdout and stderr; return its exit code as a shell counts it.

    SIGINT, SIGTERM and SIGHUP go on to it; it is waited for, and killed where it does not end.

    Raises:
        CannotRun: there is no such program, or it is none.
    """
    program = _find(command[0])
    with _forwarding() as signals:  # before the start: a signal must not find us without a guest to tell
        try:
            process = await asyncio.create_subprocess_exec(program, *command[1:], env=dict(environment))
        except OSError as exc:
            raise CannotRun(f"{command[0]} cannot be run: {reason_of(exc)}", NOT_RUNNABLE) from exc
        signals.lead_to(process)
        try:
            code = await process.wait()
        except BaseException:  # Ctrl-C on Windows, where the program gets it, too
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
    return KILLED_BY - code if code < 0 else code


def _find(name: str) -> str:
    found = shutil.which(name)  # on Windows also npm.cmd for npm
    if found is not None:
        return found
    path = Path(name)
    if path.name != name and path.exists():
        raise CannotRun(f"{name} is no program that can be run", NOT_RUNNABLE)
    raise CannotRun(f"there is no program {name}", NOT_FOUND)


@contextlib.contextmanager
def _forwarding() -> Iterator["_Signals"]:
    """Send signals on to a guest; they do nothing else."""
    signals = _Signals()
    with on_signals("SIGINT", "SIGTERM", "SIGHUP", act=signals.forward):
        try:
            yield signals
        finally:
            signals.stop()


class _Signals:
    """Signals on their way to a guest."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def lead_to(self, process: asyncio.subprocess.Process) -> None:
        """The guest is there; it gets what came before it."""
        self._process = process
        for number in self._waiting:
            self.forward(number)

    def forward(self, number: int) -> None:
        """Pass one on, and kill a guest that does not end in time."""
        if self._process is None:
            self._waiting.append(number)
            return
        with contextlib.suppress(ProcessLookupError):
            if number != signal.SIGINT or not _in_foreground():
                self._process.send_signal(number)
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE_S, self._kill)

    def stop(self) -> None:
        """Leave the guest alone: it has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                self._process.kill()


def _in_foreground() -> bool:
    """Ctrl-C at our terminal reaches the guest by itself: it is in our process group."""
    if sys.platform == "win32":
        return False
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
