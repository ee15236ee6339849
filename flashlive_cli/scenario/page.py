"""
Runs as one HTML file that needs nothing else: no network, no fonts, no scripts of others; see `page/`.

Its policy lets run the one script that is ours, known by its hash, so that no word of a model, a tool or a file name
can become another; and the script puts words into the page as text only. Sound comes from the recording beside the
page, or is in it; images are in it, small.
"""

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from flashlive_cli.printable import printable
from flashlive_cli.private import save_private
from flashlive_cli.recording.folder import SOUND
from flashlive_cli.scenario.outcome import Check, TurnOutcome
from flashlive_cli.scenario.report import figures_object, tallies
from flashlive_cli.scenario.timeline import Timeline
from flashlive_cli.scenario.waveform import Outline

NAME: Final = "timeline.html"
"""Of the page of one run, in its evidence."""

_SCRIPTS: Final = ("words.js", "chart.js", "lanes.js", "run.js", "table.js", "main.js")
_MOST_SOUND_BYTES: Final = 24 * 2**20
"""Of all sound in one page; runs that did not pass come first."""
_MOST_PICTURE_BYTES: Final = 8 * 2**20
"""Of all images in one page, each counted once; likewise."""


def write_html(path: Path, timelines: Sequence[Timeline], *, took_s: float, pass_at: int | None = None) -> None:
    """
    Write a page about runs.

    Args:
        path: of the file; its folder is made if missing.
        timelines: of all runs, in the order of the suite.
        took_s: all of them, of the wall's time.
        pass_at: how often each scenario has to pass; see `report.Tally.accepted`.

    Raises:
        FileError: it cannot be written.
    """
    text = page_of(timelines, folder=path.parent, took_s=took_s, pass_at=pass_at)
    save_private(path, text, with_folder=True)


