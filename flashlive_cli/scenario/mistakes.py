"""What is wrong with scenario files, collected, so that all of it is told at once. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flashlive_cli.errors import ConfigError, FileError, Mistakes
from flashlive_cli.printable import printable
from flashlive_cli.scenario.places import Place, Places


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """
    One thing that is wrong; they are in the order of their files and lines.

    Attributes:
        path: of the file, as it was given.
        line: from 1; 0 where it has none of its own.
        what: in words, on one line.
        kind: of error that it is, where it is alone.
    """

    path: str
    line: int
    what: str
    kind: type[ConfigError | FileError] = field(default=ConfigError, compare=False)

    def __str__(self) -> str:
        """Return `file:line: what`, safe for a terminal."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return printable(f"{where}: {self.what}")


class FileMistakes:
    """Collects what is wrong with one file."""

    def __init__(self, path: Path, places: Places, found: list[Mistake]) -> None:
        """
        Be for a file that is TOML.

        Args:
            path: of it.
            places: of its keys.
            found: where to collect; mistakes of other files may be in it.
        """
        self.path = path
        self.places = places
        self._found = found
        self._told: list[Place] = []

    def add(self, place: Place, what: str, kind: type[ConfigError | FileError] = ConfigError) -> None:
        """Tell what is wrong with a key or table."""
        self._told.append(place)
        self._found.append(Mistake(str(self.path), self.places.line_of(place), what, kind))

    def has(self, place: Place) -> bool:
        """Whether something is wrong there, or within it: what else one could say of it may only follow from that."""
        return any(told[: len(place)] == place for told in self._told)


def raise_all(mistakes: Iterable[Mistake]) -> None:
    """
    Raise what there is, each once and in order; nothing where there is nothing.

    Raises:
        ConfigError, FileError: the mistake, where it is alone.
        Mistakes: there are several.
    """
    found = sorted(set(mistakes))
    if len(found) == 1:
        raise found[0].kind(str(found[0]))
    if found:
        raise Mistakes(tuple(map(str, found)))
