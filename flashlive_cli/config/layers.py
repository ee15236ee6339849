"""What flags and environment say; and what the word of any place is kept as until it is known which one counts."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flashlive_cli.config.settings import SETTINGS
from flashlive_cli.config.values import WrongValue, read
from flashlive_cli.config.words import KEY_HINT, looks_secret
from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import nearest
from flashlive_cli.printable import printable

ENV_PREFIX: Final = "FLASHLIVE_"
_FILES_ONLY: Final = {"prices"}  # tables


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says, checked, and what that place is called for each key."""

    values: dict[str, object]
    sources: dict[str, str]


def from_env(env: Mapping[str, str]) -> Layer:
    """
    Read the environment; see `precedence.resolve`.

    Raises:
        ConfigError: with the variable.
    """
    raw: dict[str, object] = {}
    known = [*SETTINGS, "profile", "config"]
    for variable, value in env.items():
        if not variable.startswith(ENV_PREFIX) or not value:
            continue
        key = variable.removeprefix(ENV_PREFIX).lower()
        if looks_secret(key):
            raise ConfigError(printable(f"environment {variable}: is not read: {KEY_HINT}"))
        if key in _FILES_ONLY:
            raise ConfigError(printable(f"environment {variable}: is not read: {key} go into a settings file"))
        if key in SETTINGS:
            raw[key] = _split(key, value)
        elif key not in known and (meant := nearest(key, known, likeness=0.8)):
            meant = f"{ENV_PREFIX}{meant.upper()}"
            raise ConfigError(printable(f"environment {variable}: no such setting; did you mean {meant}?"))
    return _lax(raw, lambda key: f"environment {ENV_PREFIX}{key.upper()}")


def _split(key: str, value: str) -> str | list[str]:
    """Read a variable that holds a list: paths as the system separates them, names by commas."""
    separator = {"tools": os.pathsep, "allow": ",", "deny": ","}.get(key)
    return value if separator is None else value.split(separator)


def from_flags(flags: Mapping[str, object]) -> Layer:
    """
    Read the flags; see `precedence.resolve`.

    Raises:
        ConfigError: with the flag.
    """
    raw = {key: list(value) if isinstance(value, tuple) else value for key, value in flags.items()}
    said = {key: value for key, value in raw.items() if value is not None and value != []}
    return _lax(said, lambda key: f"flag --{key.replace('_', '-')}")


def _lax(raw: dict[str, object], source_of: Callable[[str], str]) -> Layer:
    """Check values that arrive as text, or from flags."""
    try:
        values = read(raw, lax=True)
    except WrongValue as wrong:
        raise ConfigError(printable(f"{source_of(wrong.key)}: {wrong.what}")) from wrong
    return Layer(values, {key: source_of(key) for key in values})
