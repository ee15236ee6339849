"""A run of scenarios held: read, handed to the workers, shown, and written down."""

import os
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer

from flashlive_cli.cli.exits import FAILED, KILLED_BY, SERVICE, USAGE
from flashlive_cli.cli.service import check_far_end, find_service, secrets_with
from flashlive_cli.cli.settings import read_settings
from flashlive_cli.cli.signals import interrupted_by
from flashlive_cli.config import Config
from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.private import open_private, save_private
from flashlive_cli.protocol.families import find_model
from flashlive_cli.protocol.voices import find_voice
from flashlive_cli.recording.folder import find_sessions, is_session
from flashlive_cli.scenario.clips import warnings_about
from flashlive_cli.scenario.junit import junit_xml
from flashlive_cli.scenario.opening import open_named
from flashlive_cli.scenario.outcome import Outcome
from flashlive_cli.scenario.page import write_html
from flashlive_cli.scenario.report import Unrun, suite_json
from flashlive_cli.scenario.run import Progress, Stage
from flashlive_cli.scenario.selection import find_files, parse_shard, read_cases, select
from flashlive_cli.scenario.suite import Plan, Result, Verdict, run_suite
from flashlive_cli.scenario.updating import update_scenario
from flashlive_cli.scenario.variants import Case
from flashlive_cli.scenario.worker import Job
from flashlive_cli.ui.suite import Row, Status, SuiteScreen, show_table

HEADS: Final = ("turns", "talked", "first audio", "cost")
"""Of the table; the first audio is the median of all turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `flashlive test` was asked for; see its options."""

    paths: Sequence[Path]
    sim: bool
    url: str | None
    jobs: int | None
    speed: float | None
    repeat: int
    pass_at: int
    words: str | None
    shard: str
    fail_fast: bool
    max_cost: float | None
    seed: int
    model: str | None
    voice: str | None
    dry_run: bool
    junit: Path | None
    html: Path | None
    evidence: Path | None
    as_json: bool
    update_from: Path | None
    config: Path | None
    profile: str | None


def hold_suite(asked: Asked) -> int:
    """
    Run what is asked for, and return the exit code.

    Raises:
        ConfigError: options do not go together, or a scenario is written wrongly.
        FileError: a file cannot be read.
    """
    flags = {"url": asked.url, "model": asked.model, "voice": asked.voice}
    settings = read_settings(flags, asked.config, asked.profile).config
    _check(asked)
    if asked.update_from is not None:
        return _update(asked, asked.update_from)
    files = find_files(asked.paths)
    shard = parse_shard(asked.shard)
    named = select(read_cases(files, open_named if asked.dry_run else None), words=asked.words)
    if not named:
        raise ConfigError(f"no scenario is left to run: none fits -k {asked.words!r}")
    chosen = select(named, shard=shard)
    stage = _stage(asked, settings)
    if asked.dry_run:
        return _list(chosen)
    _prepare_targets(asked, [path for case in named for path in case.written.files])
    began, began_s = datetime.now(UTC), time.perf_counter()
    plan = Plan(
        cases=chosen,
        stage=stage,
        jobs=asked.jobs or (os.cpu_count() or 1 if asked.sim else 1),
        repeat=asked.repeat,
        pass_at=asked.pass_at,
        fail_fast=asked.fail_fast,
        max_cost_usd=asked.max_cost,
        draw=asked.html is not None or asked.evidence is not None,
    )
    with interrupted_by("SIGINT", "SIGTERM", "SIGHUP") as ended_by:  # what there is by then is reported
        with SuiteScreen(sys.stderr, len(chosen) * asked.repeat, live=sys.stderr.isatty()) as screen:
            result = run_suite(plan, _Audience(screen))
        if ended_by and ended_by[0] != signal.SIGINT:
            result.stopped = signal.Signals(ended_by[0]).name
        _report(asked, result, began=began, took_s=time.perf_counter() - began_s)
    if result.interrupted:
        return KILLED_BY + (ended_by[0] if ended_by else signal.SIGINT)
    return _code(result)


def _report(asked: Asked, result: Result, *, began: datetime, took_s: float) -> None:
    """
    Show what it came to, and write the files that were asked for.

    Raises:
        FileError: one of them cannot be written.
    """
    outcomes = [run.outcome for run in result.runs]
    if asked.as_json:
        typer.echo(suite_json(outcomes, took_s=took_s, pass_at=asked.pass_at, unrun=_unrun(result)), nl=False)
        typer.echo(_summary(result), err=True)
    else:
        show_table(sys.stdout, HEADS, [_row(verdict) for verdict in result.verdicts])
        typer.echo(_summary(result))
    _write(asked, result, began=began, took_s=took_s)


def _update(asked: Asked, recording: Path) -> int:
    """Take over what a recording has, into the one scenario that is named."""
    if len(asked.paths) != 1 or not asked.paths[0].is_file():
        raise ConfigError("--update-from goes with one scenario file")
    if not is_session(recording) and len(inside := find_sessions(recording)) == 1:
        recording = inside[0]  # all the evidence there is
    changes = update_scenario(asked.paths[0], recording)
    for change in changes or ["nothing has changed"]:
        typer.echo(printable(change))
    return 0


def _prepare_targets(asked: Asked, read: Sequence[Path]) -> None:
    """
    See that the reports can be written, before hours and money are spent on what they tell.

    Raises:
        ConfigError: one would overwrite another, or what was read.
        FileError: one cannot be written.
    """
    taken = {path.resolve(): str(path) for path in read}
    for option, target in (("--junit", asked.junit), ("--html", asked.html), ("--evidence", asked.evidence)):
        if target is None:
            continue
        if str(target) == "-":
            raise ConfigError(
                f"{option} - would be a file of that name; stdout has the table, or with --json the report"
            )
        if other := taken.get(target.resolve()):
            raise ConfigError(f"{option} {target} would overwrite {other}")
        taken[target.resolve()] = option
        if option == "--evidence":
            _make_folder(target)
        else:
            _make_room(target)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as exc:
        reason = "it is no folder" if isinstance(exc, FileExistsError) else reason_of(exc)
        raise FileError(printable(f"{path}: cannot hold evidence: {reason}")) from exc


def _make_room(path: Path) -> None:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        os.close(open_private(path, os.O_APPEND))
    except FileExistsError as exc:
        raise FileError(printable(f"{path}: cannot be written: {path.parent} is no folder")) from exc
    except (OSError, ValueError) as exc:
        raise FileError(printable(f"{path}: cannot be written: {reason_of(exc)}")) from exc


def _write(asked: Asked, result: Result, *, began: datetime, took_s: float) -> None:
    """
    Write the files that were asked for.

    Raises:
        FileError: one of them cannot be written.
    """
    if asked.html is not None:
        timelines = [run.timeline for run in result.runs if run.timeline is not None]
        write_html(asked.html, timelines, took_s=took_s, pass_at=asked.pass_at)
    if asked.junit is not None:
        outcomes = [run.outcome for run in result.runs]
        text = junit_xml(outcomes, took_s=took_s, pass_at=asked.pass_at, began=began, unrun=_unrun(result))
        save_private(asked.junit, text)


def _unrun(result: Result) -> list[Unrun]:
    cases = [verdict.case for verdict in result.verdicts if not verdict.runs]
    return [Unrun(case.id, case.name, str(case.written.path)) for case in cases]


def _check(asked: Asked) -> None:
    if asked.pass_at > asked.repeat:
        raise ConfigError(f"--pass-at {asked.pass_at} goes with --repeat of at least as many")
    check_far_end(sim=asked.sim, url=asked.url, speed=asked.speed or 1.0)


def _stage(asked: Asked, settings: Config) -> Stage:
    find_model(settings.model)
    endpoint = None if asked.sim or asked.dry_run else find_service(settings, instead="test against --sim")
    return Stage(
        endpoint=endpoint,
        secrets=secrets_with(endpoint),
        speed=asked.speed or 1.0,
        model=settings.model,
        voice=find_voice(settings.voice) if settings.voice else None,
        prices=settings.prices,
        evidence=asked.evidence,
        seed=asked.seed,
    )


