"""
A scenario file read: checked against the schema, what it includes put in its place, its paths made whole.

    include = "greeting.toml"      # or a list: turns of these come first, and what they set holds where we say nothing

Whatever is wrong is one line with the file, the line in it, and the nearest right name.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.scenario.complaints import complaint_of
from flashlive_cli.scenario.places import Place, Places
from flashlive_cli.scenario.schema import GOES_ON, SAID, Scenario
from flashlive_cli.sim.script import Script, read_script

_SHORT: Final = {"voice": "name", "model": "id"}
"""Tables that may be one text: `voice = "Puck"`."""

_FILES: Final = {
    ("turn", "say"),
    ("turn", "image"),
    ("turn", "noise", "file"),
    ("noise", "file"),
    ("turn", "sim", "voice_wav"),
}
_FILE_LISTS: Final = {("tools", "files")}
_NOISES: Final = ("matrix", "noise")


@dataclass(frozen=True, slots=True)
class Written:
    """
    A scenario as its file has it.

    Attributes:
        path: of the file.
        scenario: checked; its paths are absolute.
        turns: the tables of its turns, for the simulator.
    """

    path: Path
    scenario: Scenario
    turns: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """Of the scenario: its own, else its file's."""
        return self.scenario.name or self.path.stem

    @property
    def files(self) -> list[Path]:
        """What it is read from: itself, and the files it names; not what it includes."""
        scenario = self.scenario
        noises = [scenario.noise, *(turn.noise for turn in scenario.turn)]
        named = [name for turn in scenario.turn for name in (turn.say, turn.image) if name is not None]
        named += [*scenario.tools.files, *(noise.file for noise in noises if noise is not None and noise.file)]
        return [self.path, *map(Path, named)]

    def script(self) -> Script:
        """
        Return what the simulator plays; reads the recordings it names.

        Raises:
            ConfigError: `[turn.sim]` or `faults` say what cannot be done.
            FileError: a recording cannot be read.
        """
        return read_script({"turn": list(self.turns), "faults": self.scenario.faults}, self.path)


def read_scenario(path: Path) -> Written:
    """
    Read a scenario file that can be tested.

    Raises:
        FileError: it or a file it names cannot be read, or is not TOML.
        ConfigError: it says what a scenario cannot say.
    """
    written = _read(path, says=True)
    if not written.scenario.turn:
        raise ConfigError(printable(f"{path}: there is no [[turn]] in it"))
    return written


def read_script_file(path: Path) -> Written:
    """Read a scenario file whose turns may be the simulator's alone; raises as `read_scenario` does."""
    return _read(path, says=False)


def _read(path: Path, *, says: bool) -> Written:
    table = _composed(path, (), says=says)
    try:
        scenario = Scenario.model_validate(table)
    except ValidationError as exc:  # each file was right by itself
        raise ConfigError(printable(f"{path}: {complaint_of(exc)[1]}")) from exc
    return Written(path, scenario, tuple(table.get("turn", ())))


def _composed(path: Path, outer: tuple[Path, ...], *, says: bool) -> dict[str, Any]:
    """
    Return the table of a file and of all it includes, with absolute paths.

    Args:
        path: of the file.
        outer: those that include it, from the outermost on.
        says: each turn has to say something.
    """
    here = path.resolve()
    if here in outer:
        raise ConfigError(printable(f"{path}: include goes round in a circle"))
    table, places = _toml(path)
    included = table.pop("include", [])
    included = [included] if isinstance(included, str) else included
    if not isinstance(included, list) or not all(isinstance(each, str) for each in included):
        raise ConfigError(_at(path, places, ("include",), "`include` must be a file name or a list of them"))
    for key, inner in _SHORT.items():
        if isinstance(table.get(key), str):
            table[key] = {inner: table[key]}
    if isinstance(tools := table.get("tools"), str | list):
        table["tools"] = {"files": [tools] if isinstance(tools, str) else tools}
    try:
        scenario = Scenario.model_validate(table, context={GOES_ON: bool(included)})
    except ValidationError as exc:
        place, what = complaint_of(exc)
        raise ConfigError(_at(path, places, place, what)) from exc
    for index, turn in enumerate(scenario.turn):
        if says and turn.model_fields_set.isdisjoint(SAID):
            what = "this turn says nothing: give it say, say_text, text or silence_ms"
            raise ConfigError(_at(path, places, ("turn", index), what))
    for place, holder, key in _paths(table):
        _make_whole(path, places, place, holder, key)
    _check_script(path, places, table)
    whole: dict[str, Any] = {}
    for index, each in enumerate(included):
        other = path.parent / each
        if not _is_file(other):
            raise FileError(_at(path, places, ("include", index), f"there is no file {other}"))
        whole = _merged(whole, _composed(other, (*outer, here), says=says))
    whole.pop("name", None)
    return _merged(whole, table)


