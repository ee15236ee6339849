"""Settings files: read, checked in all their parts, every complaint with its place."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flashlive_cli.config.layers import Layer
from flashlive_cli.config.values import WrongValue, read
from flashlive_cli.config.words import KEY_HINT, looks_secret, shown
from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import did_you_mean
from flashlive_cli.printable import printable

_PATHS: Final = {"mcp", "record", "transcript"}
_DEVICE: Final = re.compile(r"(?:camera|screen)(?::.*)?")
"""What `video` may be beside a path."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of settings, checked in all its parts: what it says to everybody, and its profiles."""

    common: Layer
    profiles: dict[str, Layer]


def read_file(path: Path, *, must_exist: bool = False) -> File:
    """
    Read a settings file and check every part of it.

    Raises:
        ConfigError: with the file, the place in it, and what would be right.
    """
    tables = _toml(path, must_exist=must_exist)
    profiles = tables.pop("profile", {})
    if not isinstance(profiles, dict):
        raise _wrong(path, f"profile: expected tables such as [profile.quick], got {shown(profiles)}")
    checked: dict[str, Layer] = {}
    for name, table in profiles.items():
        if not isinstance(table, dict):
            raise _wrong(path, f"profile.{name}: expected a table [profile.{name}], got {shown(table)}")
        checked[name] = _from_table(path, table, f"profile.{name}")
    return File(_from_table(path, tables), checked)


def _toml(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        # what Notepad saves begins with a byte order mark, which is no TOML
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as exc:
        if must_exist:
            raise _wrong(path, "no such file") from exc
        return {}
    except IsADirectoryError as exc:
        raise _wrong(path, "is a folder, and a TOML file is wanted") from exc
    except OSError as exc:
        raise _wrong(path, exc.strerror or str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise _wrong(path, f"is not UTF-8 (byte {exc.start})") from exc
    import tomllib  # noqa: PLC0415 - 2 ms that a run without files need not pay

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        what, place = _placed(str(exc), text)
        raise ConfigError(printable(f"{path}:{place}: {what}")) from exc
    except (ValueError, RecursionError) as exc:  # a number of 5000 digits; brackets a thousand deep
        raise _wrong(path, f"is beyond reading: {exc}") from exc


def _placed(message: str, text: str) -> tuple[str, str]:
    """Split what tomllib says into its complaint and `line:column`."""
    if place := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return place[1], f"{place[2]}:{place[3]}"
    lines = text.split("\n")
    return message.removesuffix(" (at end of document)"), f"{len(lines)}:{len(lines[-1]) + 1}"


def _from_table(path: Path, table: dict[str, Any], inside: str = "") -> Layer:
    prefix = f"{inside}." if inside else ""
    prices = table.get("prices")
    for key in (*table, *(prices if isinstance(prices, dict) else ())):
        if looks_secret(key):
            raise _wrong(path, f"{prefix}{key}: a key has no place in a file that gets shared: {KEY_HINT}")
    try:
        values = read(table)
    except WrongValue as wrong:
        raise _wrong(path, f"{prefix}{wrong.key}: {wrong.what}") from wrong
    if "tools" in values:
        values["tools"] = [_beside(path, entry) for entry in table["tools"]]
    for key in _PATHS & values.keys():
        values[key] = _beside(path, str(values[key]))
    if "video" in values and not _DEVICE.fullmatch(str(values["video"])):
        values["video"] = _beside(path, str(values["video"]))
    if str(values.get("system", "")).startswith("@"):
        values["system"] = "@" + _beside(path, str(values["system"])[1:])
    source = f"{path} [{inside}]" if inside else str(path)
    return Layer(values, dict.fromkeys(values, source))


def _beside(path: Path, entry: str) -> str:
    if entry.startswith(("~/", f"~{os.sep}")):
        return os.path.expanduser("~") + entry[1:]  # noqa: PTH111 - Path's raises without a home
    return str(path.parent / entry) if entry else entry


def choose_profile(profile: str, files: list[File]) -> Iterator[Layer]:
    """
    Yield what the files say in a profile.

    Raises:
        ConfigError: none of them has it.
    """
    if not any(profile in file.profiles for file in files):
        known = sorted({name for file in files for name in file.profiles})
        there = f"; there is {', '.join(known)}" if known else "; no file has any"
        hint = did_you_mean(profile, known, otherwise=there)
        raise ConfigError(printable(f"there is no profile {profile}{hint}"))
    for file in files:
        if profile in file.profiles:
            yield file.profiles[profile]


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError(printable(f"{path}: {what}"))
