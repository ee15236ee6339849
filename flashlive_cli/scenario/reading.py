"""
A scenario file read: checked against the schema, what it includes put in its place, its paths made whole.

    include = "greeting.toml"      # or a list: turns of these come first, and what they set holds where we say nothing

Whatever is wrong is one line with the file, the line in it, and the nearest right name.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.printable import printable
from flashlive_cli.scenario.places import Place, Places
from flashlive_cli.scenario.schema import SAID, Scenario
from flashlive_cli.sim.faults import nearest
from flashlive_cli.sim.script import Script, read_script

_SHORT: Final = {"voice": "name", "model": "id"}
"""Tables that may be one text: `voice = "Puck"`."""

_FILES: Final = {("turn", "say"), ("turn", "noise", "file"), ("noise", "file"), ("turn", "sim", "voice_wav")}
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
    written = read_script_file(path)
    if not written.scenario.turn:
        raise ConfigError(printable(f"{path}: there is no [[turn]] in it"))
    for number, turn in enumerate(written.scenario.turn, 1):
        if not turn.model_fields_set & SAID:
            raise ConfigError(
                printable(f"{path}: turn {number} says nothing: give it say, say_text, text or silence_ms")
            )
    return written


def read_script_file(path: Path) -> Written:
    """Read a scenario file whose turns may be the simulator's alone; raises as `read_scenario` does."""
    table = _composed(path, ())
    try:
        scenario = Scenario.model_validate(table)
    except ValidationError as exc:  # each file was right by itself
        raise ConfigError(printable(f"{path}: {_complaint(exc)[1]}")) from exc
    written = Written(path, scenario, tuple(table.get("turn", ())))
    written.script()  # for its complaints
    return written


def _composed(path: Path, outer: tuple[Path, ...]) -> dict[str, Any]:
    """Return the table of a file and of all it includes, with absolute paths."""
    here = path.absolute()
    if here in outer:
        raise ConfigError(printable(f"{outer[-1]}: include goes round in a circle: {path}"))
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
        Scenario.model_validate(table)
    except ValidationError as exc:
        place, what = _complaint(exc)
        raise ConfigError(_at(path, places, place, what)) from exc
    for place, holder, key in _paths(table):
        _make_whole(path, places, place, holder, key)
    whole: dict[str, Any] = {}
    for index, each in enumerate(included):
        other = path.parent / each
        if not other.is_file():
            raise FileError(_at(path, places, ("include", index), f"there is no file {other}"))
        whole = _merged(whole, _composed(other, (*outer, here)))
    whole.pop("name", None)
    return _merged(whole, table)


def _toml(path: Path) -> tuple[dict[str, Any], Places]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "is not UTF-8 text"
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


def _complaint(exc: ValidationError) -> tuple[Place, str]:
    """Return where pydantic's first error is, and what is wrong."""
    errors = exc.errors(include_url=False, include_context=False)
    error = errors[0]
    place: Place = tuple(part for part in error["loc"] if not _is_mark(part))
    if place != error["loc"] and place[:2] == _NOISES:
        return place, 'each of `noise` must be "none", or a table such as { kind = "white", snr_db = 10 }'
    if error["type"] == "extra_forbidden":
        key = str(place[-1])
        where = _table_name(place[:-1])
        return place, f"unknown key `{key}`{where}{nearest(key, _known_at(place[:-1]))}"
    named = [str(part) for part in place if not isinstance(part, int)]
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        options = [word.strip("'") for word in re.split(r", | or ", error["msg"].removeprefix("Input should be "))]
        return place, f"`{named[-1]}` cannot be {error['input']!r}{nearest(error['input'], options)}"
    what = error["msg"].removeprefix("Value error, ")
    if what.startswith("Input should be "):
        what = "must be " + what.removeprefix("Input should be ").replace("dictionary", "table").replace(
            "string", "text"
        )
    return place, f"`{named[-1]}` {what}" if named and what.startswith("must be") else _told(named, what)


def _is_mark(part: str | int) -> bool:
    """Whether a part of pydantic's place is its own word: a key's, or the member of a union."""
    return isinstance(part, str) and (part == "[key]" or part.startswith(("function-", "literal[")))


def _told(named: list[str], what: str) -> str:
    return f"{'.'.join(named)}: {what}" if named else what


def _table_name(place: Place) -> str:
    names = [str(part) for part in place if not isinstance(part, int)]
    return f" in [{'.'.join(names)}]" if names else ""


def _known_at(place: Place) -> list[str]:
    """Return the keys that the table at a place may have."""
    model: type[BaseModel] = Scenario
    for part in place:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        model = (_model_in(field.annotation) if field is not None else None) or model
    return [*model.model_fields, *(["include"] if model is Scenario else [])]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


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
    found = (path.absolute().parent / Path(holder[key].removeprefix(mark)).expanduser()).resolve()
    if not found.is_file():
        where = place if holder is not None and place[:2] != ("tools", "files") else ("tools",)
        raise FileError(_at(path, places, where, f"there is no file {found}"))
    holder[key] = mark + str(found)


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
