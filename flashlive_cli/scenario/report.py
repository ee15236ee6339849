"""
What a suite came to, for programs: `flashlive test --json`. Pure.

Keys that end in `_ms`, `_s` and `_usd`, and `measured`, hold what differs from run to run; without them, two runs of
the same scenarios that came to the same are the same text.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from flashlive_cli.printable import printable_json
from flashlive_cli.scenario.outcome import CallMade, Check, Figures, Outcome, TurnOutcome

SCHEMA_VERSION: Final = 1
"""`schema` of the JSON; raised when a field changes its meaning or goes away, not when one is added."""


@dataclass(frozen=True, slots=True)
class Tally:
    """
    How often one scenario passed, over its repetitions.

    Attributes:
        id: of the scenario and its variant; a path and an id are the same scenario.
        path: of its file.
        name: for people.
        runs: that were made.
        passed: of them.
    """

    id: str
    path: str
    name: str
    runs: int
    passed: int

    @classmethod
    def of(cls, id_: str, path: str, name: str, runs: Sequence[Outcome]) -> Self:
        """Count these runs, maybe none."""
        return cls(id_, path, name, len(runs), sum(run.status == "passed" for run in runs))

    @property
    def flaky(self) -> bool:
        """Whether it came out now this way, now that."""
        return 0 < self.passed < self.runs

    def accepted(self, pass_at: int | None) -> bool:
        """Whether it passed often enough: at least `pass_at` times; always, where that is None."""
        return self.passed >= (self.runs if pass_at is None else pass_at)


def tallies(outcomes: Sequence[Outcome]) -> list[Tally]:
    """Count the repetitions of each scenario, in the order in which the scenarios first come."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.path, outcome.id), []).append(outcome)
    return [Tally.of(id_, path, runs[0].name, runs) for (path, id_), runs in groups.items()]


@dataclass(frozen=True, slots=True)
class Unrun:
    """A scenario that was to be run, and was not: something stopped the suite before."""

    id: str
    name: str
    path: str


def suite_object(
    outcomes: Sequence[Outcome], *, took_s: float, pass_at: int | None = None, unrun: Sequence[Unrun] = ()
) -> dict[str, object]:
    """
    Return a suite as what becomes JSON.

    Args:
        outcomes: of all runs, in the order of the suite; not in which they were over.
        took_s: all of them, of the wall's time.
        pass_at: how often each scenario has to pass; see `Tally.accepted`.
        unrun: scenarios that were not run at all.
    """
    counted = tallies(outcomes)
    by_status = Counter(outcome.status for outcome in outcomes)
    costs = [outcome.cost_usd for outcome in outcomes if outcome.cost_usd is not None]
    suite: dict[str, object] = {
        "schema": SCHEMA_VERSION,
        "totals": {
            "scenarios": len(counted),
            "accepted": sum(tally.accepted(pass_at) for tally in counted),
            "runs": len(outcomes),
            "passed": by_status["passed"],
            "failed": by_status["failed"],
            "error": by_status["error"],
            "flaky": sum(tally.flaky for tally in counted),
            "not_run": len(unrun),
            "duration_s": _rounded(sum(outcome.duration_s for outcome in outcomes), 3),
            "took_s": _rounded(took_s, 3),
            "cost_usd": _rounded(sum(costs), 6) if costs else None,
        },
        "scenarios": [_run(outcome) for outcome in outcomes],
    }
    if unrun:
        suite["not_run"] = [{"id": each.id, "name": each.name, "path": each.path} for each in unrun]
    if any(tally.runs > 1 for tally in counted):
        suite["pass_at"] = pass_at
        suite["repetitions"] = [
            {
                "id": tally.id,
                "path": tally.path,
                "name": tally.name,
                "runs": tally.runs,
                "passed": tally.passed,
                "pass_rate": round(tally.passed / tally.runs, 4),
                "flaky": tally.flaky,
                "accepted": tally.accepted(pass_at),
            }
            for tally in counted
        ]
    return suite


def suite_json(
    outcomes: Sequence[Outcome], *, took_s: float, pass_at: int | None = None, unrun: Sequence[Unrun] = ()
) -> str:
    """Return the same as text, safe for a terminal."""
    suite = suite_object(outcomes, took_s=took_s, pass_at=pass_at, unrun=unrun)
    return printable_json(json.dumps(suite, ensure_ascii=False, indent=2)) + "\n"


def _run(outcome: Outcome) -> dict[str, object]:
    return {
        "id": outcome.id,
        "name": outcome.name,
        "path": outcome.path,
        "variant": dict(outcome.variant),
        "repetition": outcome.repetition,
        "seed": outcome.seed,
        "status": outcome.status,
        "error": outcome.error,
        "error_kind": outcome.error_kind,
        "model": outcome.model,
        "simulated": outcome.simulated,
        "turns": [_turn(turn) for turn in outcome.turns],
        "checks": [_check(check) for check in outcome.checks],
        "warnings": list(outcome.warnings),
        "evidence": outcome.evidence,
        "duration_s": _rounded(outcome.duration_s, 3),
        "took_s": _rounded(outcome.took_s, 3),
        "cost_usd": _rounded(outcome.cost_usd, 6),
    }


def _turn(turn: TurnOutcome) -> dict[str, object]:
    return {
        "number": turn.number,
        "said": turn.said,
        "heard": turn.heard,
        "reply": turn.reply,
        "calls": [_call(call) for call in turn.calls],
        "checks": [_check(check) for check in turn.checks],
        "figures": figures_object(turn.figures),
    }


def figures_object(figures: Figures) -> dict[str, float | None]:
    """Return the figures of a turn by name, rounded to what they are worth."""
    return {
        "first_audio_ms": _rounded(figures.first_audio_ms, 1),
        "complete_ms": _rounded(figures.complete_ms, 1),
        "audio_ms": _rounded(figures.audio_ms, 1),
        "interrupted_ms": _rounded(figures.interrupted_ms, 1),
        "flushed_ms": _rounded(figures.flushed_ms, 1),
        "cost_usd": _rounded(figures.cost_usd, 6),
    }


def _check(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": check.ok,
        "expected": check.expected,
        "got": check.got,
        "measured": _rounded(check.measured, 6),
        "unit": check.unit,
        "at_s": _rounded(check.at_s, 4),
        "late_ms": _rounded(check.late_ms, 1),
    }


def _call(call: CallMade) -> dict[str, object]:
    return {"name": call.name, "args": call.args, "ok": call.ok, "response": call.response}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
