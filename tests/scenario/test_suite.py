"""Many scenarios in processes of their own: shares, filters, repetitions, and processes that die."""

import wave
from pathlib import Path

import pytest

from flashlive_cli.errors import ConfigError, FileError
from flashlive_cli.protocol.families import DEFAULT_MODEL
from flashlive_cli.scenario.run import Stage
from flashlive_cli.scenario.selection import find_files, parse_shard, read_cases, select
from flashlive_cli.scenario.suite import Plan, run_suite

SPEED = 20


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def typed(reply: str, wanted: str, **more: str) -> str:
    tops = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'{tops}[[turn]]\ntext = "hello"\n[turn.expect]\nreply = "{wanted}"\n[turn.sim]\nreply = "{reply}"\n'


class Told:
    """Keeps what an audience is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, job):
        self.lines.append(f"started {job.case.id} {job.repetition}")

    def advanced(self, job, progress):
        self.lines.append(f"{job.case.id} {progress.turn}/{progress.turns}")

    def finished(self, job, outcome):
        self.lines.append(f"{outcome.status} {job.case.id} {job.repetition}")


def run(cases, told=None, **more):
    return run_suite(Plan(cases=cases, stage=Stage(speed=SPEED), **more), told or Told())


def test_each_has_a_verdict_in_the_order_given_whatever_finishes_first(tmp_path) -> None:
    slow = typed("good", "good") + "delay_ms = 9000\n"
    write(tmp_path, "a", slow)
    write(tmp_path, "b", typed("good", "bad"))
    told = Told()
    result = run(read_cases(find_files([tmp_path])), told, jobs=2)

    assert [(verdict.case.id, verdict.passed) for verdict in result.verdicts] == [("a", True), ("b", False)]
    assert told.lines.count("a 1/1") == 1
    assert told.lines.index("failed b 1") < told.lines.index("passed a 1")
    assert set(told.lines) >= {"started a 1", "started b 1", "passed a 1", "failed b 1"}


def test_of_repetitions_enough_have_to_pass(tmp_path) -> None:
    cases = read_cases([write(tmp_path, "a", typed("good", "good"))])
    (verdict,) = run(cases, repeat=3, pass_at=2, jobs=2).verdicts

    assert [outcome.repetition for outcome in verdict.outcomes] == [1, 2, 3]
    assert verdict.tally.passed == 3
    assert not verdict.tally.flaky


def test_fail_fast_hands_out_nothing_more(tmp_path) -> None:
    for name in "abc":
        write(tmp_path, name, typed("good", "bad"))
    result = run(read_cases(find_files([tmp_path])), fail_fast=True)

    assert [len(verdict.outcomes) for verdict in result.verdicts] == [1, 0, 0]
    assert result.stopped == "--fail-fast"


def test_what_fails_last_has_stopped_nothing(tmp_path) -> None:
    result = run(read_cases([write(tmp_path, "a", typed("good", "bad"))]), fail_fast=True)

    assert not result.verdicts[0].passed
    assert result.stopped is None


def test_a_limit_of_money_hands_out_nothing_more(tmp_path) -> None:
    for name in "abc":
        write(tmp_path, name, typed("good", "good"))
    result = run(read_cases(find_files([tmp_path])), max_cost_usd=1e-9)

    assert [len(verdict.outcomes) for verdict in result.verdicts] == [1, 0, 0]
    assert result.stopped == "--max-cost 1e-09"


def test_a_process_that_dies_is_an_outcome_and_the_others_go_on(tmp_path) -> None:
    (tmp_path / "tools.py").write_text(
        'import os\n\ndef crash() -> str:\n    """Crash."""\n    os._exit(7)\n', encoding="utf-8"
    )
    calls = typed("x", "x", tools='"tools.py"') + 'calls = [{ name = "crash", args = {} }]\n'
    write(tmp_path, "a", calls)
    write(tmp_path, "b", typed("good", "good"))
    stage = Stage(speed=SPEED, seed=5)
    first, second = run_suite(Plan(cases=read_cases(find_files([tmp_path])), stage=stage), Told()).verdicts

    (died,) = first.outcomes
    assert died.error == "its process died (exit code 7); did a tool end it?"
    assert died.error_kind == "unexpected"
    assert (died.simulated, died.seed, died.model) == (True, 5, DEFAULT_MODEL)
    assert second.passed


def test_tools_start_afresh_in_each_run(tmp_path) -> None:
    (tmp_path / "tools.py").write_text(
        'seen = []\n\ndef count() -> int:\n    """Count."""\n    seen.append(1)\n    return len(seen)\n',
        encoding="utf-8",
    )
    once = typed("it is {result}", "it is 1", tools='"tools.py"') + 'calls = [{ name = "count", args = {} }]\n'
    cases = read_cases([write(tmp_path, "a", once)])
    (verdict,) = run(cases, repeat=3, pass_at=3).verdicts

    assert verdict.passed, [outcome.reasons for outcome in verdict.outcomes]


def test_every_case_is_in_exactly_one_share(tmp_path) -> None:
    cases = read_cases([write(tmp_path, f"{number:02}", typed("a", "a")) for number in range(10)])
    shares = [select(cases, shard=(index, 3)) for index in (1, 2, 3)]

    assert sorted(case.id for share in shares for case in share) == [case.id for case in cases]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/", "-1/2", "1/99999"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected I/N"):
        parse_shard(text)


def test_a_filter_looks_at_names_and_tags_in_any_letter_case(tmp_path) -> None:
    write(tmp_path, "one", typed("a", "a", name='"Order status"', tags='["smoke"]'))
    write(tmp_path, "two", typed("a", "a", name='"Barge in"'))
    cases = read_cases(find_files([tmp_path]))

    assert [case.id for case in select(cases, words="ORDER")] == ["one"]
    assert [case.id for case in select(cases, words="smoke status")] == ["one"]
    assert [case.id for case in select(cases, words="not smoke")] == ["two"]
    assert select(cases, words="smoke not order") == []


def test_scenarios_of_one_name_in_two_folders_are_told_apart(tmp_path) -> None:
    write(tmp_path / "x", "a", typed("a", "a"))
    write(tmp_path / "y", "a", typed("a", "a"))
    ids = [case.id for case in read_cases(find_files([tmp_path]))]

    assert ids == ["x-a", "y-a"]


def test_scenarios_that_only_letter_case_tells_apart_have_folders_of_their_own(tmp_path) -> None:
    files = [write(tmp_path / "x", "Order", typed("a", "a")), write(tmp_path / "y", "order", typed("a", "a"))]

    assert [case.id for case in read_cases(files)] == ["x-Order", "y-order"]


def test_scenarios_whose_folders_have_no_name_that_every_system_takes_are_numbered(tmp_path) -> None:
    files = [write(tmp_path / folder, "a", typed("a", "a")) for folder in ("\u65e5", "\u672c", "c")]
    first, second, third = (case.id for case in read_cases(files))

    assert third == "c-a"
    assert second == f"{first}-2"


def test_folders_leave_out_what_is_for_others_to_include(tmp_path) -> None:
    write(tmp_path, "_common", typed("a", "a"))
    write(tmp_path / "_more", "b", typed("a", "a"))
    wanted = write(tmp_path, "a", typed("a", "a"))

    assert find_files([tmp_path, wanted]) == [wanted]
    with pytest.raises(FileError, match="no scenario"):
        find_files([tmp_path / "_more"] if not (tmp_path / "_more" / "b.toml").unlink() else [])
    with pytest.raises(FileError, match="no such file"):
        find_files([tmp_path / "nix.toml"])


def test_what_never_comes_to_an_end_is_killed_and_the_others_go_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("flashlive_cli.scenario.worker._GRACE_S", 6.0)
    write(tmp_path, "a", typed("a" * 40 + "!", "(a+)+$", max_duration_s="20.0"))
    write(tmp_path, "b", typed("good", "good"))
    first, second = run(read_cases(find_files([tmp_path]))).verdicts

    (hung,) = first.outcomes
    assert (hung.status, hung.error_kind) == ("error", "unexpected")
    assert "did not come to an end" in str(hung.error)
    assert second.passed


def test_the_key_is_in_no_report_whatever_a_tool_answers(tmp_path) -> None:
    from flashlive_cli.scenario.page import page_of
    from flashlive_cli.scenario.report import suite_json

    (tmp_path / "tools.py").write_text(
        'def leak() -> str:\n    """Leak."""\n    return "key=AIza-secret"\n', encoding="utf-8"
    )
    leaks = typed("it is {result}", "it is", tools='"tools.py"') + 'calls = [{ name = "leak", args = {} }]\n'
    cases = read_cases([write(tmp_path, "a", leaks)])
    stage = Stage(speed=SPEED, secrets=("AIza-secret",), evidence=tmp_path / "evidence")
    result = run_suite(Plan(cases=cases, stage=stage, draw=True), Told())

    (done,) = result.runs
    assert done.timeline is not None
    told = suite_json([done.outcome], took_s=1.0) + page_of([done.timeline], folder=tmp_path, took_s=1.0)
    assert "(the key)" in told
    assert "AIza-secret" not in told
    kept = [path.read_bytes() for path in (tmp_path / "evidence").rglob("*") if path.is_file()]
    assert not [each for each in kept if b"AIza-secret" in each]


def test_an_agent_that_is_mute_has_failed_and_is_no_fault_of_the_line(tmp_path) -> None:
    with wave.open(str(tmp_path / "silence.wav"), "wb") as silence:
        silence.setparams((1, 2, 16_000, 0, "NONE", ""))
        silence.writeframes(bytes(32_000))
    (verdict,) = run(read_cases([write(tmp_path, "a", '[[turn]]\nsay = "silence.wav"\n')])).verdicts

    (outcome,) = verdict.outcomes
    assert (outcome.status, outcome.error) == ("failed", None)
    assert outcome.reasons == ("answer: expected a whole answer to any turn, got none",)
