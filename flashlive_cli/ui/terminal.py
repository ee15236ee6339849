r"""
The keyboard of a terminal, which is ours for a while and is put back as it was on every way out.

Theory of operation. The terminal is ours while we are in front of it (its foreground process group), have set its
modes, and a thread reads it; `_come_to_front` takes it, Ctrl-Z and the end of the context give it back. Ways out that
pass through the event loop end the context: Ctrl-C, and SIGTERM or SIGHUP where somebody handles them. Those that do
not are caught here: signals nobody handles, and an interpreter that exits. Nothing helps against `kill -9`.

Ctrl-Z gives the terminal back, then stops the process for real, so that the shell sees a stopped job. Nobody tells a
process that was running in the background that its shell has brought it to the front: there, one looks now and then.

Ctrl-C, Ctrl-Z and Ctrl-\ are the kernel's business, as ever. The kitty protocol takes them away from it: they arrive
as sequences, and the reading thread sends what the kernel would have sent, also while the event loop hangs.
"""

import asyncio
import atexit
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, Self, TypeAlias

from flashlive_cli import doorbell
from flashlive_cli.ui.keyboard_posix import PosixKeyboard, open_terminal
from flashlive_cli.ui.keyboard_windows import Console, WindowsKeyboard, open_console
from flashlive_cli.ui.keys import Key

_LOOK_S: Final = 0.25
"""How often a process in the background looks whether it is in front."""

_DEADLY: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
_TOLD: Final = ("SIGTSTP", "SIGCONT", "SIGWINCH")


_Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
"""What a signal has; see `signal.signal`."""


def _nothing() -> None:
    pass


