"""A terminal of POSIX: its modes, what is asked of it, and the thread that reads it. Knows of no signals, no loop."""

import contextlib
import errno
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from flashlive_cli.ui.keys import Answered, Key, KeyParser

_DRAIN_S: Final = 0.15
"""How long to wait, at the end, for what would be typed into the shell otherwise; and for a terminal to take output."""

_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_ASK_DEVICE: Final = "\x1b[c"
_ASK_KITTY: Final = "\x1b[?u" + _ASK_DEVICE
"""Every terminal answers the second; one that speaks the protocol answers the first before."""

_KITTY_FLAGS: Final = 1 | 2 | 4
"""
Tell esc from sequences, report releases, say where a key is on a US keyboard.

Without the last, Ctrl-C on a Cyrillic or Greek keyboard is no Ctrl-C under this protocol.
"""

_KITTY_PUSH: Final = f"\x1b[>{_KITTY_FLAGS}u"
_KITTY_SET: Final = f"\x1b[={_KITTY_FLAGS}u"
_KITTY_POP: Final = "\x1b[<u"
_SHOW_CURSOR: Final = "\x1b[?25h"


def open_terminal() -> int | None:
    """Open stdin's terminal, or with something else on stdin the one that controls the process; None without any."""
    flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK
    stdin = _stdin_terminal()
    if stdin is not None:
        with contextlib.suppress(OSError):  # opened anew: what we set on it is nobody else's
            return os.open(os.ttyname(stdin), flags)
        with contextlib.suppress(OSError):  # a terminal of another container has no name here
            return os.dup(stdin)
    with contextlib.suppress(OSError):
        return os.open("/dev/tty", flags)
    return None


