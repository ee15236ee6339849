"""
The panel's rows about the talk: who, how loud, how fast, how much, which keys.

Each is a pure function of a small slice of the state, remembered for as long as that slice stays the same. A row is
made of rich's segments, which take text as it is: no markup is read. Text of strangers comes in through
`Signs.shown`, and nothing is wider than it may be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from rich.segment import Segment
from rich.style import Style

from flashlive_cli.reports import BargeInLatency, TurnLatency
from flashlive_cli.ui.signs import Signs
from flashlive_cli.ui.state import Doing, Pictures, Spent
from flashlive_cli.ui.wording import took
from flashlive_cli.ui.wrapping import cells, first_sign, fit, fit_end

Row = tuple[Segment, ...]
Part = tuple[str, Style | None]

# of the sixteen colours of the terminal's palette, those that can be read on light and on dark; yellow only for bars
DIM: Final = Style.parse("dim")
BOLD: Final = Style.parse("bold")
USER: Final = Style.parse("bold cyan")
MODEL: Final = Style.parse("bold magenta")
TOOL: Final = Style.parse("bold green")
GOOD: Final = Style.parse("green")
CARE: Final = Style.parse("red")
AMBER: Final = Style.parse("yellow")
BAD: Final = Style.parse("bold red")
CURSOR: Final = Style.parse("reverse")

QUIETEST_DBFS: Final = -60.0
"""Where a meter begins; it ends at 0 dBFS, the loudest there is."""
_CARE_DBFS: Final = -12.0
_BAD_DBFS: Final = -3.0
_LONGEST_METER: Final = 24
_SIDE_BY_SIDE: Final = 60  # columns from which both meters share a row

_DOING: Final[dict[Doing, tuple[str, Style]]] = {
    "connecting": ("connecting", BOLD),
    "listening": ("listening", GOOD),
    "hearing": ("hearing you", USER),
    "waiting": ("waiting for the answer", BOLD),
    "working": ("tool running", TOOL),
    "replying": ("speaking", MODEL),
    "moving": ("moving to another connection", BOLD),
    "closed": ("closed", BOLD),
}

KEYS: Final[dict[str, tuple[str, str]]] = {
    "m": ("mute", "mute the microphone, or open it again"),
    "space": ("talk", "push to talk: hold it down, or tap it to begin and to end"),
    "esc": ("stop voice", "stop the voice: the rest of the reply is not heard"),
    "t": ("type", "type a line instead of speaking; @image.png in it sends that image"),
    "v": ("show", "show the model one picture of what is to be seen now"),
    "?": ("help", "show or hide this"),
    "q": ("quit", "end the talk; Ctrl-C does too"),
}
"""The keys that the panel knows, with a word for the line of keys and some for the help."""


def row(*parts: Part) -> Row:
    """Make a row of parts that are known to fit."""
    return tuple(Segment(text, style) for text, style in parts if text)


@dataclass(frozen=True, slots=True)
class Loudness:
    """
    A side's meter, as coarse as it is drawn.

    Attributes:
        halves: how many half cells of it are lit.
        lit: the lamp.
    """

    halves: int
    lit: bool = False


def loudness(level_dbfs: float, length: int, *, lit: bool = False) -> Loudness:
    """Return what a meter of `length` cells shows of a level; what is no number is silence."""
    share = 1 - level_dbfs / QUIETEST_DBFS
    return Loudness(round(min(1.0, max(0.0, share)) * 2 * length) if share == share else 0, lit)  # noqa: PLR0124 - NaN


def meter_length(width: int) -> int:
    """Return how many cells a meter has on a panel of that width."""
    room = (width - 36) // 2 if width >= _SIDE_BY_SIDE else width - 23
    return max(2, min(_LONGEST_METER, room))


@lru_cache(maxsize=16)
def head(who: tuple[str, ...], doing: Doing, instead: str, time: str, *, urgent: bool, width: int, signs: Signs) -> Row:
    """
    Return the line above the status: whom one talks to, what is going on, and the time.

    Args:
        who: facts about the far end, the most important first; shown as they are.
        doing: what is going on.
        instead: a word to say instead of that; empty for none.
        time: at the right.
        urgent: the time is running out.
        width: of the row, in cells.
        signs: to draw with.
    """
    word, style = _DOING[doing]
    word = instead or word
    between = f" {signs.dot} "
    room = width - cells(word) - cells(time) - 10
    names: list[str] = []
    for name in who:
        name_room = room - sum(cells(known) + 3 for known in names) - 3
        if cells(name) <= name_room:
            names.append(name)
        elif not names and name_room > 4:
            names.append(fit(name, name_room, signs.more))
    left: list[Part] = [part for name in names for part in ((name, BOLD), (between, DIM))]
    room = width - sum(cells(text) for text, _ in left) - cells(time) - 9
    left.append((fit(word, max(0, room), signs.more), style))
    used = sum(cells(text) for text, _ in left)
    if used + cells(time) + 9 > width:
        return row((fit(f"{word}{between}{time}", width, signs.more), style))
    fill = signs.rule * (width - used - cells(time) - 7)
    return row(
        (signs.rule * 2 + " ", DIM), *left, (f" {fill} ", DIM), (time, BAD if urgent else None), (f" {signs.rule}", DIM)
    )


@lru_cache(maxsize=64)
def meters(user: Loudness, label: str, model: Loudness, to_come_s: int, *, width: int, signs: Signs) -> tuple[Row, ...]:
    """
    Return how loud both sides are, in one row or two.

    Args:
        user: the microphone's meter, and the lamp.
        label: whose that is, or what has become of it; at most five cells.
        model: the speaker's meter.
        to_come_s: seconds of sound that are still to be played.
        width: of a row, in cells.
        signs: to draw with.
    """
    length = meter_length(width)
    lamp = (signs.lit, GOOD) if user.lit else (signs.unlit, DIM)
    to_come = f"  {to_come_s} s to come" if 0 < to_come_s < 1000 else ""
    left: list[Part] = [
        (f" {label:<6} ", USER if label == "you" else BAD),
        lamp,
        (" ", None),
        *_meter(user, length, signs),
    ]
    right: list[Part] = [("gemini ", MODEL), *_meter(model, length, signs), (to_come, DIM)]
    if width >= _SIDE_BY_SIDE:
        return (row(*left, ("   ", None), *right),)
    return tuple(cropped(parts, width) for parts in (left, [(" ", None), right[0], ("  ", None), *right[1:]]))


def _meter(level: Loudness, length: int, signs: Signs) -> list[Part]:
    """Return a bar: green, then yellow, then red."""
    whole, half = divmod(level.halves, 2)
    drawn = signs.on * whole + signs.half * half
    edges = [round(length * (1 - dbfs / QUIETEST_DBFS)) for dbfs in (QUIETEST_DBFS, _CARE_DBFS, _BAD_DBFS)]
    colours = (GOOD, AMBER, BAD)
    parts: list[Part] = [
        (drawn[start:end], colour) for (start, end), colour in zip(pairwise([*edges, length]), colours, strict=True)
    ]
    return [*parts, (signs.off * (length - len(drawn)), DIM)]


@lru_cache(maxsize=8)
def answer(latency: TurnLatency, *, width: int, signs: Signs) -> Row:
    """Return how long the last answer took, in its stages."""
    stages = (latency.speech_end_to_content_ms, latency.content_to_audio_ms, latency.audio_to_sample_ms)
    return _staged("answer", latency.total_ms, stages, ("content", "audio", "playing"), width=width, signs=signs)


@lru_cache(maxsize=8)
def barge_in(latency: BargeInLatency, *, width: int, signs: Signs) -> Row:
    """Return how long the voice went on after the user cut in."""
    noticed_ms, silent_ms = latency.speech_start_to_interrupted_ms, latency.interrupted_to_silence_ms
    if noticed_ms is None:
        return cropped([(" barge-in ", BOLD), (f"silent {took(silent_ms)} after it was noticed", None)], width)
    return _staged(
        "barge-in", noticed_ms + silent_ms, (noticed_ms, silent_ms), ("noticed", "silent"), width=width, signs=signs
    )


def _staged(
    what: str, total_ms: float, stages_ms: Sequence[float], names: Sequence[str], *, width: int, signs: Signs
) -> Row:
    figures = [f"{stage:.0f}" for stage in stages_ms]
    told = " + ".join(f"{name} {figure}" for name, figure in zip(names, figures, strict=True)) + " ms"
    begin: list[Part] = [(f" {what:<9}", BOLD), (f"{took(total_ms):<8}", None)]
    room = width - sum(cells(text) for text, _ in begin) - cells(told) - 2
    if room >= 6:
        return row(*begin, *_stages(stages_ms, min(room, _LONGEST_METER), signs), (f"  {told}", DIM))
    return cropped([*begin[:1], (took(total_ms), None), (f" = {' + '.join(figures)} ms", DIM)], width)


def _stages(stages_ms: Sequence[float], length: int, signs: Signs) -> list[Part]:
    """Return a bar with a part for each stage, as long as its share and never none."""
    total = sum(max(0.0, stage) for stage in stages_ms)
    sizes = [max(1, round(length * max(0.0, stage) / total)) if total else 1 for stage in stages_ms]
    sizes[sizes.index(max(sizes))] += (length - sum(sizes)) if total else 0
    fills = zip(signs.stages, (AMBER, MODEL, GOOD), sizes, strict=False)
    return [(fill * size, colour) for fill, colour, size in fills]


@lru_cache(maxsize=16)
def totals(
    echo: str | None,
    erle_db: float | None,
    spent: Spent,
    pictures: Pictures | None,
    *,
    underruns: int,
    lost_ms: int,
    width: int,
    signs: Signs,
) -> tuple[Row, ...]:
    """Return echo, tokens, money, pictures and what went wrong with the sound, in as few rows as they need."""
    facts: list[Part] = []
    if echo is not None:
        facts.append((f"echo: {_echo(echo, erle_db)}", CARE if echo in {"half", "learning"} else None))
    thought = f", {spent.tokens_thought} thought" if spent.tokens_thought else ""
    if spent.tokens_in or spent.tokens_out:
        facts.append((f"{spent.tokens_in} tokens in, {spent.tokens_out} out{thought}", None))
    if spent.cost_usd is not None:
        facts.append((f"${spent.cost_usd:.4f}", None))
    if pictures is not None:
        facts.append((_pictures(pictures), CARE if pictures.lost else None))
    facts.append((f"{underruns or 'no'} underrun{'' if underruns == 1 else 's'}", CARE if underruns else None))
    if lost_ms:
        facts.append((f"{lost_ms} ms of the microphone lost", CARE))
    return flow([(fact,) for fact in facts], width, signs)


def _pictures(pictures: Pictures) -> str:
    sent = f"{pictures.sent or 'no'} picture{'' if pictures.sent == 1 else 's'}"
    read = f" for {pictures.tokens} tokens" if pictures.tokens else ""
    return f"{sent}{read}{', nothing to be seen' if pictures.lost else ''}"


def _echo(echo: str, erle_db: float | None) -> str:
    match echo:
        case "learning":
            return "learning the room, half duplex"
        case "half":
            return "half duplex"
        case "off":
            return "off"
        case _:
            return "cancelling" if erle_db is None else f"cancelled by {erle_db:.0f} dB"


@lru_cache(maxsize=8)
def keys(names: tuple[str, ...], microphone: str, *, help_shown: bool, width: int, signs: Signs) -> tuple[Row, ...]:
    """Return the keys that do something now, with a word each."""
    words = {name: KEYS[name][0] for name in names}
    if "m" in words and microphone == "muted":
        words["m"] = "unmute"
    if "space" in words and microphone == "pushed":
        words["space"] = "end talking"
    if "?" in words and help_shown:
        words["?"] = "hide help"
    return flow([((name, BOLD), (f" {word}", DIM)) for name, word in words.items()], width, signs)


@lru_cache(maxsize=4)
def help_rows(names: tuple[str, ...], *, width: int, signs: Signs) -> tuple[Row, ...]:
    """Return what each key does, a row each."""
    return tuple(
        cropped([(f" {name:<6}", BOLD), (fit(KEYS[name][1], max(0, width - 7), signs.more), None)], width)
        for name in names
    )


def typed(text: str, cursor: int, *, width: int, signs: Signs) -> Row:
    """
    Return the line being typed, with its cursor in view.

    Args:
        text: what was typed, raw.
        cursor: before which of its characters the next one goes.
        width: of the row, in cells.
        signs: to draw with.
    """
    before, after = signs.shown(text[:cursor]), signs.shown(text[cursor:])
    room = max(4, width - 8)
    at = first_sign(after)
    after = after[len(at) :]
    at = fit(at, room, "") or " "
    if cells(before) + cells(at) > room:
        before = signs.more + fit_end(before, room - cells(at) - cells(signs.more))
    after = fit(after, max(0, room - cells(before) - cells(at)), signs.more)
    return cropped([(" type   ", USER), (before, None), (at, CURSOR), (after, None)], width)


def flow(facts: Iterable[Sequence[Part]], width: int, signs: Signs) -> tuple[Row, ...]:
    """Return the facts one after another, with dots between, in as few rows as they need."""
    found: list[list[Part]] = []
    used = width
    for fact in facts:
        size = sum(cells(text) for text, _ in fact)
        if used + 3 + size > width:
            found.append([(" ", None), *fact])
            used = 1 + size
        else:
            found[-1] += [(f" {signs.dot} ", DIM), *fact]
            used += 3 + size
    return tuple(cropped(parts, width) for parts in found)


def cropped(parts: Iterable[Part], width: int) -> Row:
    """Make a row of parts, without what does not fit."""
    kept: list[Part] = []
    for text, style in parts:
        kept.append((fit(text, width, ""), style))
        width -= cells(kept[-1][0])
    return row(*kept)
