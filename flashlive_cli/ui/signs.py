"""The signs that bars, lamps and lines are drawn with: one set for terminals with Unicode, one for the others."""

from dataclasses import dataclass
from typing import Final

from rich.console import Console

from flashlive_cli.ui.wrapping import encodable, safe


@dataclass(frozen=True, slots=True)
class Signs:
    """
    A set of signs, each one cell wide.

    Attributes:
        on, half, off: a meter's parts: full, half full, empty.
        lit, unlit: the lamp.
        rule: draws a line.
        dot: between facts.
        more: stands for what was cut.
        spinner: its pictures.
        stages: fills of a bar's three stages.
        encoding: of the terminal, where it cannot show everything.
    """

    on: str
    half: str
    off: str
    lit: str
    unlit: str
    rule: str
    dot: str
    more: str
    spinner: str
    stages: tuple[str, str, str]
    encoding: str | None = None

    def shown(self, text: str) -> str:
        """Return a stranger's text as this terminal may have it."""
        return encodable(safe(text), self.encoding)


UNICODE: Final = Signs("━", "╸", "─", "●", "○", "─", "·", "…", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", ("█", "▒", "░"))
_ASCII: Final = ("=", "-", ".", "*", "o", "-", "|", "~", "|/-\\", ("#", "=", "."))


def signs_for(console: Console) -> Signs:
    """Return what this terminal can show."""
    if console.options.encoding.lower().startswith("utf") and not console.legacy_windows:
        return UNICODE
    return Signs(*_ASCII, encoding=console.encoding)
