"""
The panel: state and meters in, rows out, never more of them than the terminal has room for.

From top to bottom: what runs (words, tool calls), so that it continues the scrollback; a line that says with whom and
how things stand; meters; latencies; totals; and the keys, or the line being typed, or a question.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from flashlive_cli.ui import rows
from flashlive_cli.ui.finished import Finished
from flashlive_cli.ui.pictures import LEAST_ROWS, Graphics, Place, half_blocks, size_in_cells
from flashlive_cli.ui.rows import BOLD, DIM, MODEL, Row, cropped
from flashlive_cli.ui.signs import Signs
from flashlive_cli.ui.state import Doing, Meters, State
from flashlive_cli.ui.turns import Running, finished_rows
from flashlive_cli.ui.wording import clock
from flashlive_cli.ui.wrapping import fit, wrap

WIDEST: Final = 120
"""Columns of the panel at most."""
LOWEST: Final = 6
"""Rows of a terminal from which there is a panel; below there is one row."""
MOST_RUNNING: Final = 6
"""Rows of running words and calls at most, on a terminal of usual height."""
_MOST_ASKED: Final = 4
_URGENT_S: Final = 15.0

_CHOICES: Final = (("y", "yes"), ("n", "no"), ("a", "always"))
_TYPING: Final = (("enter", "send"), ("esc", "leave"))


class Rows:
    """Rows as a renderable; set `rows` and draw it again."""

    def __init__(self, found: Sequence[Row] = ()) -> None:
        self.rows = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for index, segments in enumerate(self.rows):
            if index:
                yield Segment.line()
            yield from segments


class Panel:
    """
    Turns states into rows; belongs to one thread.

    Args of the constructor:
        signs: to draw with.
        keys: which of `rows.KEYS` do something.
        limit_s: after how long the talk ends; None where it has no limit.
        graphics: how pictures are shown.

    Attributes:
        picture_at: where a picture is to be laid over the latest `rows`; None for nowhere.
    """

    def __init__(
        self,
        signs: Signs,
        *,
        keys: Sequence[str] = (),
        limit_s: float | None = None,
        graphics: Graphics = "none",
    ) -> None:
        self.picture_at: Place | None = None
        self._graphics = graphics
        self._signs = signs
        self._keys = tuple(keys)
        self._limit_s = limit_s
        self._running = Running(signs)

    def finished(self, lines: Iterable[Finished], width: int) -> list[Row]:
        """Return what goes above the panel."""
        return [each for line in lines for each in finished_rows(line, width - 1, self._signs)]

    def rows(
        self, state: State, meters: Meters | None, now: float, *, width: int, height: int, spin: int = 0
    ) -> list[Row]:
        """
        Return the panel.

        Args:
            state: what to show.
            meters: how loud it is; None before sound is open.
            now: the talk's time, in seconds.
            width: columns of the terminal.
            height: its rows.
            spin: counts up while a tool runs.
        """
        self.picture_at = None
        width = max(1, min(width - 1, WIDEST))  # a full line would leave some terminals' cursor on the next one
        if height < LOWEST:
            return [self._one_row(state, meters, now, width, spin)]
        room = height - 2
        head = self._head(state, meters, now, width)
        asked = self._asked(state, width, room - 1)
        room -= 1 + len(asked)
        running_rows = max(1, min(MOST_RUNNING, height // 4)) if height < 100 else 2 * MOST_RUNNING

        def running(most: int) -> list[Row]:
            return self._running.rows(state.running, now, most=most, width=width, spin=spin) if most > 0 else []

        words = len(running(min(room, running_rows)))
        kept = min(words, 1)
        room -= kept
        blocks: list[Sequence[Row]] = []
        for block in self._blocks(state, meters, width, asked=bool(asked)):
            blocks.append(block[: max(0, room)])
            room -= len(blocks[-1])
            if len(blocks) == 2:  # before the figures come the words
                more = min(words - kept, max(0, min(2, room)))
                kept, room = kept + more, room - more
        kept += min(words - kept, max(0, room))
        level, keys, figures, totals, explained = blocks
        above = [*running(kept), head, *level, *figures, *totals]
        picture = self._picture(state, len(above), width, min(room - max(0, words - 1), height // 3))
        return [*above, *picture, *explained, *asked, *keys]

    def _blocks(self, state: State, meters: Meters | None, width: int, *, asked: bool) -> list[Sequence[Row]]:
        """Return what may be left out, the most important first: meters, keys, latencies, totals, help."""
        signs = self._signs
        level = self._meters(state, meters, width) if meters is not None else ()
        keys = (
            rows.keys(self._keys, state.microphone, help_shown=state.help, width=width, signs=signs)
            if self._keys and not asked
            else ()
        )
        figures = [rows.answer(state.answer, width=width, signs=signs)] if state.answer is not None else []
        figures += [rows.barge_in(state.barge_in, width=width, signs=signs)] if state.barge_in is not None else []
        totals: Sequence[Row] = ()
        if state.link != "connecting":
            totals = rows.totals(
                state.echo,
                state.erle_db,
                state.spent,
                state.pictures,
                underruns=meters.underruns if meters is not None else 0,
                lost_ms=round(meters.lost_ms) if meters is not None else 0,
                width=width,
                signs=signs,
            )
        explained = rows.help_rows(self._keys, width=width, signs=signs) if state.help else ()
        return [level, keys, figures, totals, explained]

    def _picture(self, state: State, row: int, width: int, most_rows: int) -> Sequence[Row]:
        """Return the rows of what was last shown to the model, and note where graphics are to be laid over them."""
        picture = state.preview
        if picture is None or self._graphics == "none" or min(most_rows, width // 4) < LEAST_ROWS or state.help:
            return ()
        columns, n_rows = size_in_cells(picture, most_rows=most_rows, most_columns=max(1, width - 2))
        if self._graphics == "blocks":
            return half_blocks(picture, columns, n_rows)
        self.picture_at = Place(row, 1, columns, n_rows)
        return [()] * n_rows

    def _head(self, state: State, meters: Meters | None, now: float, width: int) -> Row:
        doing, instead = _said_of(state, meters, now)
        far_end = f"simulated {state.model}" if state.simulated else state.model
        who = tuple(self._signs.shown(name) for name in (far_end, state.voice or "") if name)
        time, urgent = self._time(state, now)
        return rows.head(who, doing, instead, time, urgent=urgent, width=width, signs=self._signs)

    def _time(self, state: State, now: float) -> tuple[str, bool]:
        """Return what the clock says, and whether it is urgent."""
        left_s = self._limit_s - now if self._limit_s is not None else None
        if state.ends_at is not None and (left_s is None or state.ends_at - now < left_s):
            return f"connection ends in {clock(state.ends_at - now)}", True
        if left_s is None:
            return clock(now), False
        return f"{clock(now)} of {clock(self._limit_s or 0)}", left_s < _URGENT_S

    def _meters(self, state: State, meters: Meters, width: int) -> tuple[Row, ...]:
        length = rows.meter_length(width)
        label = {"muted": "muted", "waiting": "off"}.get(state.microphone, "you")
        label = "gone" if "microphone" in state.lost else label
        return rows.meters(
            rows.loudness(meters.microphone_dbfs, length, lit=meters.speaking),
            label,
            rows.loudness(meters.speaker_dbfs, length),
            round(meters.held_ms / 1000) if meters.held_ms < 1e6 else 0,
            width=width,
            signs=self._signs,
        )

    def _asked(self, state: State, width: int, most: int) -> list[Row]:
        """Return what takes the place of the keys: a question, the line being typed, a hint; empty for none."""
        signs = self._signs
        if state.question is not None:
            lines = wrap(signs.shown(state.question), max(2, width - 3))
            choices = _words_of(_CHOICES, width, signs)[: max(0, most - 1)]
            room = max(1, min(_MOST_ASKED, most - len(choices)))
            if len(lines) > room:
                lines = [*lines[: room - 1], fit(lines[room - 1], max(0, width - 5), "") + signs.more]
            asked = [
                cropped([(" ? " if not index else "   ", MODEL), (line, BOLD)], width)
                for index, line in enumerate(lines)
            ]
            return [*asked, *choices]
        if state.typed is not None:
            line = rows.typed(state.typed.text or "", state.typed.cursor, width=width, signs=signs)
            return [line, *_words_of(_TYPING, width, signs)[: max(0, most - 1)]]
        if state.hint is not None:
            return [cropped([(" ", None), (fit(signs.shown(state.hint), width - 1, signs.more), BOLD)], width)]
        return []

    def _one_row(self, state: State, meters: Meters | None, now: float, width: int, spin: int) -> Row:
        """Return what matters most, for a terminal with hardly any rows."""
        signs = self._signs
        if state.question is not None:
            return cropped(
                [("y/n/a? ", MODEL), (fit(signs.shown(state.question), max(0, width - 7), signs.more), BOLD)], width
            )
        if state.typed is not None:
            return rows.typed(state.typed.text or "", state.typed.cursor, width=width, signs=signs)
        if state.hint is not None:
            return cropped([(fit(signs.shown(state.hint), width, signs.more), BOLD)], width)
        if state.running:
            return self._running.rows(state.running, now, most=1, width=width, spin=spin)[-1]
        return self._head(state, meters, now, width)


def _words_of(keys: Iterable[tuple[str, str]], width: int, signs: Signs) -> tuple[Row, ...]:
    return rows.flow([((name, BOLD), (f" {word}", DIM)) for name, word in keys], width, signs)


def _said_of(state: State, meters: Meters | None, now: float) -> tuple[Doing, str]:
    """Return what is going on, and a word in place of that where another is better."""
    doing = state.doing
    if state.lost and doing in {"listening", "replying", "hearing"}:
        return doing, f"no {' and no '.join(sorted(state.lost))}"
    silent = doing in {"listening", "replying"} or (doing == "waiting" and state.replying)
    if silent and meters is not None and meters.held_ms >= 1:
        return "replying", ""
    if doing == "listening" and state.microphone == "muted":
        return doing, "microphone muted"
    if doing == "listening" and state.microphone == "waiting":
        return doing, "push to talk"
    if doing == "waiting" and state.waiting_since is not None and now - state.waiting_since >= 2:
        return doing, f"waiting for {now - state.waiting_since:.0f} s"
    return doing, ""
