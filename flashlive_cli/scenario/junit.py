"""
A suite as JUnit XML, for CI systems: `flashlive test --junit FILE`. Pure.

There was never a standard; this keeps to what the schema of Jenkins (`junit-10.xsd`) allows, which GitLab, GitHub
actions and others read too. A repetition that failed while its scenario passed often enough is a `flakyFailure`,
Surefire's word: the testcase passes, and the reason is kept.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Final
from xml.etree import ElementTree as ET

from flashlive_cli.printable import printable
from flashlive_cli.scenario.outcome import Outcome, TurnOutcome
from flashlive_cli.scenario.report import Unrun, figures_object, tallies
from flashlive_cli.scenario.spelling import answered_text

_NAME: Final = "flashlive test"
_LONGEST_MESSAGE: Final = 300
"""Characters; lists of failures show the message alone."""


def junit_xml(
    outcomes: Sequence[Outcome],
    *,
    took_s: float,
    pass_at: int | None = None,
    began: datetime | None = None,
    unrun: Sequence[Unrun] = (),
) -> str:
    """
    Return a suite as an XML document.

    Args:
        outcomes: of all runs, in the order of the suite.
        took_s: all of them, of the wall's time.
        pass_at: how often each scenario has to pass; see `report.Tally.accepted`.
        began: when, for `timestamp`; left out where None.
        unrun: scenarios that were not run at all: skipped, in the words of this format.
    """
    counted = {(tally.path, tally.id): tally for tally in tallies(outcomes)}
    suite = ET.Element("testsuite", {"name": _NAME, "tests": str(len(outcomes) + len(unrun))})
    n_failures = n_errors = 0
    for outcome in outcomes:
        tally = counted[outcome.path, outcome.id]
        case = ET.SubElement(suite, "testcase", _identity(outcome, repeated=tally.runs > 1))
        _add_properties(case, outcome)
        if outcome.status != "passed":
            accepted = tally.accepted(pass_at)
            n_errors += outcome.status == "error" and not accepted
            n_failures += outcome.status == "failed" and not accepted
            _add_complaint(case, outcome, accepted=accepted)
        if outcome.warnings:
            ET.SubElement(case, "system-out").text = _clean("\n".join(f"warning: {each}" for each in outcome.warnings))
    for each in unrun:
        names = {"classname": _clean(_classname(each.path)), "name": _line(each.name), "time": _seconds(0.0)}
        ET.SubElement(ET.SubElement(suite, "testcase", names), "skipped", {"message": "not run: the suite was stopped"})
    suite.set("failures", str(n_failures))
    suite.set("errors", str(n_errors))
    suite.set("skipped", str(len(unrun)))
    suite.set("time", _seconds(took_s))
    if began is not None:
        suite.set("timestamp", began.isoformat(timespec="seconds"))
    root = ET.Element("testsuites", {name: suite.attrib[name] for name in ("name", "tests", "failures", "errors")})
    root.set("time", _seconds(took_s))
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _identity(outcome: Outcome, *, repeated: bool) -> dict[str, str]:
    name = f"{outcome.name} #{outcome.repetition}" if repeated else outcome.name
    return {"classname": _clean(_classname(outcome.path)), "name": _line(name), "time": _seconds(outcome.took_s)}


def _classname(path: str) -> str:
    """Return a file as a dotted name: systems show what stands before the last dot as a folder."""
    pure = PurePath(path).with_suffix("") if PurePath(path).name else PurePath(path)
    parts = [part.replace(".", "_") for part in pure.parts if part not in {pure.anchor, ".", ".."}]
    return ".".join(parts) or "scenario"


def _add_properties(case: ET.Element, outcome: Outcome) -> None:
    found: dict[str, object] = {
        "id": outcome.id,
        "file": outcome.path,
        **{f"variant.{axis}": value for axis, value in outcome.variant.items()},
        "repetition": outcome.repetition,
        "seed": outcome.seed,
        "model": outcome.model,
        "duration_s": _seconds(outcome.duration_s),
        "cost_usd": None if outcome.cost_usd is None else f"{outcome.cost_usd:.6f}",
        "evidence": outcome.evidence,
    }
    for turn in outcome.turns:
        figures = figures_object(turn.figures)
        figures.pop("cost_usd")
        found |= {f"turn{turn.number}.{name}": value for name, value in figures.items()}
    properties = ET.SubElement(case, "properties")
    for name, value in found.items():
        if value is not None:
            ET.SubElement(properties, "property", {"name": _line(name), "value": _line(str(value))})


def _add_complaint(case: ET.Element, outcome: Outcome, *, accepted: bool) -> None:
    errored = outcome.status == "error"
    kind = outcome.error_kind or "unexpected" if errored else "expectation"
    tag = {(False, False): "failure", (True, False): "error", (False, True): "flakyFailure", (True, True): "flakyError"}
    reasons = outcome.reasons or ("no reason is known",)
    message = _line(reasons[0])
    message = message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…"
    if len(reasons) > 1:
        message += f" (and {len(reasons) - 1} more)"
    complaint = ET.SubElement(case, tag[errored, accepted], {"message": message, "type": kind})
    lines = [*map(_line, reasons), ""]
    for turn in outcome.turns:
        lines += _told(turn)
    if outcome.evidence is not None:
        lines.append(f"evidence: {_line(outcome.evidence)}")
    complaint.text = "\n".join(lines).rstrip() + "\n"


def _told(turn: TurnOutcome) -> list[str]:
    lines = [f"turn {turn.number}: {_line(turn.said)}"]
    lines += [f"  heard: {_line(turn.heard)}"] if turn.heard else []
    lines += [f"  called: {_line(answered_text(call))}" for call in turn.calls]
    lines += [f"  reply: {_line(turn.reply)}"] if turn.reply else []
    return lines


def _seconds(seconds: float) -> str:
    return f"{max(0.0, seconds):.3f}"


def _line(text: str) -> str:
    return _clean(text.replace("\n", " "))


def _clean(text: str) -> str:
    """Leave out what XML cannot say, and spell what would steer a terminal that shows it."""
    return "".join(char for char in printable(text, keep_newlines=True) if (ord(char) & 0xFFFE) != 0xFFFE)
