"""The suite as JSON: deterministic but for its times, and safe to print."""

import json
import pickle
from pathlib import Path

from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.report import suite_json, suite_object, tallies
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of
from tests.scenario.outcomes import HOSTILE, broken, failed, outcome, turn

EXAMPLE = Path(__file__).parents[2] / "examples" / "order-status.toml"


def without_measurements(value):
    """The same, with everything left out that README says may differ between runs."""
    match value:
        case dict():
            return {
                name: without_measurements(inner)
                for name, inner in value.items()
                if not name.endswith(("_ms", "_s", "_usd")) and name != "measured"
            }
        case list():
            return [without_measurements(inner) for inner in value]
        case _:
            return value


def test_totals_count_runs_and_scenarios() -> None:
    suite = suite_object([outcome(), failed(), broken()], took_s=1.23456)

    assert suite["schema"] == 1
    assert suite["totals"] == {
        "scenarios": 3, "accepted": 1, "runs": 3, "passed": 1, "failed": 1, "error": 1, "flaky": 0, "not_run": 0,
        "duration_s": 18.6, "took_s": 1.235, "cost_usd": 0.0246,
    }  # fmt: skip
    assert "repetitions" not in suite, "nothing was repeated"


def test_a_run_tells_what_was_expected_and_what_came() -> None:
    _, run = json.loads(suite_json([outcome(), failed()], took_s=1))["scenarios"]

    assert (run["id"], run["path"], run["status"]) == ("slow", "suite/slow.toml", "failed")
    (told,) = run["turns"]
    assert told["figures"]["first_audio_ms"] == 912.3
    assert told["calls"] == [
        {
            "name": "check_order",
            "args": {"order_id": "A-1001"},
            "ok": True,
            "response": {"output": {"status": "shipped"}},
        }
    ]
    assert told["checks"][1] == {
        "name": "first_audio_within_ms", "ok": False, "expected": "at most 500 ms", "got": "", "measured": 912.3,
        "unit": "ms", "at_s": 4.2, "late_ms": None,
    }  # fmt: skip


def test_repetitions_tell_how_often_each_scenario_passed() -> None:
    runs = [outcome("a", repetition=1), failed("a", path="suite/a.toml", repetition=2), outcome("b"), outcome("b")]
    suite = json.loads(suite_json(runs, took_s=1, pass_at=1))

    assert [(each["id"], each["pass_rate"], each["flaky"], each["accepted"]) for each in suite["repetitions"]] == [
        ("a", 0.5, True, True),
        ("b", 1.0, False, True),
    ]
    assert [tally.accepted(None) for tally in tallies(runs)] == [False, True], "without pass_at all have to pass"
    assert [tally.accepted(2) for tally in tallies(runs)] == [False, True]


def test_the_same_id_in_two_files_is_two_scenarios() -> None:
    assert len(tallies([outcome("a", path="x/a.toml"), outcome("a", path="y/a.toml")])) == 2


def test_what_a_model_says_does_not_steer_a_terminal_and_comes_back_whole() -> None:
    text = suite_json([outcome(turns=(turn(reply=HOSTILE),))], took_s=1)

    assert not set("\x1b\u202e\ud800") & set(text)
    text.encode()
    assert json.loads(text)["scenarios"][0]["turns"][0]["reply"] == HOSTILE


async def test_two_runs_of_a_scenario_are_the_same_but_for_their_times() -> None:
    (case,) = cases_of(read_scenario(EXAMPLE))
    held = [(await hold_case(case, Stage(speed=10))).outcome for _ in range(2)]
    held[1] = pickle.loads(pickle.dumps(held[1]))  # as it comes from a worker process
    first, second = (json.loads(suite_json([each], took_s=number)) for number, each in enumerate(held))

    assert json.dumps(without_measurements(first)) == json.dumps(without_measurements(second))
    assert first != second, "times were compared away, not left out by the report"
