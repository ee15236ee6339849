"""The scenarios under examples/scenarios: all pass on the simulator, and say the same in every run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of
from tests.scenario.speeds import speed_of

SCENARIOS = Path(__file__).parents[2] / "examples" / "scenarios"
FILES = sorted(SCENARIOS.glob("*.toml"))
CASES = [case for path in FILES for case in cases_of(read_scenario(path))]


def test_there_are_thirty_and_each_says_what_it_is_about():
    assert len(FILES) >= 30
    for path in FILES:
        assert path.read_text(encoding="utf-8").startswith("# "), path
    names = [read_scenario(path).name for path in FILES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_it_passes_on_the_simulator_and_says_the_same_again(case):
    outcome = (await hold_case(case, Stage(speed=speed_of(case.scenario)))).outcome
    assert outcome.status == "passed", outcome.reasons
    assert outcome.checks or any(turn.checks for turn in outcome.turns), "it expects something"

    again = (await hold_case(case, Stage(speed=speed_of(case.scenario)))).outcome
    assert timeless(again) == timeless(outcome)


def timeless(outcome: Any) -> str:
    """Return the outcome as JSON, without times."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if not _is_time(key)}
        return list(map(plain, value)) if isinstance(value, list | tuple) else value

    return json.dumps(plain(dataclasses.asdict(outcome)), sort_keys=True)


def _is_time(key: str) -> bool:
    return key.endswith(("_ms", "_s")) or key == "measured"