class PosixKeyboard:
    """
    The terminal behind a file descriptor, which it owns from now on.

    `heard` and `ended` are called in a thread called `flashlive-keys`; all else is called in one other thread.

    Attributes:
        taken: whether it is ours: modes set, thread reading.
        reports_releases: whether it speaks the kitty protocol.
    """

    def __init__(self, fd: int, heard: Callable[[list[Key]], None], ended: Callable[[], None]) -> None:
        """Be for a terminal; `heard` takes keys, `ended` says that the thread can read no more."""
        self.taken = False
        self.reports_releases = False
        self._fd = fd
        self._pid = os.getpid()
        self._heard = heard
        self._ended = ended
        self._former: list[Any] = []
        self._talkative = os.environ.get("TERM", "dumb") != "dumb"
        self._parser = KeyParser()
        self._answers_due = 0
        self._asked_at = float("-inf")
        self._wake: int | None = None
        self._thread: threading.Thread | None = None

    def in_front(self) -> bool:
        """Whether we may read it and set its modes: whoever does so from the background is stopped."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # not the terminal that controls us: it has no front
            return True

    def alive(self) -> bool:
        """Whether there is still a terminal: one that hung up has no modes."""
        import termios  # noqa: PLC0415 - POSIX alone has it

        try:
            termios.tcgetattr(self._fd)
        except (OSError, termios.error):
            return False
        return True

    def take(self) -> bool:
        """Set its modes and read it, also once more after a stop that we were not told of; False: it is gone."""
        import termios  # noqa: PLC0415 - POSIX alone has it

        self._stop_reading()
        try:
            modes = termios.tcgetattr(self._fd)
            if not self.taken:
                self._former = modes
            modes = [*modes[:6], [*modes[6]]]
            modes[0] &= ~(termios.IXON | termios.ISTRIP)  # Ctrl-S is no key of a talk; UTF-8 has eight bits
            modes[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
        except (OSError, termios.error):
            return False
        if self.taken and self.reports_releases:
            self._write(_PASTE_ON + _KITTY_SET)
        elif self._talkative:
            self._answers_due, self._asked_at = 1, time.monotonic()
            self._write(_PASTE_ON + _ASK_KITTY)
        self.taken = True
        self._parser = KeyParser()
        stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._read, args=(stop,), name="flashlive-keys", daemon=True)
        self._thread.start()
        return True

    def give_back(self, *, last: bool = False) -> None:
        """
        Put all back as it was, unless somebody else is in front of it by now; idempotent.

        Args:
            last: the process dies now; nobody else shows the cursor that was hidden.
        """
        import termios  # noqa: PLC0415 - POSIX alone has it

        if not self.taken:
            return
        if os.getpid() != self._pid:  # a forked child: it is its parent's
            self.taken = False
            return
        try:
            self._stop_reading()
            if self._talkative and self.in_front():
                self._write(_SHOW_CURSOR if last else "")
                self._end_protocols()
        finally:
            if self.in_front():
                with contextlib.suppress(OSError, termios.error):
                    termios.tcsetattr(self._fd, termios.TCSANOW, self._former)
            self.leave()

    def leave(self) -> None:
        """Read no more, and change nothing: it is somebody else's already, or gone."""
        self._stop_reading()
        self.taken = self.reports_releases = False

    def close(self) -> None:
        """Give it back and close it; nothing else may be called then."""
        self.give_back()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _end_protocols(self) -> None:
        """Take back what was asked of the terminal, and read what it still sends: none of that is for the shell."""
        if self.reports_releases:
            self.reports_releases = False  # at once: a signal may bring us here again, and one pop too many is not ours
            # the answer comes behind the release of the very key that ended the talk
            self._write(_KITTY_POP + _PASTE_OFF + _ASK_DEVICE)
            self._answers_due += 1
        else:
            self._write(_PASTE_OFF)
            if time.monotonic() - self._asked_at > 1:  # what it has not answered by now, it never will
                return
        deadline = time.monotonic() + _DRAIN_S
        with contextlib.suppress(OSError, ValueError):
            while self._answers_due > 0 and (left_s := deadline - time.monotonic()) > 0:
                if select.select([self._fd], [], [], left_s)[0]:
                    found = self._parser.feed(os.read(self._fd, 4096), 0.0)
                    self._answers_due -= found.count(Answered("device"))

    def _stop_reading(self) -> None:
        (thread, self._thread), (wake, self._wake) = (self._thread, None), (self._wake, None)
        if thread is None or wake is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it has ended
            os.write(wake, b"!")  # closing would not do: a forked child may have it open, too
        os.close(wake)
        thread.join(1.0)

    def _write(self, sequence: str) -> None:
        """Write to the terminal; lost where it takes nothing, which must not keep us."""
        rest = sequence.encode("ascii")
        with contextlib.suppress(OSError, ValueError):
            while rest and select.select([], [self._fd], [], _DRAIN_S)[1]:
                rest = rest[os.write(self._fd, rest) :]

    # in the thread

    def _read(self, stop: int) -> None:
        """Read until something comes through `stop`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the main thread
        try:
            while self._read_on(stop):
                pass
        except (OSError, ValueError):
            self._ended()
        finally:
            os.close(stop)

    def _read_on(self, stop: int) -> bool:
        """Read what comes next; raise OSError at the end, and where somebody else is in front: SIGTTIN is blocked."""
        due = self._parser.pending_until
        timeout_s = None if due is None else max(0.0, due - time.monotonic())
        # select: macOS cannot poll a terminal
        ready = select.select([self._fd, stop], [], [], timeout_s)[0]
        if stop in ready:
            return False
        if not ready:
            self._sort(self._parser.flush(time.monotonic()))
            return True
        with contextlib.suppress(BlockingIOError):  # somebody else was faster
            data = os.read(self._fd, 4096)
            if not data:
                raise OSError(errno.EIO, "the terminal is gone")
            self._sort(self._parser.feed(data, time.monotonic()))
        return True

    def _sort(self, found: Sequence[Key | Answered]) -> None:
        keys: list[Key] = []
        for event in found:
            match event:
                case Key():
                    if not (self.reports_releases and self._is_signal(event)):
                        keys.append(event)
                case Answered("device"):
                    self._answers_due = max(0, self._answers_due - 1)
                case Answered("kitty") if not self.reports_releases:
                    self.reports_releases = True
                    self._write(_KITTY_PUSH)
        if keys:
            self._heard(keys)

    def _is_signal(self, key: Key) -> bool:
        """Whether the key is a signal's, as the user has set them; send what the kernel would have sent for it."""
        import termios  # noqa: PLC0415 - POSIX alone has it

        modes, prefix, char = self._former, key.name[:-1], key.name[-1]
        if prefix != "ctrl-" or not "@" <= char < "\x7f" or not modes[3] & termios.ISIG:
            return False
        signals = {termios.VINTR: signal.SIGINT, termios.VQUIT: signal.SIGQUIT, termios.VSUSP: signal.SIGTSTP}
        for place, number in signals.items():
            if modes[6][place] == bytes([ord(char) & 0x1F]):
                if key.kind == "press":
                    os.killpg(os.getpgrp(), number)
                return True
        return False


def _stdin_terminal() -> int | None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none, or no real file
        fd = sys.stdin.fileno()
        return fd if os.isatty(fd) else None
    return None
