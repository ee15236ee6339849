"""Scenarios held against the simulator, over a real WebSocket: what they find, and that they can fail."""

import json
from pathlib import Path

from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of

EXAMPLES = Path(__file__).parents[2] / "examples"
SPEED = 4


async def hold(path: Path):
    (case,) = cases_of(read_scenario(path))
    return (await hold_case(case, Stage(speed=SPEED))).outcome


async def test_the_example_passes() -> None:
    outcome = await hold(EXAMPLES / "order-status.toml")

    assert outcome.status == "passed", outcome.reasons
    (turn,) = outcome.turns
    assert [check.name for check in turn.checks] == ["heard", "reply", "calls", "first_audio_within_ms"]
    assert turn.calls[0].args == {"order_id": "A-1001"}


async def test_a_barge_in_is_anchored_to_what_is_heard_and_measured(tmp_path) -> None:
    path = tmp_path / "stop.toml"
    path.write_text(
        f"""
[[turn]]
text = "Tell me a long story"
[[turn]]
say = "{(EXAMPLES / "where-is-my-order.wav").as_posix()}"
after = {{ event = "reply.first_sample", ms = 800 }}
[turn.expect]
interrupted = true
interrupted_within_ms = 1000
flushed_within_ms = 300
reply = "second"
[turn.sim]
reply = "the second answer"
[[turn]]
silence_ms = 1500
[turn.expect]
silence = true
""",
        encoding="utf-8",
    )
    outcome = await hold(path)

    assert outcome.status == "passed", outcome.reasons
    assert outcome.turns[0].figures.complete_ms is None, "it was cut"
    assert outcome.turns[1].figures.interrupted_ms is not None


async def test_a_clip_that_is_cut_short_is_warned_of_once_as_it_is_said(tmp_path) -> None:
    (tmp_path / "cut.wav").write_bytes((EXAMPLES / "where-is-my-order.wav").read_bytes()[:-4000])
    path = tmp_path / "cut.toml"
    path.write_text("[expect]\nno_warnings = true\n" + 2 * '[[turn]]\nsay = "cut.wav"\n', encoding="utf-8")
    (case,) = cases_of(read_scenario(path))
    outcome = (await hold_case(case, Stage(speed=SPEED, evidence=tmp_path / "evidence"))).outcome

    (warning,) = outcome.warnings
    assert "cut.wav: is cut short" in warning
    (missed,) = outcome.reasons
    assert missed.startswith("no_warnings: expected no warning, got ")
    lines = map(json.loads, (tmp_path / "evidence" / "cut" / "events.ndjson").read_text(encoding="utf-8").splitlines())
    types = [line["type"] for line in lines if line["type"] in {"session.ready", "warning", "reply.started"}]
    assert types[:3] == ["session.ready", "warning", "reply.started"]
    assert types.count("warning") == 1


async def test_a_call_that_the_service_would_never_make_is_a_warning(tmp_path) -> None:
    path = tmp_path / "undeclared.toml"
    path.write_text('[[turn]]\ntext = "Hello"\n[turn.sim]\ncalls = [{ name = "f" }]\n[expect]\nno_warnings = true\n')
    outcome = await hold(path)

    assert outcome.status == "failed"
    (warning,) = outcome.warnings
    assert "calls f, which the client has not declared" in warning
