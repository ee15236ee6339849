"""
What was typed, out of the bytes a terminal sends: no clock, no files, no terminal.

Theory of operation. Every byte moves a small machine: text, after an escape, within a control sequence (CSI), within
a shifted one (SS3), within a string, within a paste. A sequence that means nothing to us is taken to its end and
dropped, so that no part of it is ever typed. One thing the bytes alone cannot tell: an ESC that is the key from one
that begins a sequence. Time tells, so `pending_until` says when to ask `flush`.

The spellings: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html (CSI, SS3, bracketed paste), the manuals of
rxvt (7) and console_codes (4), and https://sw.kovidgoyal.net/kitty/keyboard-protocol/ (CSI u, event types).
"""

import codecs
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

ESC_S: Final = 0.03
"""An ESC that nothing follows for so long is the key: a terminal writes a sequence at once."""

SEQUENCE_S: Final = 0.5
"""So long may a sequence, or a character, be cut in two by a slow line."""

PASTE_S: Final = 5.0
"""So long may a paste stop in the middle; then what came of it is all, and keys are keys again."""

MAX_PASTE_BYTES: Final = 65_536
"""The beginning of a paste that is kept; the rest is dropped."""

_MAX_PARAMETERS: Final = 96
_PASTE_END: Final = b"\x1b[201~"
_ESC: Final = 0x1B
_STRINGS: Final = b"]PX^_"
"""After an ESC: OSC, DCS, SOS, PM and APC, which all last until ST (or BEL)."""

_SHIFT, _ALT, _CTRL, _SUPER = 1, 2, 4, 8 | 16 | 32
_PREFIXES: Final = ((_CTRL, "ctrl-"), (_ALT, "alt-"), (_SHIFT, "shift-"), (_SUPER, "super-"))

_LETTERS: Final = {
    "A": "up", "B": "down", "C": "right", "D": "left", "E": "begin", "F": "end", "H": "home",
    "P": "f1", "Q": "f2", "R": "f3", "S": "f4",
}  # fmt: skip
_KEYPAD: Final = dict(zip("jklmnopqrstuvwxyX", "*+,-./0123456789=", strict=True))
_NUMBERS: Final = {
    1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pageup", 6: "pagedown", 7: "home", 8: "end",
    11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9", 21: "f10",
    23: "f11", 24: "f12",
}  # fmt: skip
_RXVT_FINALS: Final = {"$": _SHIFT, "^": _CTRL, "@": _CTRL | _SHIFT}
_CODES: Final = {
    8: "backspace", 9: "tab", 13: "enter", 27: "esc", 127: "backspace",
    57409: ".", 57410: "/", 57411: "*", 57412: "-", 57413: "+", 57414: "enter", 57415: "=", 57416: ",",
    57417: "left", 57418: "right", 57419: "up", 57420: "down", 57421: "pageup", 57422: "pagedown",
    57423: "home", 57424: "end", 57425: "insert", 57426: "delete", 57427: "begin",
} | {57399 + digit: str(digit) for digit in range(10)}  # fmt: skip
"""Key codes of CSI u that are not the character they type."""

_PRIVATE_CODES: Final = range(57344, 63744)
_CONTROLS: Final = {
    0x00: "ctrl-space", 0x08: "backspace", 0x09: "tab", 0x0A: "enter", 0x0D: "enter",
    0x1C: "ctrl-\\", 0x1D: "ctrl-]", 0x1E: "ctrl-^", 0x1F: "ctrl-_", 0x7F: "backspace",
}  # fmt: skip

Kind = Literal["press", "repeat", "release"]
_KINDS: Final[dict[int, Kind]] = {1: "press", 2: "repeat", 3: "release"}


