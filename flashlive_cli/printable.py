"""Text from strangers (the model, a tool, a file name, a server) made safe for a terminal."""

import unicodedata
from typing import Final

_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, lone surrogates (undecodable file names), and separators some terminals break lines on."""

_BIDI_CONTROLS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that reorder text around them: a way to show other words than were said (CVE-2021-42574)."""


def printable(text: str, *, keep_newlines: bool = False) -> str:
    r"""
    Replace whatever could steer a terminal by its escape, as `repr` spells it (`\x1b`, `\u202e`).

    A tab becomes a space; a newline does too, unless `keep_newlines`. All else, wide and combining characters
    included, stays as it is.
    """
    return "".join(_escape(char, keep_newlines) for char in text)


def printable_json(text: str) -> str:
    r"""
    Spell the same unsafe characters in JSON text as JSON does (`\u001b`); the value stays what it was.

    Line ends stay: JSON has them between its tokens only, where indented, and spells those inside of texts itself.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(f"\\u{ord(char):04x}" if char != "\n" and _is_unsafe(char) else char for char in text)


def _escape(char: str, keep_newlines: bool) -> str:
    if char == "\n":
        return char if keep_newlines else " "
    if char in "\t\r":
        return " "
    if _is_unsafe(char):
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return char


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE_CATEGORIES or char in _BIDI_CONTROLS
