"""The one line in which a turn is typed: every key makes a new line of the old one. No terminal, no state elsewhere."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from flashlive_cli.printable import printable
from flashlive_cli.ui.keys import Key

MAX_CHARS: Final = 16_384
"""What is typed or pasted beyond is dropped."""

_ZWJ: Final = "\u200d"
_JOINING: Final = ("\u200c", _ZWJ)


@dataclass(frozen=True, slots=True)
class Line:
    """
    What is typed so far.

    Attributes:
        text: without newlines and without anything that could steer a terminal.
        cursor: index into `text` of what the next character is put before; never within what is seen as one character.
        former: lines sent before, the newest last, for the arrows up and down.
        at: index into `former` of the line that is shown, or was before it was changed; None for a new one.
        draft: the new line, while a former one is shown.
    """

    text: str = ""
    cursor: int = 0
    former: tuple[str, ...] = ()
    at: int | None = None
    draft: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The line is finished and goes out; blanks around it are gone."""

    text: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nothing is to be sent after all."""


def edit(line: Line, key: Key) -> Line | Sent | Cancelled:
    """Apply a key; one that means nothing here, and a release, leaves the line as it is."""
    if key.kind == "release":
        return line
    match key.name:
        case "enter" if line.text.strip():
            return Sent(line.text.strip())
        case "enter" | "esc":
            return Cancelled()
        case "ctrl-d" if not line.text:
            return Cancelled()
    return _edited(line, key)


def _edited(line: Line, key: Key) -> Line:
    here = line.cursor
    if key.name in _STEPS:
        return _recall(line, _STEPS[key.name])
    if key.name in _MOVES:
        return replace(line, cursor=_MOVES[key.name](line.text, here))
    if key.name in _CUTS:
        start, end = sorted((here, _CUTS[key.name](line.text, here)))
        return _with(line, line.text[:start] + line.text[end:], start)
    return _insert(line, key.text)


def _insert(line: Line, typed: str) -> Line:
    spaced = "".join(" " if char.isspace() else char for char in typed.replace("\r\n", "\n"))
    safe = "".join(char for char in spaced if printable(char) == char)
    safe = safe[: max(0, MAX_CHARS - len(line.text))]
    return _with(line, line.text[: line.cursor] + safe + line.text[line.cursor :], line.cursor + len(safe))


def _with(line: Line, text: str, cursor: int) -> Line:
    """Put a text in; two parts of it may have grown together where the cursor stands."""
    return replace(line, text=text, cursor=next(bound for bound in _bounds(text) if bound >= cursor))


def _recall(line: Line, step: int) -> Line:
    newest = len(line.former)
    at = (newest if line.at is None else line.at) + step
    if not 0 <= at <= newest:
        return line
    draft = line.text if line.at is None else line.draft
    text = _insert(Line(), line.former[at]).text if at < newest else draft
    return replace(line, text=text, cursor=len(text), at=at if at < newest else None, draft=draft)


def _previous(text: str, index: int) -> int:
    return max((bound for bound in _bounds(text) if bound < index), default=0)


def _next(text: str, index: int) -> int:
    return min((bound for bound in _bounds(text) if bound > index), default=len(text))


def _word_start(text: str, index: int) -> int:
    while index and not _in_word(text[index - 1]):
        index -= 1
    while index and _in_word(text[index - 1]):
        index -= 1
    return max(bound for bound in _bounds(text) if bound <= index)


def _blank_before(text: str, index: int) -> int:
    return text[:index].rstrip().rfind(" ") + 1


def _word_end(text: str, index: int) -> int:
    while index < len(text) and not _in_word(text[index]):
        index += 1
    while index < len(text) and _in_word(text[index]):
        index += 1
    return min(bound for bound in _bounds(text) if bound >= index)


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M") or char in _JOINING


def _bounds(text: str) -> list[int]:
    """
    Return where the cursor may stand: between what a reader takes for characters, and at both ends.

    The rules of https://www.unicode.org/reports/tr29/ that typing meets: combining marks, emoji with modifiers,
    joined emoji, flags, Hangul.
    """
    if text.isascii():
        return list(range(len(text) + 1))
    bounds = [0]
    flag_open = False  # whether a regional indicator waits for its second
    for index in range(1, len(text)):
        last, char = text[index - 1], text[index]
        flag_open = _is_regional(last) and not flag_open
        if not (_extends(char) or _joins(last, char) or (flag_open and _is_regional(char))):
            bounds.append(index)
    return [*bounds, len(text)] if text else bounds


def _extends(char: str) -> bool:
    """Whether it belongs to whatever stands before it: marks, selectors, skin tones, tags."""
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or char in _JOINING
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _joins(last: str, char: str) -> bool:
    """Whether two characters are one: an emoji after a joiner, the parts of a Hangul syllable."""
    if last == _ZWJ:
        return unicodedata.category(char) == "So"
    match _hangul(last), _hangul(char):
        case ("L", "L" | "V" | "LV" | "LVT") | ("V" | "LV", "V" | "T") | ("T" | "LVT", "T"):
            return True
    return False


def _hangul(char: str) -> str:
    if "\u1100" <= char <= "\u115f":
        return "L"
    if "\u1160" <= char <= "\u11a7":
        return "V"
    if "\u11a8" <= char <= "\u11ff":
        return "T"
    if "\uac00" <= char <= "\ud7a3":
        return "LVT" if (ord(char) - 0xAC00) % 28 else "LV"
    return ""


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _first(text: str, index: int) -> int:
    del text, index
    return 0


def _last(text: str, index: int) -> int:
    del index
    return len(text)


_Seek = Callable[[str, int], int]
"""Finds another place for the cursor, in a text where it stands at an index."""

_STEPS: Final = {"up": -1, "ctrl-p": -1, "down": 1, "ctrl-n": 1}
_MOVES: Final[dict[str, _Seek]] = {
    "left": _previous, "ctrl-b": _previous, "right": _next, "ctrl-f": _next,
    "home": _first, "ctrl-a": _first, "end": _last, "ctrl-e": _last,
    "ctrl-left": _word_start, "alt-left": _word_start, "alt-b": _word_start,
    "ctrl-right": _word_end, "alt-right": _word_end, "alt-f": _word_end,
}  # fmt: skip
_CUTS: Final[dict[str, _Seek]] = {
    "backspace": _previous, "shift-backspace": _previous, "delete": _next, "ctrl-d": _next,
    "ctrl-u": _first, "ctrl-k": _last, "ctrl-w": _blank_before,
    "alt-backspace": _word_start, "ctrl-backspace": _word_start, "alt-d": _word_end, "ctrl-delete": _word_end,
}  # fmt: skip
"""What lies between here and there goes."""
