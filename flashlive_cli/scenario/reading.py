"""
A scenario file read: checked against the schema, what it includes put in its place, its paths made whole.

    include = "greeting.toml"      # or a list: turns of these come first, and what they set holds where we say nothing

Whatever is wrong is one line with the file, the line in it, and the nearest right name; all of it is told at once.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.scenario.complaints import complaints_of
from flashlive_cli.scenario.mistakes import FileMistakes, Mistake, raise_all
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

Look = Callable[[Place, Path], None]


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
        ConfigError: it says what a scenario cannot say; `Mistakes` where more than one thing is wrong.
    """
    return read_scenarios([path])[0]


def read_scenarios(paths: Iterable[Path], look: Look | None = None) -> list[Written]:
    """
    Read scenario files, and tell what is wrong with any of them; raises as `read_scenario` does.

    Args:
        paths: of the files.
        look: into each file that is named, by its place and path; raises FileError where that is not what it should be.
    """
    return _read(paths, says=True, look=look)


def read_script_file(path: Path) -> Written:
    """Read a scenario file whose turns may be the simulator's alone; raises as `read_scenario` does."""
    return _read([path], says=False)[0]


def _read(paths: Iterable[Path], *, says: bool, look: Look | None = None) -> list[Written]:
    written: list[Written] = []
    wrong: list[Mistake] = []
    for path in paths:
        found: list[Mistake] = []
        table = _composed(path, (), found, says=says, look=look)
        if not found and (scenario := _whole(path, table, found, says=says)) is not None:
            written.append(Written(path, scenario, tuple(table.get("turn", ()))))
        wrong += found
    raise_all(wrong)
    return written


def _whole(path: Path, table: Mapping[str, Any], found: list[Mistake], *, says: bool) -> Scenario | None:
    """Check files put together, each of which was right by itself."""
    try:
        scenario = Scenario.model_validate(table)
    except ValidationError as exc:
        found += [Mistake(str(path), 0, what) for _, what in complaints_of(exc)]
        return None
    if says and not scenario.turn:
        found.append(Mistake(str(path), 0, "there is no [[turn]] in it"))
        return None
    return scenario


def _composed(
    path: Path, outer: tuple[Path, ...], found: list[Mistake], *, says: bool, look: Look | None
) -> dict[str, Any]:
    """
    Return the table of a file and of all it includes, with absolute paths; of no use where mistakes are found.

    Args:
        path: of the file.
        outer: those that include it, from the outermost on.
        found: where to collect what is wrong.
        says: each turn has to say something.
        look: see `read_scenarios`.
    """
    here = path.resolve()
    if here in outer:
        found.append(Mistake(str(path), 0, "include goes round in a circle"))
        return {}
    try:
        table, places = _toml(path)
    except _NotToml as exc:
        found.append(Mistake(str(path), exc.line, str(exc), FileError))
        return {}
    file = FileMistakes(path, places, found)
    included = _included(file, table)
    _write_out(table)
    _check_schema(file, table, goes_on=bool(included))
    _check_turns(file, table, says=says)
    for place, holder, key in _paths(table):
        if not file.has(place):
            _make_whole(file, place, holder, key, look)
    _check_script(file, table)
    whole: dict[str, Any] = {}
    for index, each in enumerate(included):
        other = path.parent / each
        if not _is_file(other):
            file.add(("include", index), f"there is no file {other}", FileError)
            continue
        inner = _composed(other, (*outer, here), found, says=says, look=look)
        whole = {} if found else _merged(whole, inner)
    whole.pop("name", None)
    return {} if found else _merged(whole, table)


def _included(file: FileMistakes, table: dict[str, Any]) -> list[str]:
    """Take out of a table what it includes."""
    included = table.pop("include", [])
    included = [included] if isinstance(included, str) else included
    if isinstance(included, list) and all(isinstance(each, str) for each in included):
        return included
    file.add(("include",), "`include` must be a file name or a list of them")
    return []


def _write_out(table: dict[str, Any]) -> None:
    """Put tables in the place of what may be written short."""
    for key, inner in _SHORT.items():
        if isinstance(table.get(key), str):
            table[key] = {inner: table[key]}
    if isinstance(tools := table.get("tools"), str | list):
        table["tools"] = {"files": [tools] if isinstance(tools, str) else tools}


def _check_schema(file: FileMistakes, table: Mapping[str, Any], *, goes_on: bool) -> None:
    try:
        Scenario.model_validate(table, context={GOES_ON: goes_on})
    except ValidationError as exc:
        for place, what in complaints_of(exc):
            file.add(place, what)


def _turns(table: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield the turns that are written as tables, with their places."""
    turns = table.get("turn")
    for index, turn in enumerate(turns if isinstance(turns, list) else []):
        if isinstance(turn, dict):
            yield ("turn", index), turn


def _check_turns(file: FileMistakes, table: Mapping[str, Any], *, says: bool) -> None:
    for place, turn in _turns(table):
        if says and SAID.isdisjoint(turn) and not file.has(place):
            file.add(place, "this turn says nothing: give it say, say_text, text or silence_ms")


def _check_script(file: FileMistakes, table: Mapping[str, Any]) -> None:
    """Let the simulator look at its part, turn by turn, so that its complaints have a line."""
    faults = {"faults": table["faults"]} if "faults" in table else {}
    parts: list[tuple[Place, dict[str, Any]]] = [(("faults",), faults)]
    parts += [((*place, "sim"), {"turn": [turn]}) for place, turn in _turns(table)]
    for place, part in parts:
        if file.has(place):
            continue
        try:
            read_script(part, file.path)
        except (ConfigError, FileError) as exc:
            file.add(place, str(exc).removeprefix(f"{file.path}: ").removeprefix("turn 1: "), type(exc))


class _NotToml(Exception):
    """A file cannot be read, or is not TOML; in `line`, or 0."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what)
        self.line = line


def _toml(path: Path) -> tuple[dict[str, Any], Places]:
    """Read a file; raises `_NotToml`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as exc:
        raise _NotToml(reason_of(exc) if isinstance(exc, OSError) else "is not UTF-8 text") from exc
    text = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(text), Places(text)
    except tomllib.TOMLDecodeError as exc:
        at = re.search(r" \(at line (\d+), column \d+\)", str(exc))
        line = int(at[1]) if at else len(text.splitlines())
        what = str(exc).replace(at[0] if at else " (at end of document)", "")
        raise _NotToml(f"not TOML: {what}", line) from exc
    except (ValueError, RecursionError) as exc:  # a number of 5000 digits; brackets a thousand deep
        raise _NotToml(f"is beyond reading: {exc}") from exc


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


def _make_whole(file: FileMistakes, place: Place, holder: Any, key: Any, look: Look | None) -> None:
    """Make a path absolute: it is meant beside the file that names it. Look into the file."""
    mark = "@" if place == ("system",) else ""
    beside = file.path.absolute().parent
    named = beside / holder[key].removeprefix(mark)
    with suppress(RuntimeError, ValueError, OSError):  # the home of nobody; a null; a link to itself
        named = (beside / Path(holder[key].removeprefix(mark)).expanduser()).resolve()
    holder[key] = mark + str(named)
    if wrong := _wrong_with(place, named, look):
        short = place[:2] == ("tools", "files") and place[:2] not in file.places
        file.add(("tools", *place[2:]) if short else place, wrong, FileError)


def _wrong_with(place: Place, named: Path, look: Look | None) -> str | None:
    if not _is_file(named):
        return f"there is no file {named}"
    try:
        if look is not None:
            look(place, named)
    except FileError as exc:
        return str(exc)
    return None


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
