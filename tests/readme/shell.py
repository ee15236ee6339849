"""The shell blocks of a Markdown file, as commands that a reader would type."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """
    One command of a block.

    Attributes:
        line: of the file, from 1.
        text: without the remark behind it; lines that a backslash joins are one.
        block: the number of its block, from 0: commands of one block belong together.
    """

    line: int
    text: str
    block: int

    def __str__(self) -> str:
        return f"{self.line}: {self.text}"


def commands_of(path: Path) -> list[Command]:
    """Return all commands of the blocks marked `sh`."""
    found: list[Command] = []
    block, inside, joined, begun = -1, False, "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```sh"
            block += inside
            continue
        if not inside or not line.strip():
            continue
        begun = begun or number
        joined += _without_remark(line)
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        if text := " ".join(joined.split()):
            found.append(Command(begun, text, block))
        joined, begun = "", 0
    return found


def _without_remark(line: str) -> str:
    return re.sub(r"(^|\s+)#\s.*$", "", line).rstrip()