def _check_script(path: Path, places: Places, table: Mapping[str, Any]) -> None:
    """Let the simulator look at its part, turn by turn, so that its complaints have a line."""
    faults = {"faults": table["faults"]} if "faults" in table else {}
    parts: list[tuple[Place, dict[str, Any]]] = [(("faults",), faults)]
    parts += [(("turn", index, "sim"), {"turn": [turn]}) for index, turn in enumerate(table.get("turn", ()))]
    for place, part in parts:
        try:
            read_script(part, path)
        except ConfigError as exc:
            what = str(exc).removeprefix(f"{path}: ").removeprefix("turn 1: ")
            raise ConfigError(_at(path, places, place, what)) from exc


def _toml(path: Path) -> tuple[dict[str, Any], Places]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as exc:
        reason = reason_of(exc) if isinstance(exc, OSError) else "is not UTF-8 text"
        raise FileError(printable(f"{path}: {reason}")) from exc
    text = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(text), Places(text)
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r" \(at line (\d+), column \d+\)", str(exc))
        line = found[1] if found else str(len(text.splitlines()))
        what = str(exc).replace(found[0] if found else " (at end of document)", "")
        raise FileError(printable(f"{path}:{line}: not TOML: {what}")) from exc
    except (ValueError, RecursionError) as exc:  # a number of 5000 digits; brackets a thousand deep
        raise FileError(printable(f"{path}: is beyond reading: {exc}")) from exc


def _at(path: Path, places: Places, place: Place, what: str) -> str:
    return printable(f"{path}:{places.line_of(place)}: {what}")


def _paths(table: dict[str, Any]) -> Iterator[tuple[Place, Any, Any]]:
    """Find what names a file: its place, what holds it, and under which key or number."""

    def walk(value: Any, place: Place) -> Iterator[tuple[Place, Any, Any]]:
        plain = tuple(part for part in place if isinstance(part, str))
        pairs: Iterator[tuple[Any, Any]] = iter(())
        if isinstance(value, dict):
            pairs = iter(value.items())
        elif isinstance(value, list):
            pairs = enumerate(value)
        for key, inner in pairs:
            named = (*plain, key) if isinstance(key, str) else plain
            is_file = named in _FILES or named == (*_NOISES, "file")
            if isinstance(inner, str) and (is_file or (named in _FILE_LISTS and isinstance(key, int))):
                yield (*place, key), value, key
            elif isinstance(inner, dict | list) and named[:3] != ("turn", "expect", "calls"):
                yield from walk(inner, (*place, key))

    yield from walk(table, ())
    if str(table.get("system", "")).startswith("@"):
        yield ("system",), table, "system"


def _make_whole(path: Path, places: Places, place: Place, holder: Any, key: Any) -> None:
    """Make a path absolute: it is meant beside the file that names it."""
    mark = "@" if place == ("system",) else ""
    named = path.absolute().parent / holder[key].removeprefix(mark)
    with suppress(RuntimeError, ValueError, OSError):  # the home of nobody; a null; a link to itself
        named = (path.absolute().parent / Path(holder[key].removeprefix(mark)).expanduser()).resolve()
    if not _is_file(named):
        short = place[:2] == ("tools", "files") and place[:2] not in places
        where = ("tools", *place[2:]) if short else place
        raise FileError(_at(path, places, where, f"there is no file {named}"))
    holder[key] = mark + str(named)


def _is_file(path: Path) -> bool:
    """Whether there is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or a null in it
        return False


def _merged(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return both: turns one after the other, tables key by key, and of the rest what comes later."""
    merged = dict(first)
    for key, value in then.items():
        before = merged.get(key)
        if key == "turn" and isinstance(before, list):
            merged[key] = [*before, *value]
        elif isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged
