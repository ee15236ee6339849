"""
What a turn was expected to bring, held against what it brought. Pure.

Every expectation becomes a `Check`, met or not: a report shows what was looked at, and not only what failed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from flashlive_cli.scenario.course import Called, Course, TurnCourse
from flashlive_cli.scenario.errorrate import word_error_rate
from flashlive_cli.scenario.expecting import ArgumentRule, Call, Expect, WholeExpect
from flashlive_cli.scenario.outcome import Check, Figures
from flashlive_cli.scenario.schema import Turn
from flashlive_cli.scenario.spelling import call_text, canonical

_LONGEST: Final = 200
"""Characters of what was got, in a sentence."""


def judge_turn(turn: Turn, course: TurnCourse | None) -> tuple[Check, ...]:
    """Hold a turn's expectations against its course; one that never began meets none of them."""
    if course is None:
        return (Check("turn", False, "to be taken", "the conversation ended before"),)
    return tuple(_checks(turn, turn.expect, course))


def judge_whole(expect: WholeExpect, course: Course) -> tuple[Check, ...]:
    """Hold the expectations of the whole conversation against it."""
    checks: list[Check] = []
    calls = [call for turn in course.turns for call in turn.calls]
    if expect.not_reply is not None:
        replies = " ".join(turn.reply for turn in course.turns)
        checks.append(_unsaid("not_reply", expect.not_reply, replies))
    if expect.no_calls:
        checks.append(_no_calls(calls))
    if expect.max_cost is not None:
        checks.append(_cost(expect.max_cost, course.cost_usd))
    if expect.moves is not None:
        checks.append(Check("moves", course.moves == expect.moves, str(expect.moves), str(course.moves)))
    if expect.no_warnings:
        got = _short("; ".join(course.warnings)) if course.warnings else "none"
        checks.append(Check("no_warnings", not course.warnings, "no warning", got))
    return tuple(checks)


def figures_of(course: TurnCourse) -> Figures:
    """Return what was measured of a turn."""
    interrupted = _span_ms(course.asked_from_s, course.interrupted_s)
    silent = _span_ms(course.interrupted_s, course.silenced_s)
    return Figures(
        first_audio_ms=_span_ms(course.asked_until_s, course.answered_from_s),
        complete_ms=_span_ms(course.asked_until_s, course.answered_until_s),
        audio_ms=_span_ms(course.answered_from_s, course.answered_until_s),
        interrupted_ms=interrupted,
        flushed_ms=None if silent is None else max(0.0, silent),
        cost_usd=course.cost_usd,
    )


def _checks(turn: Turn, expect: Expect, course: TurnCourse) -> Iterator[Check]:
    figures = figures_of(course)
    if expect.heard is not None:
        yield _said("heard", expect.heard, course.heard, course.asked_until_s)
    if expect.reply is not None:
        yield _said("reply", expect.reply, course.reply, course.answered_from_s)
    if expect.not_reply is not None:
        yield _unsaid("not_reply", expect.not_reply, course.reply, course.answered_from_s)
    if expect.calls is not None:
        yield _calls(expect, course.calls)
    if expect.no_calls:
        yield _no_calls(course.calls)
    if expect.silence:
        got = _short(course.reply) or "sound without words"
        yield Check(
            "silence", not course.answered, "no answer", got if course.answered else "none", at_s=_began(course)
        )
    if expect.interrupted is not None:
        words = {True: "a reply that is cut", False: "no reply that is cut"}
        cut = course.interrupted_s is not None
        yield Check(
            "interrupted", cut == expect.interrupted, words[expect.interrupted], words[cut], at_s=course.interrupted_s
        )
    limits = (
        ("interrupted_within_ms", expect.interrupted_within_ms, figures.interrupted_ms, course.interrupted_s),
        ("flushed_within_ms", expect.flushed_within_ms, figures.flushed_ms, course.silenced_s),
        ("first_audio_within_ms", expect.first_audio_within_ms, figures.first_audio_ms, course.answered_from_s),
        ("complete_within_ms", expect.complete_within_ms, figures.complete_ms, course.answered_until_s),
    )
    for name, limit, measured, at_s in limits:
        if limit is not None:
            yield _within(name, limit, measured, at_s, cut=bool(course.replies) and course.replies[-1].interrupted)
    if expect.audio_ms is not None:
        yield _between(expect.audio_ms.min, expect.audio_ms.max, figures.audio_ms, course.answered_from_s)
    if expect.max_cost is not None:
        yield _cost(expect.max_cost, course.cost_usd)
    if expect.wer_below is not None:
        reference = expect.reference if expect.reference is not None else turn.say_text or ""
        rate = word_error_rate(reference, course.heard)
        expected = f"less than {expect.wer_below:g} of {reference!r}"
        got = _quoted(course.heard)
        yield Check("wer_below", rate < expect.wer_below, expected, got, measured=rate, at_s=course.asked_until_s)


def _said(name: str, pattern: str, text: str, at_s: float | None) -> Check:
    return Check(name, re.search(pattern, text) is not None, f"/{pattern}/", _quoted(text), at_s=at_s)


def _unsaid(name: str, pattern: str, text: str, at_s: float | None = None) -> Check:
    return Check(name, re.search(pattern, text) is None, f"nothing like /{pattern}/", _quoted(text), at_s=at_s)


def _within(name: str, limit: int, measured: float | None, at_s: float | None, *, cut: bool) -> Check:
    if measured is None:
        never = {"interrupted_within_ms": "no interruption", "flushed_within_ms": "no reply that was cut"}
        missing = "an answer that was cut" if cut and name == "complete_within_ms" else "no sound of an answer"
        return Check(name, False, f"at most {limit} ms", never.get(name, missing))
    shown = round(measured, 1)  # what is judged is what is shown
    return Check(name, shown <= limit, f"at most {limit} ms", "", measured=shown, unit="ms", at_s=at_s)


def _between(least: int | None, most: int | None, measured: float | None, at_s: float | None) -> Check:
    bounds = [f"at least {least}"] if least is not None else []
    bounds += [f"at most {most}"] if most is not None else []
    expected = f"{' and '.join(bounds)} ms"
    if measured is None:
        return Check("audio_ms", False, expected, "no answer that sounded to its end")
    shown = round(measured, 1)
    ok = (least is None or least <= shown) and (most is None or shown <= most)
    return Check("audio_ms", ok, expected, "", measured=shown, unit="ms", at_s=at_s)


def _cost(limit: float, cost: float | None) -> Check:
    if cost is None:
        return Check("max_cost", False, f"at most {limit:g} USD", "a cost that nobody knows")
    shown = round(cost, 6)
    return Check("max_cost", shown <= limit, f"at most {limit:g} USD", "", measured=shown, unit="USD")


def _no_calls(calls: Sequence[Called]) -> Check:
    got = ", ".join(map(_spelled, calls)) or "none"
    return Check("no_calls", not calls, "no tool call", got, at_s=calls[0].at_s if calls else None)


def _calls(expect: Expect, made: Sequence[Called]) -> Check:
    """Hold calls against those made; one that the service repeats by itself, and is not run again, is no other."""
    wanted = expect.calls or []
    calls = [call for call in made if not call.repeats]
    order = " in any order" if expect.any_order else ""
    expected = (
        f"{', '.join(map(_described, wanted)) or 'none'}{order}{' and maybe others' if expect.other_calls else ''}"
    )
    got = ", ".join(map(_spelled, calls)) or "none"
    pair = _any_order if expect.any_order else _in_order
    met = pair(wanted, calls)
    ok = met and (expect.other_calls or len(calls) == len(wanted))
    return Check("calls", ok, expected, got, at_s=calls[0].at_s if calls else None)


def _in_order(wanted: Sequence[Call], made: Sequence[Called]) -> bool:
    """Whether all that is wanted was made, one after the other, others in between or not."""
    rest = iter(made)
    return all(any(_fits(call, found) for found in rest) for call in wanted)


def _any_order(wanted: Sequence[Call], made: Sequence[Called]) -> bool:
    """Whether each that is wanted has a call of its own: a matching, found by augmenting paths."""
    taken: dict[int, int] = {}

    def place(index: int, seen: set[int]) -> bool:
        for other, found in enumerate(made):
            if other in seen or not _fits(wanted[index], found):
                continue
            seen.add(other)
            if other not in taken or place(taken[other], seen):
                taken[other] = index
                return True
        return False

    return all(place(index, set()) for index in range(len(wanted)))


def _fits(call: Call, made: Called) -> bool:
    if call.name != made.name or (call.ok is not None and call.ok != made.ok):
        return False
    return all(_argument_fits(rule, made.args, name) for name, rule in call.args.items())


def _argument_fits(rule: object, args: Mapping[str, object], name: str) -> bool:
    if isinstance(rule, ArgumentRule) and rule.absent:
        return name not in args
    if name not in args:
        return False
    value = args[name]
    if isinstance(rule, ArgumentRule):
        if rule.regex is not None:
            return re.search(rule.regex, value if isinstance(value, str) else canonical(value)) is not None
        rule = rule.equals
    # in JSON 1 and 1.0 are one number, and true is none
    return canonical(_plain(rule)) == canonical(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _described(call: Call) -> str:
    def rule(value: object) -> str:
        if not isinstance(value, ArgumentRule):
            return f"={canonical(value)}"
        if value.absent:
            return " absent"
        return f" like /{value.regex}/" if value.regex is not None else f"={canonical(value.equals)}"

    args = ", ".join(f"{name}{rule(value)}" for name, value in call.args.items())
    answered: Mapping[bool | None, str] = {None: "", True: " answered", False: " failed"}
    return f"{call.name}({args}){answered[call.ok]}"


def _spelled(call: Called) -> str:
    answered: Mapping[bool | None, str] = {None: " unanswered", True: "", False: " failed"}
    return _short(f"{call_text(call.name, call.args)}{answered[call.ok]}")


def _quoted(text: str) -> str:
    return repr(_short(text)) if text else "nothing"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _began(course: TurnCourse) -> float | None:
    return course.replies[0].started_s if course.replies else course.answered_from_s


def _span_ms(since_s: float | None, until_s: float | None) -> float | None:
    return None if since_s is None or until_s is None else (until_s - since_s) * 1000
