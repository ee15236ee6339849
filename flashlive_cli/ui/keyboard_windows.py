"""Keys of a Windows console, by the C runtime: no modes to set, and none to put back."""

import importlib
import signal
import threading
from collections.abc import Callable
from typing import Final, Protocol, cast

from flashlive_cli.ui.keys import Key

PASTE_CHARS: Final = 8
"""So many characters at once were pasted: nobody types them between two looks, and a console does not tell."""

_LOOK_S: Final = 0.015
"""How often the console is asked: half of its shortest repeat. Waiting in `getwch` could not be ended."""

_EXTENDED: Final = {
    "H": "up", "P": "down", "K": "left", "M": "right", "G": "home", "O": "end", "R": "insert", "S": "delete",
    "I": "pageup", "Q": "pagedown", "s": "ctrl-left", "t": "ctrl-right", "w": "ctrl-home", "u": "ctrl-end",
    "\x8d": "ctrl-up", "\x91": "ctrl-down", "\x93": "ctrl-delete", "\x85": "f11", "\x86": "f12",
} | {chr(ord(";") + number): f"f{number + 1}" for number in range(10)}  # fmt: skip
r"""
What follows `\x00` or `\xe0`.

https://learn.microsoft.com/en-us/cpp/c-runtime-library/reference/getch-getwch
"""

_CONTROLS: Final = {
    "\r": "enter", "\n": "enter", "\t": "tab", "\x08": "backspace", "\x7f": "ctrl-backspace", "\x1b": "esc",
    "\x1c": "ctrl-\\", "\x1d": "ctrl-]", "\x1e": "ctrl-^", "\x1f": "ctrl-_",
}  # fmt: skip


class Console(Protocol):
    """What is needed of `msvcrt`."""

    def kbhit(self) -> bool:
        """Whether `getwch` would return at once."""

    def getwch(self) -> str:
        """Return the next UTF-16 unit typed, without echo; of a function key, the first of two."""


def open_console() -> Console | None:
    """Return the console of this process, also where stdin is something else; None where it has none."""
    try:
        with open("CONIN$", "rb"):  # noqa: PTH123 - a device, no path
            return cast("Console", importlib.import_module("msvcrt"))
    except (OSError, ImportError):
        return None


class ConsoleKeys:
    """Turns what waits in a console into the keys of `ui.keys`: presses only, a console repeats them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._half = ""  # of a character beyond the first 65536

    def read(self) -> list[Key]:
        r"""
        Return what was typed since the last time, without waiting.

        Ctrl-C arrives as `ctrl-c` where it was typed while this was looking; else Windows makes a SIGINT of it.
        """
        keys = []
        while self._console.kbhit():
            key = self._key(self._console.getwch())
            if key is not None:
                keys.append(key)
        return _pasted(keys)

    def _key(self, unit: str) -> Key | None:
        if unit in "\x00\xe0" and self._console.kbhit():  # alone, the second is a letter: à
            code = self._console.getwch()
            if code in _EXTENDED:
                return Key(_EXTENDED[code])
            return None if unit == "\x00" else Key(unit + code, unit + code)
        if "\ud800" <= unit < "\udc00":
            self._half = unit
            return None
        if "\udc00" <= unit < "\ue000":
            pair, self._half = self._half + unit, ""
            char = pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
            return Key(char, char) if char else None
        return _plain(unit)


class WindowsKeyboard:
    """
    Reads a console in a thread called `flashlive-keys`.

    Args of the constructor:
        console: what to read.
        heard: takes keys, in the thread.
        interrupt: is called, in the thread, for a Ctrl-C that Windows made no SIGINT of.
    """

    def __init__(
        self,
        console: Console,
        heard: Callable[[list[Key]], None],
        interrupt: Callable[[], None] = lambda: signal.raise_signal(signal.SIGINT),
    ) -> None:
        self._keys = ConsoleKeys(console)
        self._heard = heard
        self._interrupt = interrupt
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flashlive-keys", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; returns when the thread has ended."""
        self._stopped.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            try:
                keys = self._keys.read()
            except OSError:  # the console's window was closed
                return
            if Key("ctrl-c") in keys:
                self._interrupt()
                keys = [key for key in keys if key != Key("ctrl-c")]
            if keys:
                self._heard(keys)


def _plain(unit: str) -> Key:
    """Return the key of a unit that stands for itself."""
    if unit in _CONTROLS:
        return Key(_CONTROLS[unit])
    if unit < " ":
        return Key(f"ctrl-{chr(ord(unit) + 0x60)}" if unit != "\x00" else "ctrl-space")
    return Key("space" if unit == " " else unit, unit)


def _pasted(keys: list[Key]) -> list[Key]:
    """Make one paste of a burst, so that its newlines send nothing; a key that repeats is no paste."""
    typed = [key.text or {"enter": "\n", "tab": "\t"}.get(key.name, "") for key in keys]
    if len(keys) < PASTE_CHARS or len(set(typed)) < 3 or not all(typed):
        return keys
    return [Key("paste", "".join(typed))]