def _list(cases: Sequence[Case]) -> int:
    """List what would be run, and warn of sound that would be said as it is."""
    for case in cases:
        n_turns = len(case.scenario.turn)
        told = f"{case.written.path}: {case.name} ({n_turns} turn{'s' if n_turns > 1 else ''})"
        typer.echo(printable("; ".join([told, *_notes(case)])))
    for warning in warnings_about({case.written.path: case.written.scenario for case in cases}.values()):
        typer.echo(printable(f"flashlive: warning: {warning}"), err=True)
    return 0


def _notes(case: Case) -> list[str]:
    """Return what is to be said of a scenario that is no mistake."""
    return (
        ["checks nothing: no turn has [turn.expect], and there is no [expect]"] if case.scenario.checks_nothing else []
    )


class _Audience:
    """Tells the screen; see `suite.Audience`."""

    def __init__(self, screen: SuiteScreen) -> None:
        self._screen = screen

    def started(self, job: Job) -> None:
        self._screen.started(_key(job), _named(job), len(job.case.scenario.turn))

    def advanced(self, job: Job, progress: Progress) -> None:
        self._screen.advanced(_key(job), progress.turn)

    def finished(self, job: Job, outcome: Outcome) -> None:
        self._screen.finished(_key(job), outcome.status, _named(job), outcome.took_s)


def _key(job: Job) -> tuple[str, int]:
    return job.case.id, job.repetition


def _named(job: Job) -> str:
    return job.case.name if job.repetition == 1 else f"{job.case.name} #{job.repetition}"


def _status(verdict: Verdict) -> Status:
    if not verdict.outcomes:
        return "not run"
    errors = any(outcome.status == "error" for outcome in verdict.outcomes)
    return "passed" if verdict.passed else "error" if errors else "failed"


def _row(verdict: Verdict) -> Row:
    outcomes = verdict.outcomes
    reasons: list[str] = []
    for outcome in outcomes:
        mark = f"#{outcome.repetition} " if verdict.repeat > 1 else ""
        reasons += [f"{mark}{reason}" for reason in outcome.reasons]
    latencies = [
        turn.figures.first_audio_ms
        for outcome in outcomes
        for turn in outcome.turns
        if turn.figures.first_audio_ms is not None
    ]
    costs = [outcome.cost_usd for outcome in outcomes if outcome.cost_usd is not None]
    figures = (
        str(len(verdict.case.scenario.turn)),
        f"{sum(outcome.duration_s for outcome in outcomes):.1f} s" if outcomes else "",
        f"{statistics.median(latencies):.0f} ms" if latencies else "",
        f"${sum(costs):.4f}" if costs else "",
    )
    warnings = dict.fromkeys(warning for outcome in outcomes for warning in outcome.warnings)
    notes = [*_notes(verdict.case), *(f"warning: {warning}" for warning in warnings)]
    runs = f"{verdict.tally.passed}/{len(outcomes)}" if verdict.repeat > 1 else ""
    return Row(_status(verdict), verdict.case.name, runs, figures, reasons, notes)


def _summary(result: Result) -> str:
    counts = {
        "passed": sum(verdict.passed for verdict in result.verdicts),
        "failed": sum(_status(verdict) == "failed" for verdict in result.verdicts),
        "errors": sum(_status(verdict) == "error" for verdict in result.verdicts),
        "not run": sum(not verdict.outcomes for verdict in result.verdicts),
        "flaky": sum(verdict.tally.flaky for verdict in result.verdicts),
    }
    told = [f"{number} {name}" for name, number in counts.items() if number] or ["nothing to run"]
    why = f"; stopped by {result.stopped}" if result.stopped else ""
    return ", ".join(told) + why


def _code(result: Result) -> int:
    kinds = {
        outcome.error_kind if outcome.status == "error" else "failed"
        for verdict in result.verdicts
        if not verdict.passed
        for outcome in verdict.outcomes
        if outcome.status != "passed"
    }
    if not kinds and all(verdict.passed for verdict in result.verdicts):
        return 0
    if kinds == {"service"}:
        return SERVICE
    return USAGE if kinds == {"usage"} else FAILED
