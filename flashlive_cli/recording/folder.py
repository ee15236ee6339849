"""
A recorded conversation read back, whatever ended it: a torn last line is no reason to refuse the rest.

The folder's files and their names are public:

    events.ndjson       what `--format json` prints
    wire.jsonl          every message, `{"t": seconds, "c": {…}}` of the client, `{"t": …, "s": {…}}` of the server
    conversation.wav    stereo, 24 kHz: the user left, what was played right
    transcript.md       for people
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.recording.story import Called, Entry, Noted, Said, Story

EVENTS: Final = "events.ndjson"
WIRE: Final = "wire.jsonl"
SOUND: Final = "conversation.wav"
TRANSCRIPT: Final = "transcript.md"

NAME_FORMAT: Final = "%Y-%m-%d_%H-%M-%S"
"""Of a folder's name, in local time; sorts by time, and every file system takes it."""

_DATE_LINE: Final = re.compile(r"^- date: (\S+)$", re.MULTILINE)
_HEAD_BYTES: Final = 300


@dataclass(frozen=True, slots=True)
class Turn:
    """
    What belongs to one turn of the server.

    Attributes:
        number: from 1.
        said: utterances and replies, in the order they began.
        calls: of tools.
        latency: stages of the answer's latency in milliseconds; empty where there was none.
    """

    number: int
    said: tuple[Said, ...]
    calls: tuple[Called, ...]
    latency: dict[str, float]


@dataclass(frozen=True, slots=True)
class Session:
    """
    A recorded conversation.

    Attributes:
        id: the folder's name.
        when: it began, with time zone.
        story: what its events come to: model, duration, cost, ending …
        entries: what was said and done, in the order it began.
    """

    id: str
    when: datetime
    story: Story
    entries: tuple[Entry, ...]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The entries by turn, but for the notes."""
        numbers = sorted({entry.turn for entry in self.entries if not isinstance(entry, Noted)})
        return tuple(
            Turn(
                number,
                tuple(entry for entry in self.entries if isinstance(entry, Said) and entry.turn == number),
                tuple(entry for entry in self.entries if isinstance(entry, Called) and entry.turn == number),
                self.story.latencies.get(number, {}),
            )
            for number in numbers
        )

    @property
    def notes(self) -> tuple[Noted, ...]:
        """Warnings and errors."""
        return tuple(entry for entry in self.entries if isinstance(entry, Noted))


def in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    """Sort by when each began; they come by when each ended."""
    return tuple(sorted(entries, key=lambda entry: entry.begins_s))


def is_session(folder: Path) -> bool:
    """Whether a conversation was recorded there."""
    try:
        return (folder / EVENTS).is_file()
    except (OSError, ValueError):
        return False


def find_sessions(directory: Path) -> list[Path]:
    """Return the folders of the conversations recorded in a directory, by name; none where it cannot be read."""
    try:
        return sorted(folder for folder in directory.iterdir() if is_session(folder))
    except OSError:
        return []


def read_session(folder: Path) -> Session:
    """
    Read a conversation.

    Raises:
        FileError: it cannot be read at all.
    """
    story = Story()
    entries: list[Entry] = []
    try:
        for record in read_lines(folder / EVENTS):
            entries += story.take(record)
        entries += story.rest()
        when = _began(folder, story)
    except OSError as exc:
        raise FileError(f"{printable(str(folder))}: cannot be read: {reason_of(exc)}") from exc
    return Session(folder.resolve().name, when, story, in_order(entries))


def began_by_name(name: str) -> datetime | None:
    """Return when a conversation began, by its folder's name; None for a folder that somebody renamed."""
    try:
        return datetime.strptime(name[:19], NAME_FORMAT).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    """
    Read the objects of a file of lines, `EVENTS` or `WIRE`; what is torn is passed over.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):  # torn, or somebody else's
                continue
            if isinstance(record, dict):
                yield record


def _began(folder: Path, story: Story) -> datetime:
    """Tell when: the transcript knows it with its time zone, the name without, the file system roughly."""
    try:
        with (folder / TRANSCRIPT).open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
        if found := _DATE_LINE.search(head):
            return datetime.fromisoformat(found[1]).astimezone()
    except (OSError, ValueError, OverflowError):
        pass
    return (
        began_by_name(folder.resolve().name)
        or datetime.fromtimestamp((folder / EVENTS).stat().st_mtime - story.duration_s).astimezone()
    )
