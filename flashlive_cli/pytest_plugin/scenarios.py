"""
Scenario files as pytest's: a test for each variant, whose failure says what was expected and what was said.

The conversation is held at the test's set-up and judged in its call. So what could not be carried out (service,
files, tools) is an error of pytest's, and what came out otherwise than expected a failure; JUnit tells them apart, too.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from flashlive_cli.errors import FlashliveError
from flashlive_cli.printable import printable
from flashlive_cli.pytest_plugin import ENDPOINT
from flashlive_cli.scenario.naming import Slugs
from flashlive_cli.scenario.outcome import Outcome
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.selection import read_cases
from flashlive_cli.scenario.spelling import answered_text
from flashlive_cli.scenario.variants import Case

_FIGURES: Final = ("first_audio_ms", "complete_ms", "interrupted_ms", "flushed_ms")


class ScenarioFile(pytest.File):
    """A scenario file."""

    def collect(self) -> "Iterator[ScenarioItem]":
        """Yield its variants, in the order of the matrix."""
        try:
            cases = read_cases([self.path])
        except FlashliveError as exc:
            raise self.CollectError(str(exc)) from exc
        variants = Slugs()
        for case in cases:
            name = self.path.stem.removesuffix(".scenario")  # clock.scenario.toml is `clock`
            if case.variant:
                name += f"-{variants.new('-'.join(case.variant.values()))}"
            yield ScenarioItem.from_parent(self, name=name, case=case)


class ScenarioItem(pytest.Item):
    """One variant of a scenario. Its tags are keywords for `-k`."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self._case = case
        self._outcome: Outcome | None = None
        self.extra_keyword_matches.update(case.scenario.tags, [case.name])
        self.add_marker("flashlive_scenario")

    def setup(self) -> None:
        """Hold the conversation; fails where that could not be done."""
        self._outcome = outcome = self._hold()
        self.user_properties += list(_properties(outcome))
        if outcome.status == "error":
            said = printable(f"{outcome.name}: {outcome.error_kind} error: {outcome.error}")
            pytest.fail(f"{said}\n{_conversation(outcome)}".rstrip(), pytrace=False)

    def runtest(self) -> None:
        """Judge it."""
        outcome = self._outcome
        assert outcome is not None
        if outcome.status != "passed":
            pytest.fail("\n".join([f"{printable(outcome.name)}:", *_reasons(outcome), _conversation(outcome)]), False)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Say where and what this is."""
        return self.path, None, f"scenario {self.name}"

    def _hold(self) -> Outcome:
        endpoint = self.config.stash[ENDPOINT]
        stage = Stage(
            endpoint=endpoint,
            secrets=(endpoint.secret,) if endpoint is not None else (),
            speed=self.config.getoption("flashlive_speed") or 1.0,
            evidence=self.config.getoption("flashlive_evidence"),
        )
        # with a factory, a runner leaves the current event loop of others alone
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(hold_case(self._case, stage)).outcome


def _reasons(outcome: Outcome) -> list[str]:
    return [printable(f"  {reason}") for reason in outcome.reasons]


def _conversation(outcome: Outcome) -> str:
    """Tell what was said and done, for a failure."""
    lines: list[str] = []
    for turn in outcome.turns:
        lines.append(f"turn {turn.number}  said   {turn.said}")
        for what, value in (("heard", turn.heard), ("reply", turn.reply)):
            lines.append(f"        {what}  {value or '(nothing)'}")
        lines += [f"        call   {answered_text(call)}" for call in turn.calls]
    lines += [f"warning: {warning}" for warning in outcome.warnings]
    if outcome.evidence is not None:
        lines.append(f"evidence: {outcome.evidence}")
    return "\n".join(map(printable, lines))


def _properties(outcome: Outcome) -> Iterator[tuple[str, object]]:
    """Yield what JUnit keeps beside a test."""
    for turn in outcome.turns:
        for name in _FIGURES:
            value: float | None = getattr(turn.figures, name)
            if value is not None:
                yield f"turn{turn.number}.{name}", round(value, 1)
    if outcome.cost_usd is not None:
        yield "cost_usd", round(outcome.cost_usd, 6)
    yield "model", outcome.model
    if outcome.evidence is not None:
        yield "evidence", outcome.evidence