@dataclass(frozen=True, slots=True)
class Key:
    """
    One key, or one paste.

    Attributes:
        name: the character it types ("a", "A", "é"), or `space`, `enter`, `esc`, `tab`, `backspace`, `delete`, `left`,
            `home`, `pageup`, `f1` …, `paste`; before it `ctrl-`, `alt-`, `shift-`, `super-`, in this order.
        text: what it types, without control characters, except in a paste, which is as it came; empty for a key
            that types nothing, and for a release.
        kind: most terminals report presses only, and repeat them while the key is down. Those that speak the kitty
            protocol report releases, and may still give repeats of a character as presses.
    """

    name: str
    text: str = ""
    kind: Kind = "press"


@dataclass(frozen=True, slots=True)
class Answered:
    """
    The terminal answered a question: no key.

    Attributes:
        question: `kitty` (the keyboard protocol: it speaks it) or `device` (what are you: any terminal answers this).
        flags: of the kitty protocol, as they are in force.
    """

    question: Literal["kitty", "device"]
    flags: int = 0


class KeyParser:
    """
    Makes keys of bytes, in pieces of any size.

    Attributes:
        pending_until: when `flush` is due, unless more bytes come before; None while nothing is open.
    """

    def __init__(self) -> None:
        self.pending_until: float | None = None
        self._found: list[Key | Answered] = []
        self._state: Callable[[int], None] = self._ground
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._mods = 0  # what an ESC before it made of the next key
        self._parameters = ""
        self._introducer = ""
        self._to_swallow = 0
        self._pasted = bytearray()
        self._tail = b""

    def feed(self, data: bytes, now: float) -> list[Key | Answered]:
        """Take bytes that came at `now` (seconds of any clock); return what they complete. Never raises."""
        for byte in data:
            self._state(byte)
        if data:
            self.pending_until = self._patience(now)
        return self._take()

    def flush(self, now: float) -> list[Key | Answered]:
        """Return what the silence until `now` decided: nothing before `pending_until`."""
        if self.pending_until is None or now < self.pending_until:
            return []
        self.pending_until = None
        if self._state == self._escaped:
            self._emit("esc")
        elif self._state == self._escaped_twice:
            self._emit("esc")
            self._emit("esc")
        elif self._state == self._paste:
            self._emit_paste()
        elif self._introducer and not self._parameters and self._state != self._swallow:
            self._emit(self._introducer, _ALT)
        self._reset()
        return self._take()

    def _take(self) -> list[Key | Answered]:
        found, self._found = self._found, []
        return found

    def _patience(self, now: float) -> float | None:
        if self._state in (self._escaped, self._escaped_twice):
            return now + ESC_S
        if self._state == self._paste:
            return now + PASTE_S
        between = self._state == self._ground and not self._decoder.getstate()[0]
        return None if between else now + SEQUENCE_S

    def _reset(self) -> None:
        self._state = self._ground
        self._decoder.reset()
        self._mods = 0
        self._parameters = self._introducer = ""

    # states

    def _ground(self, byte: int) -> None:
        if byte < 0x80:
            mods = 0 if self._decoder.getstate()[0] else self._mods  # a broken character took its ESC along
            self._reset()
            self._ascii(byte, mods)
            return
        for char in self._decoder.decode(bytes([byte])):
            mods, self._mods = self._mods, 0
            self._emit_char(char, mods)
        if not self._decoder.getstate()[0]:
            self._mods = 0

    def _ascii(self, byte: int, mods: int) -> None:
        if byte == _ESC:
            self._state = self._escaped
        elif byte < 0x20 or byte == 0x7F:
            name = _CONTROLS.get(byte) or f"ctrl-{chr(byte + 0x60)}"
            self._emit(name.removeprefix("ctrl-"), mods | (_CTRL if name.startswith("ctrl-") else 0))
        else:
            self._emit_char(chr(byte), mods)

    def _escaped(self, byte: int) -> None:
        if byte == _ESC:
            self._state = self._escaped_twice
        else:
            self._after_escape(byte, 0)

    def _escaped_twice(self, byte: int) -> None:
        """Tell rxvt's alt with an arrow (ESC ESC [ A) from the esc key before something else."""
        if byte in b"[O":
            self._after_escape(byte, _ALT)
            return
        self._emit("esc")
        self._escaped(byte)

    def _after_escape(self, byte: int, mods: int) -> None:
        self._reset()
        if byte in b"[O" or byte in _STRINGS:
            self._introducer = chr(byte)
            self._mods = mods
            self._state = {"[": self._csi, "O": self._ss3}.get(self._introducer, self._string)
        else:
            self._mods = mods | _ALT
            self._ground(byte)

    def _csi(self, byte: int) -> None:
        char = chr(byte)
        if not self._parameters and char == "[":  # the linux console's function keys: ESC [ [ A
            self._swallow_next(1)
        elif char == "$" and self._parameters.isdigit():
            self._finish(self._control, char)
        elif 0x20 <= byte < 0x40:
            self._parameters = self._lengthened(char)
        elif 0x40 <= byte < 0x7F:
            self._finish(self._control, char)
        else:
            self._broken_off(byte)

    def _ss3(self, byte: int) -> None:
        char = chr(byte)
        if char in "0123456789;":
            self._parameters = self._lengthened(char)
        elif 0x20 <= byte < 0x7F:
            self._finish(self._shifted, char)
        else:
            self._broken_off(byte)

    def _string(self, byte: int) -> None:
        self._parameters = "-"  # there was something: it is no alt with a bracket
        if byte in (0x07, 0x18, 0x1A):
            self._reset()
        elif byte == _ESC:
            self._state = self._string_escaped

    def _string_escaped(self, byte: int) -> None:
        self._reset()
        if byte != 0x5C:  # not ST: the string was broken off by another sequence
            self._escaped(byte)

    def _swallow(self, byte: int) -> None:
        del byte
        self._to_swallow -= 1
        if not self._to_swallow:
            self._reset()

    def _paste(self, byte: int) -> None:
        self._tail = self._tail[-5:] + bytes([byte])
        if len(self._pasted) < MAX_PASTE_BYTES + len(_PASTE_END):
            self._pasted.append(byte)
        if self._tail == _PASTE_END:
            self._emit_paste()
            self._reset()

    # ends of sequences

    def _lengthened(self, char: str) -> str:
        """Append to the parameters; one that goes on for ever is no key, whatever it ends in."""
        return self._parameters + char if len(self._parameters) < _MAX_PARAMETERS else "!" * _MAX_PARAMETERS

    def _swallow_next(self, n_bytes: int) -> None:
        self._to_swallow = n_bytes
        self._state = self._swallow

    def _broken_off(self, byte: int) -> None:
        self._reset()
        if byte not in (0x18, 0x1A):  # CAN and SUB end a sequence and are part of it
            self._ground(byte)

    def _finish(self, end: Callable[[str, str, int], None], final: str) -> None:
        parameters, mods = self._parameters, self._mods
        self._reset()
        end(parameters, final, mods)

    def _shifted(self, parameters: str, final: str, mods: int) -> None:
        mods |= _modifiers(_fields(parameters)[-1][0])
        if final in _LETTERS:
            self._emit(_LETTERS[final], mods)
        elif final in "abcd":  # rxvt's ctrl with an arrow
            self._emit(_LETTERS[final.upper()], mods | _CTRL)
        elif final == "M":
            self._emit("enter", mods)
        elif final in _KEYPAD:
            self._emit_char(_KEYPAD[final], mods)

    def _control(self, parameters: str, final: str, mods: int) -> None:
        if parameters[:1] in ("?", ">", "=", "<"):
            if parameters[0] == "?" and final == "u" and parameters[1:].isdigit():
                self._found.append(Answered("kitty", int(parameters[1:7])))
            elif parameters[0] in "?>" and final == "c":
                self._found.append(Answered("device"))
            return
        if any(char in " !\"#$%&'()*+,-./" for char in parameters):
            return
        fields = _fields(parameters)
        second = fields[1] if len(fields) > 1 else [1]
        mods |= _modifiers(second[0])
        kind = _KINDS.get(second[1] if len(second) > 1 else 1)
        if kind is None:
            return
        number = fields[0][0]
        if final == "u":
            self._emit_code(fields[0], mods, kind, fields[2] if len(fields) > 2 else [])
        elif final == "~" and number == 200:
            self._pasted.clear()
            self._tail = b""
            self._state = self._paste
        elif final == "~" and number == 27 and len(fields) > 2:  # xterm's modifyOtherKeys
            self._emit_code(fields[2], mods, kind, [])
        elif final == "~" or final in _RXVT_FINALS:
            if number in _NUMBERS:
                self._emit(_NUMBERS[number], mods | _RXVT_FINALS.get(final, 0), kind)
        elif final in _LETTERS:
            self._emit(_LETTERS[final], mods, kind)
        elif final in "abcd":  # rxvt's shift with an arrow
            self._emit(_LETTERS[final.upper()], mods | _SHIFT, kind)
        elif final == "Z":
            self._emit("tab", mods | _SHIFT, kind)
        elif final == "M" and not parameters:  # the oldest mouse report: three bytes more
            self._swallow_next(3)

    # keys

    def _emit(self, base: str, mods: int = 0, kind: Kind = "press") -> None:
        self._found.append(Key(_prefix(mods) + base, "", kind))

    def _emit_char(self, char: str, mods: int, kind: Kind = "press") -> None:
        """Emit a key that types a character; shift is in the character then."""
        if unicodedata.category(char) in ("Cc", "Cs"):
            return
        mods = 0 if mods == _SHIFT else mods
        types = not mods and kind != "release"
        self._found.append(Key(_prefix(mods) + ("space" if char == " " else char), char if types else "", kind))

    def _emit_code(self, codes: list[int], mods: int, kind: Kind, typed: list[int]) -> None:
        """Emit a key of the kitty protocol: its code, the shifted one and that of its place on a US keyboard."""
        code, shifted, place = [*codes, 0, 0][:3]
        name = _CODES.get(code)
        if name is not None and len(name) > 1:
            self._emit(name, mods, kind)
            return
        char = name or _char(code)
        if code in _PRIVATE_CODES and name is None:
            return
        text = "".join(_char(one) for one in typed)
        if not char or (text and not mods & ~_SHIFT and kind != "release"):
            for one in text:
                self._emit_char(one, 0, kind)
            return
        if mods & ~_SHIFT:
            # ctrl-c is where it is on any keyboard, with Cyrillic letters too
            char = char if char.isascii() else _char(place) or char
        elif mods:
            char = _char(shifted) or (char.upper() if len(char.upper()) == 1 else char)
        self._emit_char(char, mods, kind)

    def _emit_paste(self) -> None:
        text = bytes(self._pasted).removesuffix(_PASTE_END)[:MAX_PASTE_BYTES].decode("utf-8", "ignore")
        self._pasted.clear()
        self._found.append(Key("paste", text))


def _fields(parameters: str) -> list[list[int]]:
    """Split `1;5:3` into numbers; what is no number, or is missing, is 0."""
    return [
        [int(number) if number.isdecimal() and len(number) < 8 else 0 for number in field.split(":")]
        for field in parameters.split(";")
    ]


def _modifiers(parameter: int) -> int:
    return max(parameter - 1, 0) & (_SHIFT | _ALT | _CTRL | _SUPER)


def _prefix(mods: int) -> str:
    return "".join(prefix for bits, prefix in _PREFIXES if mods & bits)


def _char(code: int) -> str:
    """Return the character, or nothing where there is none to type."""
    if not 0x20 <= code <= 0x10FFFF or 0xD800 <= code < 0xE000:
        return ""
    return chr(code)
