"""
Words and tool calls as rows: what runs, at the top of the panel, and what has finished, above it for good.

Both look alike, so that what finishes seems to stay where it was: a label, then the words with a hanging indent and
nothing at the sides that would get in the way of copying. In a row with words of a stranger ours come first: where
those run from right to left, ours keep their order.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, assert_never

from rich.style import Style

from flashlive_cli.ui.finished import Called, Finished, Noted, Printed, Said
from flashlive_cli.ui.rows import BAD, BOLD, CARE, DIM, MODEL, TOOL, USER, Part, Row, cropped
from flashlive_cli.ui.signs import Signs
from flashlive_cli.ui.state import Call, Words
from flashlive_cli.ui.wording import took
from flashlive_cli.ui.wrapping import Wrapped, fit, spans, wrap

MEASURE: Final = 100
"""Columns of running text at most, however wide the terminal is: longer lines are hard to read."""
_INDENT: Final = 8
_NARROW: Final = 20  # columns from which there is an indent
_LABELS: Final[dict[str, tuple[str, Style]]] = {
    "user": ("you", USER),
    "model": ("gemini", MODEL),
    "tool": ("tool", TOOL),
    "note": ("note", DIM),
    "summary": ("talk", BOLD),
    "warning": ("warning", CARE),
    "error": ("error", BAD),
}


def measure(width: int) -> int:
    """Return how many columns words may take beside their label, on a panel of that width."""
    return max(2, min(width, MEASURE) - _indent(width))


def finished_rows(line: Finished, width: int, signs: Signs) -> list[Row]:
    """
    Return what has finished as it goes into the scrollback.

    Args:
        line: what it is, raw.
        width: columns there are.
        signs: to draw with.
    """
    match line:
        case Said(role=role, text=text, unheard=unheard):
            heard = signs.shown(text.strip())
            return _labelled(
                role, _marked(heard, f"[not heard: {signs.shown(unheard)}]" if unheard else "", width), width
            )
        case Called():
            return _labelled("tool", [part for words in _called(line) for part in _words(*words, width, signs)], width)
        case Printed(name=name, line=printed):
            return _labelled("tool", _words(f"printed by {name}: {printed}", None, width, signs), width)
        case Noted(kind=kind, text=text):
            return _labelled(kind, _words(text, DIM if kind == "note" else None, width, signs), width)
        case _:
            assert_never(line)


def _called(call: Called) -> Iterator[tuple[str, Style | None]]:
    yield f"{call.name}({call.arguments})", None
    for line in call.printed:
        yield f"printed: {line}", DIM
    again = "not run again; " if call.repeated else ""
    match call.outcome:
        case "done":
            yield f"{again}after {took(call.took_ms)}: {call.result}", None
        case "failed":
            yield f"{again}failed after {took(call.took_ms)}: {call.result}", CARE
        case "cancelled":
            yield f"cancelled after {took(call.took_ms)}", CARE
        case _:
            assert_never(call.outcome)


class Running:
    """
    Rows of what is being said and done just now.

    Args of the constructor:
        signs: to draw with.
    """

    def __init__(self, signs: Signs) -> None:
        self._signs = signs
        self._wrapped = {role: Wrapped(signs.encoding) for role in ("user", "model")}

    def rows(self, running: Sequence[Words | Call], now: float, *, most: int, width: int, spin: int) -> list[Row]:
        """
        Return at most `most` rows: of every item at least one while there is room, of words always their end.

        Args:
            running: words and calls, in order.
            now: the talk's time, in seconds.
            most: how many rows there may be.
            width: of a row, in cells.
            spin: counts up while something turns.
        """
        left_out = max(0, len(running) - most)
        shown = running[left_out + 1 if left_out and most > 1 else left_out :]
        found: list[Row] = []
        if len(shown) < len(running) - left_out:
            more = f"{self._signs.more} {len(running) - len(shown)} more"
            found = _labelled("tool", [[(fit(more, measure(width), ""), DIM)]], width)
        room = most - len(found) - len(shown)
        backwards: list[list[Row]] = []
        for each in reversed(shown):
            rows = self._of_one(each, now, most=1 + room, width=width, spin=spin)
            room -= len(rows) - 1
            backwards.append(rows)
        return [*found, *(row for rows in reversed(backwards) for row in rows)]

    def _of_one(self, each: Words | Call, now: float, *, most: int, width: int, spin: int) -> list[Row]:
        match each:
            case Words(role=role, text=text, cut=cut):
                lines = self._wrapped[role].lines(text.lstrip(), measure(width))
                parts: list[list[Part]] = [[(line, None)] for line in lines]
                if cut:
                    parts.append([("[interrupted]", DIM)])
                more = self._signs.more if len(parts) > most else ""
                return _labelled(role, parts[-most:], width, more)
            case Call():
                return _labelled("tool", self._call(each, now, width, spin)[:most], width)
            case _:
                assert_never(each)

    def _call(self, call: Call, now: float, width: int, spin: int) -> list[list[Part]]:
        signs = self._signs
        spinner = signs.spinner[spin % len(signs.spinner)]
        seconds = f"{max(0.0, now - call.since):.1f} s"
        if now - call.since >= 100:
            seconds = f"{now - call.since:.0f} s"
        begin = f"{spinner} {seconds}  {'not run again: ' if call.repeated else ''}"
        room = measure(width)
        made = fit(signs.shown(f"{call.name}({call.arguments})"), max(0, 2 * room - len(begin) - 8), signs.more)
        parts: list[list[Part]] = [[(line, None)] for line in wrap(begin + made, room)]
        if call.progress is not None:
            parts.append([(fit(signs.shown(f"so far: {call.progress}"), room, signs.more), DIM)])
        if call.printed:
            parts.append([(fit(signs.shown(f"printed: {call.printed[-1]}"), room, signs.more), DIM)])
        return parts


def _marked(heard: str, unheard: str, width: int) -> list[list[Part]]:
    """Wrap words, and after them what nobody heard, dim."""
    text = f"{heard} {unheard}" if heard and unheard else heard or unheard
    dim_from = len(text) - len(unheard)
    return [
        [(text[start : max(start, min(end, dim_from))], None), (text[max(start, dim_from) : max(end, dim_from)], DIM)]
        for start, end in spans(text, measure(width))
    ]


def _words(text: str, style: Style | None, width: int, signs: Signs) -> list[list[Part]]:
    return [[(line, style)] for line in wrap(signs.shown(text), measure(width))]


def _labelled(kind: str, lines: Iterable[Sequence[Part]], width: int, more: str = "") -> list[Row]:
    """Put the label before the first line, and blanks before the others; `more` stands where lines were left out."""
    indent = _indent(width)
    word, style = _LABELS[kind]
    label: list[Part] = [(f"{word:<{indent - 1}}", style), (more, DIM) if more else (" ", None)] if indent else []
    blank: list[Part] = [(" " * indent, None)]
    return [cropped([*(label if not index else blank), *parts], width) for index, parts in enumerate(lines)]


def _indent(width: int) -> int:
    return _INDENT if width >= _NARROW else 0
