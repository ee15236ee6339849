"""A limit that was missed where the machine was late: that is said, and nothing where it was not the reason."""

import json
from pathlib import Path

import pytest

from flashlive_cli.scenario.course import TurnCourse
from flashlive_cli.scenario.expecting import Expect
from flashlive_cli.scenario.junit import junit_xml
from flashlive_cli.scenario.lateness import Lateness, told_of_lateness
from flashlive_cli.scenario.outcome import Check
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.report import suite_json
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of

SPEED = 4
BLOCKED_S = 0.4


def late_by(ms: float, at_s: float = 10.0) -> Lateness:
    """A run in which one chunk, due at a time, was read so late."""
    lateness = Lateness()
    lateness.paced(at_s - 1, at_s - 0.99)
    lateness.paced(at_s, at_s + ms / 1000)
    lateness.paced(at_s + 1, at_s + 1.01)
    return lateness


def judged(lateness: Lateness, measured: float | None, *, ok: bool = False, limit: int = 500, simulated: bool = True):
    """A limit on the first sound of an answer to what ended at 9.9 s."""
    course = TurnCourse(9.0, asked_until_s=9.9, answered_from_s=9.9 + (measured or 0) / 1000)
    check = Check("first_audio_within_ms", ok, f"at most {limit} ms", "", measured=measured, unit="ms", at_s=10.8)
    (told,) = told_of_lateness([check], Expect(first_audio_within_ms=limit), course, lateness, simulated=simulated)
    return check, told


def test_a_missed_limit_tells_how_late_the_machine_was() -> None:
    check, told = judged(late_by(85), 560.0)

    assert told.late_ms == pytest.approx(85)
    assert told.note == "the machine was up to 85 ms late: try a lower --speed or fewer -j"
    assert told.sentence == f"{check.sentence}; {told.note}"


def test_the_service_runs_at_one_speed_only() -> None:
    assert judged(late_by(85), 560.0, simulated=False)[1].note == "the machine was up to 85 ms late: try fewer -j"


@pytest.mark.parametrize(
    ("lateness", "measured", "ok", "limit"),
    [
        pytest.param(late_by(85), 490.0, True, 500, id="the limit was met"),
        pytest.param(late_by(19), 60.0, False, 50, id="less than a chunk"),
        pytest.param(late_by(85), 1010.0, False, 1000, id="less than a tenth of the limit"),
        pytest.param(late_by(85), 960.0, False, 500, id="missed by more than that can be the reason of"),
        pytest.param(late_by(85, at_s=9.7), 560.0, False, 500, id="it was over before"),
        pytest.param(late_by(85, at_s=10.5), 560.0, False, 500, id="it came afterwards"),
        pytest.param(late_by(85), None, False, 500, id="there was no answer"),
    ],
)
def test_nothing_is_said_where_it_is_not_the_reason(lateness, measured, ok, limit) -> None:
    check, told = judged(lateness, measured, ok=ok, limit=limit)

    assert told == check


def test_what_is_no_limit_of_time_is_left_alone() -> None:
    checks = [Check("reply", False, "/yes/", "'no'", at_s=10.1)]

    assert list(told_of_lateness(checks, Expect(), TurnCourse(9.0), late_by(900), simulated=True)) == checks


def test_the_worst_is_told_of_all_that_was_waited_for_meanwhile() -> None:
    lateness = Lateness()
    for due_s, late_s in ((1.0, 0.3), (1.02, 0.4), (2.0, 0.1), (3.0, 0.2)):
        lateness.paced(due_s, due_s + late_s)

    assert lateness.worst_ms(1.35, 2.5) == pytest.approx(400), "it was due before, and read within"
    assert lateness.worst_ms(1.5, 2.5) == pytest.approx(100)
    assert lateness.worst_ms(2.2, 3.01) == pytest.approx(200), "it was due within, and read afterwards"
    assert lateness.worst_ms(3.3, 9.0) == 0


async def test_a_run_whose_loop_is_held_up_tells_so_everywhere(tmp_path: Path) -> None:
    """A tool that keeps the event loop to itself stands for a machine that is busy elsewhere."""
    (tmp_path / "tools.py").write_text(
        f'import time\n\n\nasync def look_up() -> str:\n    """Look."""\n    time.sleep({BLOCKED_S})\n    return "x"\n'
    )
    path = tmp_path / "busy.toml"
    path.write_text(
        'tools = "tools.py"\n[[turn]]\ntext = "look"\n[turn.expect]\nfirst_audio_within_ms = 100\n'
        '[turn.sim]\ncalls = [{ name = "look_up" }]\nreply = "It is x."\n'
    )
    (case,) = cases_of(read_scenario(path))
    outcome = (await hold_case(case, Stage(speed=SPEED))).outcome

    (check,) = outcome.turns[0].checks
    assert not check.ok
    assert check.late_ms is not None
    assert check.late_ms >= 1000 * (BLOCKED_S * SPEED - 0.02), "in the conversation's time, but for one chunk"
    note = f"the machine was up to {check.late_ms:.0f} ms late: try a lower --speed or fewer -j"
    assert outcome.reasons[0].endswith(note)
    assert note in junit_xml([outcome], took_s=1)
    (told,) = json.loads(suite_json([outcome], took_s=1))["scenarios"][0]["turns"][0]["checks"]
    assert told["late_ms"] == round(check.late_ms, 1)
