"""A program that hears or plays for us: one child process, the pipe to it or from it, and its end."""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from flashlive_cli import doorbell
from flashlive_cli.errors import ConfigError, DeviceError, reason_of
from flashlive_cli.printable import printable

if TYPE_CHECKING:
    import io

TERM_PATIENCE_S: Final = 1.0
"""Between the polite signal and the other one."""

_ENDING_S: Final = 1.0
"""Between the end of a program's pipe and its own; it needs a millisecond."""

_JOIN_PATIENCE_S: Final = 0.5
"""
For a thread whose pipe has ended. A program's descendant that fled to a session of its own may keep the pipe open;
the thread is left there then, and as a daemon it does not keep the process.
"""

CHECK_S: Final = 0.5
"""
Between two looks whether sound moves. Looks are counted, not seconds: where this process was stopped, or the machine
asleep, the program has missed none of them.
"""

CATCH_UP_S: Final = 0.1
"""So much of a delay is made up for at once, on a busy machine; what is later stays late, and no burst follows."""

if sys.platform == "win32":
    _CREATION_FLAGS: Final = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _CREATION_FLAGS: Final = 0

_LAST_WORDS_BYTES: Final = 2048
_LAST_LINE_CHARS: Final = 200


class Program:
    """
    One child process, the pipe to it or from it, and its end.

    It has a session of its own: Ctrl-C in the terminal reaches flashlive alone, and what the program starts in turn
    ends with it (on Windows, when the pipe does). Nothing it prints reaches the terminal, but for the last line of
    its stderr in a `DeviceError`.

    Belongs to the event loop it was made in.

    Attributes:
        name: of the program, printable.
        pipe: its standard input or output, unbuffered; for the thread that `start` starts, which closes it.
        closing: set when that thread is to leave, or the program is lost or has ended.
    """

    def __init__(
        self,
        command: str,
        *,
        speaker: bool,
        lost: Callable[[DeviceError], None],
        ended: Callable[[], None] | None = None,
    ) -> None:
        """
        Start the program; on Windows the command is passed on as it is, elsewhere it is split as a shell would.

        Args:
            command: program and options.
            speaker: it is written to, and not read.
            lost: called once, in the loop, when it is gone before `close`.
            ended: called instead, where given, when it ended with exit code 0.

        Raises:
            ConfigError: the command is empty, or its quotes do not match.
            DeviceError: there is no such program, or it cannot be started.
        """
        self.closing = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._ended = ended
        self._stalled = "takes no more sound" if speaker else "closed its output"
        name = command
        try:
            words = [command.strip()] if sys.platform == "win32" else shlex.split(command)
            if not words or not words[0]:
                raise ConfigError("the command of a sound program is empty; try one like: arecord -q -t raw")
            name = words[0]
            self._process = subprocess.Popen(  # noqa: S603 - running the user's command is what was asked for
                words[0] if sys.platform == "win32" else words,
                bufsize=0,
                stdin=subprocess.PIPE if speaker else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if speaker else subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                creationflags=_CREATION_FLAGS,
            )
        except ValueError as exc:
            raise ConfigError(printable(f"{command!r} is no command: {exc}")) from exc
        except OSError as exc:
            advice = "; is it installed?" if isinstance(exc, FileNotFoundError) else ""
            raise DeviceError(printable(f"{name} cannot be started: {reason_of(exc)}{advice}")) from exc
        self.name = printable(name)
        self._last_words = b""
        self.pipe = cast("io.FileIO", self._process.stdin if speaker else self._process.stdout)
        self._threads = [threading.Thread(target=self._overhear, name="flashlive-program-stderr", daemon=True)]
        self._threads[0].start()

    def start(self, work: Callable[[], None], name: str) -> None:
        """Let a thread do the work on the pipe; the program counts as lost if that ends before `close`."""
        thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def ring(self, bell: Callable[..., None], *news: object) -> None:
        """Ring into the loop from a thread."""
        doorbell.ring(self._loop, bell, *news)

    async def close(self, patience_s: float = 0.0) -> None:
        """
        End the program: SIGTERM after `patience_s` with its pipe closed, SIGKILL a second later.

        When cancelled, this goes on in its thread.
        """
        self.closing.set()
        await asyncio.to_thread(self._end, patience_s)

    def _end(self, patience_s: float) -> None:
        if not self._gone_within(patience_s):
            self._signal(kill=False)
            if not self._gone_within(TERM_PATIENCE_S):
                self._signal(kill=True)
                self._gone_within(_ENDING_S)
        for thread in self._threads:
            thread.join(_JOIN_PATIENCE_S)

    def _gone_within(self, seconds: float) -> bool:
        """Wait for the program's end, and end what it left behind; False if it has not ended."""
        if self._process.returncode is not None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._signal(kill=True)
        return True

    def _signal(self, *, kill: bool) -> None:
        if sys.platform == "win32":
            self._process.kill()  # there is no politer way
            return
        # gone already; or another user's (sudo), or on macOS all of it gone but not yet waited for
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL if kill else signal.SIGTERM)

    def _overhear(self) -> None:
        """Keep the end of what the program says on stderr, in a thread."""
        with cast("io.FileIO", self._process.stderr) as stderr:
            while piece := stderr.read(_LAST_WORDS_BYTES):
                self._last_words = (self._last_words + piece)[-_LAST_WORDS_BYTES:]

    def _run(self, work: Callable[[], None]) -> None:
        death = ""
        try:
            work()
        except OSError:
            pass  # the program reads no more
        except Exception as exc:  # noqa: BLE001 - a dead thread must be known in the loop, whatever killed it
            death = f"the thread for {self.name} died of {type(exc).__name__}: {exc}"
        finally:
            self.pipe.close()
        if self.closing.is_set():
            return
        if death:
            self.ring(self.lose, printable(death))
            return
        self._gone_within(_ENDING_S)
        if self._process.returncode == 0 and self._ended is not None:
            self.ring(self._on_ended, self._ended)
        else:
            self.ring(self.lose, self._obituary())

    def _obituary(self) -> str:
        self._threads[0].join(_JOIN_PATIENCE_S)
        match self._process.returncode:
            case None:
                how = f"{self.name} {self._stalled}"
            case 0:
                how = f"{self.name} ended (exit code 0), and the talk with it"
            case code if code < 0:
                how = f"{self.name} was killed by signal {-code}"
            case code:
                how = f"{self.name} ended with exit code {code}"
        lines = [line for line in self._last_words.decode(errors="replace").splitlines() if line.strip()]
        return f"{how}: {printable(lines[-1].strip()[:_LAST_LINE_CHARS])}" if lines else how

    def lose(self, words: str) -> None:
        """Count the program as lost, in the loop's thread."""
        if not self.closing.is_set():
            self.closing.set()
            self._lost(DeviceError(words))

    def _on_ended(self, ended: Callable[[], None]) -> None:
        if not self.closing.is_set():
            self.closing.set()
            ended()
