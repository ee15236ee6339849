"""
Captions of a talk, as SRT and as WebVTT: what was said when it was said, what was played when it was played.

Two who speak at once cannot both be shown: a caption ends where the next begins, and one that would be too short
to be seen pushes the next.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from flashlive_cli.printable import printable
from flashlive_cli.recording.story import Entry, Role, Said
from flashlive_cli.recording.wording import SPEAKERS

COLUMNS: Final = 42
"""Of a line, wide characters counting twice: what broadcasters allow for Latin script."""

LINES: Final = 2
"""Of a caption."""

_SHORTEST_MS: Final = 500
_READING_MS_PER_COLUMN: Final = 60
"""How long words without a known end are shown: a fast reader's pace."""


@dataclass(frozen=True, slots=True)
class Caption:
    """
    What is shown at once.

    Attributes:
        role: who speaks.
        begins_ms: since the talk's start.
        ends_ms: after `begins_ms`, and not after the next caption's.
        lines: up to `LINES` of up to `COLUMNS`, printable, with nothing escaped.
        opens: it is the first of its utterance or reply.
    """

    role: Role
    begins_ms: int
    ends_ms: int
    lines: tuple[str, ...]
    opens: bool


def captions(entries: Iterable[Entry]) -> list[Caption]:
    """Divide what was said and heard into captions, in order, none over another."""
    said = sorted((entry for entry in entries if isinstance(entry, Said)), key=lambda entry: entry.begins_s)
    return _apart([caption for entry in said for caption in _divided(entry)])


def srt(entries: Iterable[Entry]) -> str:
    """Return SubRip text; who speaks is told in words."""
    blocks = []
    for number, caption in enumerate(captions(entries), 1):
        words = "\n".join(line.replace("-->", "->") for line in caption.lines)
        who = f"{SPEAKERS[caption.role]}: " if caption.opens else ""
        times = f"{_time(caption.begins_ms, ',')} --> {_time(caption.ends_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{who}{words}\n")
    return "\n".join(blocks)


def vtt(entries: Iterable[Entry]) -> str:
    """Return WebVTT; who speaks is told by voice tags."""
    blocks = ["WEBVTT\n"]
    for caption in captions(entries):
        words = "\n".join(map(_vtt_escaped, caption.lines))
        times = f"{_time(caption.begins_ms, '.')} --> {_time(caption.ends_ms, '.')}"
        blocks.append(f"{times}\n<v {SPEAKERS[caption.role]}>{words}\n")
    return "\n".join(blocks)


def _divided(said: Said) -> Iterator[Caption]:
    """Cut what one said into captions, and its time in proportion to their lengths."""
    lines = list(wrapped(said.heard, COLUMNS, first=COLUMNS - len(SPEAKERS[said.role]) - 2))
    groups = [tuple(lines[i : i + LINES]) for i in range(0, len(lines), LINES)]
    widths = [max(1, sum(map(columns, group))) for group in groups]
    total = sum(widths)
    begins_ms, ends_ms = round(said.begins_s * 1000), round(said.ends_s * 1000)
    if ends_ms <= begins_ms:  # typed
        ends_ms = begins_ms + _READING_MS_PER_COLUMN * total
    done = 0
    for index, (group, width) in enumerate(zip(groups, widths, strict=True)):
        begin = begins_ms + (ends_ms - begins_ms) * done // total
        done += width
        yield Caption(said.role, begin, begins_ms + (ends_ms - begins_ms) * done // total, group, opens=not index)


def _apart(found: list[Caption]) -> list[Caption]:
    apart: list[Caption] = []
    free_ms = 0
    for index, caption in enumerate(found):
        begins_ms = max(caption.begins_ms, free_ms)
        next_ms = found[index + 1].begins_ms if index + 1 < len(found) else caption.ends_ms
        ends_ms = min(caption.ends_ms, next_ms)
        free_ms = max(ends_ms, begins_ms + _SHORTEST_MS)
        apart.append(replace(caption, begins_ms=begins_ms, ends_ms=free_ms))
    return apart


def wrapped(text: str, width: int, *, first: int | None = None) -> Iterator[str]:
    """
    Break a text into lines at its spaces, and a word that is too long anywhere.

    Args:
        text: any; its white space becomes single spaces, and what could steer a terminal is spelled out.
        width: columns of a line, at least 2.
        first: columns of the first one.
    """
    room = width if first is None else first
    line = ""
    for word in printable(text).split():
        for part in _parts(word, width if line else room):
            if line and columns(line) + 1 + columns(part) > room:
                yield line
                line, room = part, width
            else:
                line = f"{line} {part}" if line else part
    if line:
        yield line


def columns(text: str) -> int:
    """Return how wide a text is on a terminal or a screen with a fixed pitch."""
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _parts(word: str, width: int) -> Iterator[str]:
    """Cut a word that is wider than a line; Japanese and Chinese know no other."""
    part, taken = "", 0
    for char in word:
        if taken + _width(char) > width:
            yield part
            part, taken = "", 0
        part += char
        taken += _width(char)
    yield part


def _vtt_escaped(line: str) -> str:
    return re.sub("[&<>]", lambda found: {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[found[0]], line)


def _time(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
