"""
What the service really said -> the `[turn.sim]` tables of a scenario, with its comments and layout left alone.

A scenario that passes with the service passes on the simulator too, then, and shows in a diff what has changed there.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.items import Table

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.private import open_private
from flashlive_cli.scenario.playing import played_by_simulator
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.recorded import RecordedTurn, read_recording
from flashlive_cli.scenario.schema import Turn
from flashlive_cli.scenario.spelling import canonical
from flashlive_cli.scenario.toml import spelled

_BOM: Final = "\ufeff"
_LONGEST: Final = 60
"""Characters of a value, in the line that tells of its change."""


def update_scenario(path: Path, recording: Path) -> list[str]:
    """
    Write into a scenario's `[turn.sim]` tables what was understood, called and said in a run of it.

    The file is replaced at once, or not at all; nothing is written where nothing has changed.

    Args:
        path: of the scenario.
        recording: of the run: its evidence, or the folder of a `talk --record` that said the same.

    Returns:
        What has changed, and what could not be taken over, a line each.

    Raises:
        FileError: either cannot be read, or the scenario not be written.
        ConfigError: the scenario is wrong, or its turns are not those of the recording.
    """
    written = read_scenario(path)
    said = [(number, turn) for number, turn in enumerate(written.scenario.turn, 1) if turn.silence_ms is None]
    recorded = read_recording(recording).turns
    _match(path, recording, said, recorded)
    target = path.resolve()  # of a symbolic link, the file
    try:
        text = target.read_bytes().decode("utf-8")
    except (OSError, ValueError) as exc:
        raise FileError(printable(f"{path}: cannot be read: {exc}")) from exc
    windows = "\r\n" in text
    document = tomlkit.parse(text.removeprefix(_BOM).replace("\r\n", "\n"))
    tables = document.get("turn", [])
    n_included = len(written.scenario.turn) - len(tables)
    changes: list[str] = []
    for (number, _), turn in zip(said, recorded, strict=True):
        if number <= n_included:
            changes.append(f"turn {number} is of an included file: left alone")
        else:
            changes += [f"turn {number}: {change}" for change in _update(tables[number - n_included - 1], turn)]
    after = document.as_string()
    if windows:
        after = after.replace("\n", "\r\n")
    after = f"{_BOM if text.startswith(_BOM) else ''}{after}"
    if after != text:
        _replace(path, target, after)
    return [printable(change) for change in changes]


def _match(path: Path, folder: Path, said: list[tuple[int, Turn]], recorded: tuple[RecordedTurn, ...]) -> None:
    """Refuse a recording of something else."""
    if len(said) != len(recorded):
        raise ConfigError(
            printable(f"{path} says something in {len(said)} turns, and {folder} in {len(recorded)}: not the same talk")
        )
    for (number, turn), found in zip(said, recorded, strict=True):
        if turn.text is not None and found.typed is None:
            raise ConfigError(printable(f"turn {number} of {path} is typed, and in {folder} it is spoken"))
        if turn.text is None and found.typed is not None:
            raise ConfigError(printable(f"turn {number} of {path} is spoken, and in {folder} it is typed"))
        if turn.text is not None and found.typed is not None and turn.text.split() != found.typed.split():
            raise ConfigError(
                printable(f"turn {number} of {path} types {turn.text!r}, and in {folder} it is {found.typed!r}")
            )


def _update(table: Any, turn: RecordedTurn) -> list[str]:
    """Bring a turn's table up to what was recorded; say what has changed."""
    sim = table.get("sim")
    before: dict[str, Any] = sim.unwrap() if sim is not None else {}
    known = played_by_simulator(turn)
    if not turn.answered:
        return ["was not answered: left alone"]
    changes: list[str] = []
    for name in ("heard", "calls", "reply"):
        old, new = before.get(name), known.get(name)
        if name == "calls" and old is not None and new is not None:
            if canonical(_without_answers(old)) == canonical(_without_answers(new)):
                continue
            new = _with_answers(old, new)
        if canonical(old) == canonical(new) or (name == "heard" and new is None):
            continue
        if sim is None:
            table["sim"] = tomlkit.table() if isinstance(table, Table) else tomlkit.inline_table()
            sim = table["sim"]
        if new is None:
            del sim[name]
            changes.append(f"{name}: {_short(old)} is no more")
            continue
        sim[name] = tomlkit.value(spelled(new))
        changes.append(f"{name}: {'' if old is None else f'{_short(old)} -> '}{_short(new)}")
    return changes


def _without_answers(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what the scenario expects clients to answer, and empty arguments."""
    return [
        {name: value for name, value in call.items() if name != "answer" and (name != "args" or value)}
        for call in calls
    ]


def _with_answers(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep what is expected to be answered, where the same tool is called at the same place."""
    kept: list[dict[str, Any]] = []
    for index, call in enumerate(new):
        former = old[index] if index < len(old) and old[index].get("name") == call["name"] else {}
        kept.append(call | ({"answer": former["answer"]} if "answer" in former else {}))
    return kept


def _short(value: Any) -> str:
    text = spelled(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _replace(path: Path, target: Path, text: str) -> None:
    """Put a text in the place of a file, once it has been read as a scenario."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(open_private(fresh, os.O_TRUNC), "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, fresh)
        read_scenario(fresh)  # beside the old one: what it names is found from there
        fresh.replace(target)
    except OSError as exc:
        raise FileError(printable(f"{path}: cannot be written: {reason_of(exc)}")) from exc
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