class Terminal:
    """
    Reads keys from the terminal, where there is one; a context, to be entered within a running event loop.

    The terminal is stdin's, or with something else on stdin the one that controls the process. All callbacks are
    called in the event loop and must not wait. Signals are looked after only in the main thread, and only those that
    nobody else handles.

    Args of the constructor:
        keys: takes what was typed, in order.
        resized: the window has another size; never called on Windows.
        suspending: the terminal goes to somebody else (Ctrl-Z): the last moment to take down what is drawn.
        resumed: the terminal is ours, having been somebody else's: all is to be drawn anew. Also without `suspending`
            before, after a stop that no process is told of, and when one comes to the front for the first time.
        console: a Windows console to read instead of what this machine has.
    """

    def __init__(
        self,
        keys: Callable[[list[Key]], None],
        *,
        resized: Callable[[], None] = _nothing,
        suspending: Callable[[], None] = _nothing,
        resumed: Callable[[], None] = _nothing,
        console: Console | None = None,
    ) -> None:
        self._keys = keys
        self._resized = resized
        self._suspending = suspending
        self._resumed = resumed
        self._console = console
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keyboard: PosixKeyboard | None = None
        self._windows: WindowsKeyboard | None = None
        self._signals: dict[int, _Handler] = {}
        self._continued = 0
        self._look: asyncio.TimerHandle | None = None

    @property
    def available(self) -> bool:
        """Whether somebody can type: now, or once the process comes to the front."""
        return self._keyboard is not None or self._windows is not None

    @property
    def in_front(self) -> bool:
        """Whether the terminal is ours, and keys come now."""
        return self._windows is not None or (self._keyboard is not None and self._keyboard.taken)

    @property
    def reports_releases(self) -> bool:
        """Whether keys come with their releases; known a moment after the terminal was taken."""
        return self._keyboard is not None and self._keyboard.reports_releases

    def __enter__(self) -> Self:
        """Take the terminal if we are in front of it; without a terminal, do nothing."""
        self._loop = asyncio.get_running_loop()
        if sys.platform == "win32" and self._console is None:
            self._console = open_console()
        if self._console is not None:
            self._windows = WindowsKeyboard(self._console, self._heard)
            self._windows.start()
        elif sys.platform != "win32" and (fd := open_terminal()) is not None:
            self._keyboard = PosixKeyboard(fd, self._heard, self._ended)
            atexit.register(self._put_in_order)
            self._look_after_signals()
            self._come_to_front()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back; no key comes any more."""
        self._look_no_more()
        if self._windows is not None:
            self._windows.stop()
            self._windows = None
        self._gone()
        for number, handler in self._signals.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, signal.SIG_DFL)
        self._signals.clear()
        atexit.unregister(self._put_in_order)

    # in the event loop

    def _come_to_front(self, *, tell: bool = False) -> None:
        """Take the terminal if we are in front of it; else look again later, and tell."""
        self._look_no_more()
        if self._keyboard is None or self._loop is None:
            return
        if not self._keyboard.alive():
            self._gone()
        elif not self._keyboard.in_front():
            self._look = self._loop.call_later(_LOOK_S, lambda: self._come_to_front(tell=True))
        elif not self._keyboard.take():
            self._gone()
        elif tell:
            self._resumed()

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _gone(self) -> None:
        """Have no terminal any more."""
        keyboard = self._keyboard
        if keyboard is not None:
            keyboard.close()
            self._keyboard = None

    def _thread_ended(self) -> None:
        """Find out why nothing can be read: the terminal is gone, or somebody else's."""
        if self._keyboard is None or not self._keyboard.taken:
            return
        if self._keyboard.alive() and not self._keyboard.in_front():
            self._lost_front(self._keyboard)
        else:
            self._gone()

    def _lost_front(self, keyboard: PosixKeyboard) -> None:
        """Leave the terminal as it is: the shell has it back, and has set it to its liking."""
        self._suspending()
        keyboard.leave()
        self._come_to_front()

    def _suspend(self) -> None:
        """Stop, as Ctrl-Z wants it; returns when the process goes on."""
        if sys.platform == "win32":  # consoles know no such thing
            return
        if self.in_front:
            self._suspending()
        self._look_no_more()
        if self._keyboard is not None:
            self._keyboard.give_back()
        continued = self._continued
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        self._handle(signal.SIGTSTP, handler)
        if self._continued == continued:  # it did not stop: there is no shell that could make it go on
            self._resume()

    def _resume(self) -> None:
        """Go on after a stop, in front or in the background."""
        keyboard = self._keyboard
        if keyboard is not None and keyboard.taken and not keyboard.in_front():
            self._lost_front(keyboard)
        else:
            self._come_to_front(tell=True)

    def _typed(self, keys: list[Key]) -> None:
        if self.in_front:
            self._keys(keys)

    # in the reading thread

    def _heard(self, keys: list[Key]) -> None:
        self._call(self._typed, keys)

    def _ended(self) -> None:
        self._call(self._thread_ended)

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        """Call in the event loop, from anywhere."""
        if self._loop is not None:
            doorbell.ring(self._loop, callback, *args)

    # in the main thread, between any two steps of it: signals, and the interpreter's exit

    def _look_after_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for names, handler in ((_DEADLY, self._die), (_TOLD, self._tell)):
            for name in names:
                number = getattr(signal, name)
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._signals[number] = handler
                    self._handle(number, handler)

    def _handle(self, number: int, handler: _Handler) -> None:
        signal.signal(number, handler)
        if sys.platform != "win32":
            signal.siginterrupt(number, False)  # libraries do not expect to be interrupted

    def _die(self, number: int, _frame: FrameType | None) -> None:
        """Die of the signal, as without us, but with the terminal in order."""
        self._put_in_order()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def _put_in_order(self) -> None:
        if self._keyboard is not None:
            self._keyboard.give_back(last=True)

    def _tell(self, number: int, _frame: FrameType | None) -> None:
        if sys.platform == "win32":  # which has none of these signals
            return
        if number == signal.SIGTSTP:
            self._call(self._suspend)
        elif number == signal.SIGCONT:
            self._continued += 1
            self._call(self._resume)
        else:
            self._call(self._resized)
