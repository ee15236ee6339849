"""What the object of an NDJSON line says of what was measured."""

from typing import get_args, get_type_hints

import pytest

from flashlive_cli import reports as r

SUMMARY = r.TalkSummary(12.34567, 1, 0, 0, 123.456, None, None, {}, {}, 0.00123456789)


@pytest.mark.parametrize(
    ("report", "field", "written"),
    [
        (SUMMARY, "duration_s", 12.346),
        (r.SpeechEnded("local", offset_s=1.8765), "offset_s", 1.877),
        (SUMMARY, "median_first_content_ms", 123.5),
        (r.SoundClosed(0, 0.0, 23.4567), "erle_db", 23.46),
        (SUMMARY, "cost_usd", 0.001235),
        (SUMMARY, "median_silence_ms", None),
    ],
)
def test_what_was_measured_is_rounded_by_its_unit(report: r.Report, field: str, written: float | None) -> None:
    assert r.record(r.Stamped(0.5, 1, report))[field] == written


@pytest.mark.parametrize("report", get_args(r.Report), ids=lambda report: report.type)
def test_every_float_names_its_unit(report: type) -> None:
    floats = [name for name, hint in get_type_hints(report).items() if "float" in str(hint)]

    assert all(name.endswith(("_ms", "_s", "_db", "_usd")) for name in floats)
