"""Which scenarios a run is of: files and folders, a filter, a share for each of several machines. Reads files only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.printable import printable
from flashlive_cli.scenario.mistakes import Mistake, raise_all
from flashlive_cli.scenario.naming import Slugs, slug
from flashlive_cli.scenario.reading import Look, read_scenarios
from flashlive_cli.scenario.variants import Case, cases_of


def find_files(paths: Sequence[Path]) -> list[Path]:
    """
    Return the scenario files that are meant, each once: those named, and all `*.toml` of folders, sorted.

    In folders, names that begin with `_` or `.` are left out: they are for others to include.

    Raises:
        FileError: there is nothing at a path, or no scenario in a folder; `Mistakes` where that is so of several.
    """
    found: dict[Path, Path] = {}
    wrong: list[Mistake] = []
    for path in paths:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*.toml") if not _is_hidden(file.relative_to(path)))
            if not files:
                wrong.append(Mistake(str(path), 0, "there is no scenario (*.toml) in this folder", FileError))
        elif path.is_file():
            files = [path]
        else:
            files = []
            wrong.append(Mistake(str(path), 0, "there is no such file or folder", FileError))
        for file in files:
            found.setdefault(file.resolve(), file)
    raise_all(wrong)
    return list(found.values())


def read_cases(files: Sequence[Path], look: Look | None = None) -> list[Case]:
    """
    Read all scenarios with all their variants, in order.

    Ids are made different by the names of their folders; where these do not differ either, by numbers. `look` is as of
    `reading.read_scenarios`.

    Raises:
        FileError, ConfigError: of whatever is wrong with any of them; see `reading.read_scenarios`.
    """
    cases = [case for written in read_scenarios(files, look) for case in cases_of(written)]
    for depth in range(1, _deepest(cases) + 1):
        n_of = Counter(case.id.casefold() for case in cases)
        cases = [replace(case, id=_deeper(case, depth)) if n_of[case.id.casefold()] > 1 else case for case in cases]
    ids = Slugs()
    return [replace(case, id=ids.new(case.id)) for case in cases]


def select(cases: Sequence[Case], *, words: str | None = None, shard: tuple[int, int] = (1, 1)) -> list[Case]:
    """
    Return those that a filter fits, and of these a machine's share.

    Args:
        cases: all there are.
        words: each must be in a scenario's id, name or tags, in any letter case; after `not`, must not.
        shard: which share, from 1, of how many; every case is in exactly one.
    """
    index, of = shard
    return [case for case in cases if words is None or _fits(case, words)][index - 1 :: of]


def parse_shard(text: str) -> tuple[int, int]:
    """
    Understand `I/N`.

    Raises:
        ConfigError: it is none.
    """
    index, slash, of = text.partition("/")
    if not (slash and index.isdecimal() and of.isdecimal() and 1 <= int(index) <= int(of) <= 10_000):
        raise ConfigError(f"--shard {printable(text)}: expected I/N, such as 1/4 for the first of four machines")
    return int(index), int(of)


def _fits(case: Case, words: str) -> bool:
    text = " ".join((case.id, case.name, *case.scenario.tags)).casefold()
    wanted = True
    for word in words.casefold().split():
        if word == "not":
            wanted = False
            continue
        if (word in text) is not wanted:
            return False
        wanted = True
    return True


def _deepest(cases: Sequence[Case]) -> int:
    return max((len(_folders(case)) for case in cases), default=0)


def _deeper(case: Case, depth: int) -> str:
    """Return the id with one more folder's name before it."""
    folders = _folders(case)
    return slug(f"{folders[-depth]}-{case.id}") if depth <= len(folders) else case.id


def _folders(case: Case) -> tuple[str, ...]:
    return case.written.path.absolute().parent.parts


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts)
