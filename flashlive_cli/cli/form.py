"""How a talk is shown: as a panel where somebody looks at a terminal, else as lines."""

import os
import sys
from typing import Final, Literal, TextIO

from flashlive_cli.cli.rules import STDOUT
from flashlive_cli.config import Resolved
from flashlive_cli.errors import ConfigError

Form = Literal["panel", "plain", "json"]

_BARE_TERMINALS: Final = {"dumb", "unknown", "emacs"}


def find_form(resolved: Resolved) -> Form:
    """
    Return how the talk is shown; what a settings file says of a panel holds where there can be one.

    Raises:
        ConfigError: a flag asks for a panel, and there is no terminal for it.
    """
    settings = resolved.config
    if settings.format in {"plain", "json"}:
        return settings.format
    # where the voice goes to stdout, the panel goes to stderr
    if can_draw(sys.stderr if settings.output == STDOUT else sys.stdout):
        return "panel"
    if settings.format == "panel" and resolved.sources["format"].startswith("flag"):
        raise ConfigError("--format panel needs a terminal that can draw; plain and json do not")
    return "plain"


def can_draw(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal on which the cursor can be moved."""
    terminal = os.environ.get("TERM", "" if sys.platform == "win32" else "dumb")
    try:
        return stream is not None and stream.isatty() and terminal.lower() not in _BARE_TERMINALS
    except ValueError:  # it is closed
        return False