def page_of(timelines: Sequence[Timeline], *, folder: Path, took_s: float, pass_at: int | None = None) -> str:
    """Return the page as it would be written into `folder`."""
    page = resources.files("flashlive_cli.scenario") / "page"
    script = "".join((page / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    style = (page / "page.css").read_text(encoding="utf-8")
    content = json.dumps(_report(timelines, folder, took_s, pass_at), ensure_ascii=False, separators=(",", ":"))
    parts = {
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "media-src 'self' file: data:; base-uri 'none'; form-action 'none'",
        "title": html.escape(printable(_title(timelines))),
        "style": style,
        "script": script,
        # no tag can end, begin or be commented out in there
        "content": content.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026"),
    }
    template = (page / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _title(timelines: Sequence[Timeline]) -> str:
    if len(timelines) == 1:
        return f"{timelines[0].outcome.name} · flashlive"
    n_missed = sum(timeline.outcome.status != "passed" for timeline in timelines)
    return (
        f"{n_missed} of {len(timelines)} did not pass · flashlive"
        if n_missed
        else f"{len(timelines)} passed · flashlive"
    )


def _report(timelines: Sequence[Timeline], folder: Path, took_s: float, pass_at: int | None) -> dict[str, Any]:
    sounds, pictures = _sounds(timelines, folder), _pictures(timelines)
    anchors: set[str] = set()
    runs = []
    for timeline, sound in zip(timelines, sounds, strict=True):
        anchor = _anchor(timeline, anchors)
        anchors.add(anchor)
        runs.append({"anchor": anchor, "sound": sound, **_run(timeline)})
    counted = tallies([timeline.outcome for timeline in timelines])
    repeated = [asdict(tally) | {"accepted": tally.accepted(pass_at)} for tally in counted if tally.runs > 1]
    shown: dict[str, Any] = _shown({"took_s": took_s, "repeated": repeated, "runs": runs, "pictures": pictures})
    return shown


def _anchor(timeline: Timeline, taken: set[str]) -> str:
    """Return a name for links, the same in every run of a suite."""
    outcome = timeline.outcome
    name = re.sub(r"[^\w.+-]", "-", outcome.id, flags=re.ASCII)
    anchor = name = name if outcome.repetition == 1 else f"{name}.{outcome.repetition}"
    number = 1
    while anchor in taken:
        number += 1
        anchor = f"{name}-{number}"
    return anchor


def _sounds(timelines: Sequence[Timeline], folder: Path) -> list[str | None]:
    """Return where each run's sound is, as a URL."""
    links = [_recording(timeline, folder) for timeline in timelines]
    left = _MOST_SOUND_BYTES
    for index in sorted(range(len(links)), key=lambda index: _passed(timelines[index])):
        sound = timelines[index].sound
        if links[index] is None and sound is not None and len(sound) <= left:
            left -= len(sound)
            links[index] = f"data:audio/wav;base64,{base64.b64encode(sound).decode()}"
    return links


def _pictures(timelines: Sequence[Timeline]) -> dict[str, str]:
    """Return the images of all runs as URLs, each once: repetitions, and voices of a matrix, show the same."""
    found: dict[str, str] = {}
    left = _MOST_PICTURE_BYTES
    for timeline in sorted(timelines, key=_passed):
        for shown in timeline.shown:
            name = _digest(shown.jpeg)
            if name not in found and len(shown.jpeg) <= left:
                left -= len(shown.jpeg)
                found[name] = f"data:image/jpeg;base64,{base64.b64encode(shown.jpeg).decode()}"
    return found


def _digest(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()[:16]


def _passed(timeline: Timeline) -> bool:
    return timeline.outcome.status == "passed"


def _recording(timeline: Timeline, folder: Path) -> str | None:
    if timeline.outcome.evidence is None:
        return None
    path = Path(timeline.outcome.evidence) / SOUND
    if not path.is_file():
        return None
    try:
        return quote(Path(os.path.relpath(path, folder)).as_posix())
    except ValueError:  # another drive
        return path.absolute().as_uri()


def _run(timeline: Timeline) -> dict[str, Any]:
    outcome = timeline.outcome
    laid = asdict(timeline)
    spans = {span.number: span for span in timeline.turns}
    return {
        **{
            name: getattr(outcome, name)
            for name in ("id", "name", "path", "variant", "repetition", "status", "error", "model", "simulated")
        },
        **{name: getattr(outcome, name) for name in ("duration_s", "took_s", "cost_usd", "warnings", "evidence")},
        **{name: laid[name] for name in ("start_s", "end_s", "said", "answers", "tools", "stages", "marks")},
        "shown": [
            {"turn": shown.turn, "at_s": shown.at_s, "name": shown.name, "picture": _digest(shown.jpeg)}
            for shown in timeline.shown
        ],
        "user": _outline(timeline.user),
        "voice": _outline(timeline.model),
        "turns": [_turn(turn, asdict(spans[turn.number]) if turn.number in spans else {}) for turn in outcome.turns],
        "checks": [_check(check) for check in outcome.checks],
    }


def _turn(turn: TurnOutcome, span: Mapping[str, float]) -> dict[str, Any]:
    return {
        "number": turn.number,
        "start_s": span.get("start_s"),
        "end_s": span.get("end_s"),
        "told": turn.said,
        "figures": figures_object(turn.figures),
        "checks": [_check(check) for check in turn.checks],
    }


def _check(check: Check) -> dict[str, Any]:
    told = {"name": check.name, "ok": check.ok, "expected": check.expected, "got": check.answer, "at_s": check.at_s}
    return told | {"note": check.note}


def _outline(outline: Outline) -> dict[str, Any]:
    return {"bin_s": outline.bin_s, "peaks": base64.b64encode(outline.peaks).decode()}


def _shown(value: Any) -> Any:
    """Spell in all texts what would reorder them or is no character, and leave off digits that mean nothing."""
    match value:
        case str():
            return printable(value, keep_newlines=True)
        case float():
            return round(value, 6)
        case dict():
            return {printable(str(name)): _shown(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_shown(inner) for inner in value]
        case _:
            return value
