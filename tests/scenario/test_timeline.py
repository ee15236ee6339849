"""What a page shows of a run: at the times at which it was, small, and nothing of it as markup."""

import base64
import json
import pickle
import re
import struct
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.errors import FileError
from flashlive_cli.pcm import WIRE_IN
from flashlive_cli.scenario.course import Course, Shown
from flashlive_cli.scenario.page import page_of, write_html
from flashlive_cli.scenario.timeline import WaitStage, timeline_of
from flashlive_cli.scenario.waveform import outline_of, telephone_wav
from tests.scenario.courses import cut_in, tone
from tests.scenario.outcomes import HOSTILE, LATE, broken, failed, outcome, turn


def content_of(page: str):
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def near(seconds: float):
    return pytest.approx(seconds, abs=0.002)


def test_everything_stands_where_it_was() -> None:
    timeline = timeline_of(outcome(), cut_in())

    assert [(span.number, span.start_s) for span in timeline.turns] == [(1, 0.8), (2, 3.9)]
    assert [(said.turn, said.start_s, said.end_s) for said in timeline.said] == [
        (1, near(1.0), near(2.0)), (2, near(4.0), near(4.5)),
    ]  # fmt: skip
    first, second = timeline.answers
    assert (first.start_s, first.end_s, first.interrupted) == (near(3.0), near(4.2), True)
    assert (first.heard, first.unheard, first.lost_s) == ("once upon a time", "and more", 2.5)
    assert (second.start_s, second.end_s, second.unheard) == (near(6.0), near(7.0), "")
    (tool,) = timeline.tools
    assert (tool.turn, tool.start_s, tool.end_s, tool.args) == (2, 5.5, 5.8, '{"what": "once upon a time"}')
    assert timeline.stages[:3] == (
        WaitStage("content", near(2.0), near(2.8)),
        WaitStage("audio", near(2.8), near(2.9)),
        WaitStage("sample", near(2.9), near(3.0)),
    )
    assert timeline.stages[3:] == (
        WaitStage("interrupted", near(4.0), near(4.2)),
        WaitStage("silence", near(4.2), near(4.22)),
    )
    assert [(mark.kind, mark.at_s) for mark in timeline.marks] == [
        ("speech_started", 1.1), ("speech_ended", 2.5), ("interrupted", 4.2),
    ]  # fmt: skip
    assert timeline.start_s == near(0.25)
    assert timeline.end_s == near(7.35)


def test_an_outline_is_high_where_there_was_sound_and_only_there() -> None:
    course = cut_in()
    outline = outline_of(course.user, 7.0)
    peaks = np.frombuffer(outline.peaks, np.int8).reshape(-1, 2)
    loud_s = np.flatnonzero(peaks[:, 1] > 0) * outline.bin_s

    assert outline.bin_s == 0.005
    assert (peaks[300] == (-32, 32)).all(), "8000 of 32768, at 1.5 s, rounded away from silence"
    assert (loud_s.min(), loud_s.max()) == (near(1.0), near(4.495))
    assert not peaks[(loud_s.size and 480) : 790].any(), "silent between 2.4 s and 3.9 s"


def test_the_faintest_sound_is_no_silence() -> None:
    course = Course()
    course.spoke(tone(WIRE_IN, 1, amplitude=20), 1.0)

    assert set(np.frombuffer(outline_of(course.user, 1.0).peaks, np.int8)) == {-1, 1}


def test_images_are_in_a_page_once_and_no_more_than_it_holds(tmp_path) -> None:
    courses = [cut_in() for _ in range(3)]
    for course, jpegs in zip(courses, ([b"a" * 2_000_000], [b"b" * 5_000_000], [b"b" * 5_000_000, b"c"]), strict=True):
        course.shown += [Shown(1, 1.5, "board.png", jpeg) for jpeg in jpegs]
    runs = [timeline_of(outcome(), courses[0]), timeline_of(failed(), courses[1]), timeline_of(failed(), courses[2])]
    content = content_of(page_of(runs, folder=tmp_path, took_s=1))
    small, same, (again, other) = ([shown["picture"] for shown in run["shown"]] for run in content["runs"])

    assert set(content["pictures"]) == {*small, *same, other}
    assert same == [again]
    courses[0].shown.append(Shown(1, 1.6, "wall.png", b"d" * 2_000_000))
    runs[0] = timeline_of(outcome(), courses[0])
    crowded = content_of(page_of(runs, folder=tmp_path, took_s=1))
    assert set(crowded["pictures"]) == {*small, *same, other}, "what passed comes last"
    assert len(crowded["runs"][0]["shown"]) == 2, "its name is told"


def test_long_runs_stay_small() -> None:
    course = Course()
    for minute in range(60):
        course.spoke(tone(WIRE_IN, 1), minute * 60.0)
    timeline = timeline_of(outcome(), course)

    assert len(pickle.dumps(timeline)) < 150_000
    assert timeline.sound is None


def test_a_run_without_recording_has_its_sound_in_the_page() -> None:
    course = cut_in()
    wav = telephone_wav(course.user, course.model, 7.0)
    fields = struct.unpack("<HHIIHHH", wav[20:38])
    sides = mu_law(np.frombuffer(wav, np.uint8, offset=wav.index(b"data") + 8)).reshape(-1, 2)

    assert (wav[:4], struct.unpack("<I", wav[4:8])[0], fields[:4]) == (b"RIFF", len(wav) - 8, (7, 2, 8000, 16000))
    assert sides.shape == (56_000, 2)
    level = [
        np.sqrt((sides[int(at_s * 8000) :][:800].astype(float) ** 2).mean(axis=0)).round(-3) for at_s in (1.5, 3.4, 5)
    ]
    assert [list(each) for each in level] == [[8000, 0], [0, 8000], [0, 0]], "the user left, the model right"


def mu_law(coded):
    """Decode as G.711 says."""
    coded = ~coded
    magnitude = (((coded & 0x0F).astype(np.int32) << 3) + 132 << ((coded >> 4) & 7)) - 132
    return np.where(coded & 0x80, -magnitude, magnitude)


def test_no_word_of_a_run_becomes_markup() -> None:
    run = outcome(HOSTILE, "failed", path=HOSTILE, error=HOSTILE, variant={HOSTILE: HOSTILE}, warnings=(HOSTILE,),
                  turns=(turn(said=HOSTILE, heard=HOSTILE, reply=HOSTILE),))  # fmt: skip
    page = page_of([timeline_of(run, cut_in(HOSTILE, {HOSTILE: HOSTILE}))], folder=Path(), took_s=1)

    assert len(re.findall(r"<script[ >]", page)) == len(re.findall("</script", page)) == 2
    assert "<img" not in page
    assert not set("\x1b\u202e\ud800\x00") & set(page)
    page.encode()
    (told,) = content_of(page)["runs"]
    assert told["name"].startswith("</script><img src=x onerror=alert(1)>\\x1b[31m"), "as text it is all there"
    assert "&lt;/script&gt;" in page, "the title"


def test_the_policy_lets_run_our_script_only_and_nothing_be_fetched() -> None:
    page = page_of([timeline_of(outcome(), cut_in())], folder=Path(), took_s=1)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))

    assert (rules["default-src"], rules["base-uri"]) == ("'none'", "'none'")
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert rules[rule] == f"'sha256-{base64.b64encode(sha256(own.encode()).digest()).decode()}'"
    assert not re.findall(r"(?:src|href)=\"(?!data:)|https?:|url\(", page)


def test_sound_is_the_recording_beside_the_page_where_there_is_one(tmp_path) -> None:
    folder = tmp_path / "evi dence" / "a:b#1"
    folder.mkdir(parents=True)
    (folder / "conversation.wav").write_bytes(b"RIFF")
    timeline = timeline_of(outcome(evidence=str(folder)), cut_in())

    def sound(where):
        return content_of(page_of([timeline], folder=where, took_s=1))["runs"][0]["sound"]

    assert timeline.sound is None, "it is there already"
    assert sound(folder) == "conversation.wav"
    assert sound(tmp_path) == "evi%20dence/a%3Ab%231/conversation.wav"
    (folder / "conversation.wav").unlink()
    assert sound(folder) is None


def test_runs_that_did_not_pass_keep_their_sound_where_there_is_too_much(monkeypatch) -> None:
    timelines = [timeline_of(run, cut_in()) for run in (outcome("a"), failed("b"), outcome("c"))]
    monkeypatch.setattr("flashlive_cli.scenario.page._MOST_SOUND_BYTES", 2 * len(timelines[0].sound or b""))
    runs = content_of(page_of(timelines, folder=Path(), took_s=1))["runs"]

    assert [run["sound"] is not None for run in runs] == [True, True, False]


def test_each_run_has_a_link_of_its_own() -> None:
    runs = [outcome("a"), outcome("a", repetition=2), outcome("a", path="other/a.toml"), outcome("b c")]
    page = page_of([timeline_of(run, cut_in()) for run in runs], folder=Path(), took_s=1)

    assert [run["anchor"] for run in content_of(page)["runs"]] == ["a", "a.2", "a-2", "b-c"]


def test_a_run_that_never_began_is_shown_with_its_reason() -> None:
    (run,) = content_of(page_of([timeline_of(broken(), Course())], folder=Path(), took_s=1))["runs"]

    assert (run["status"], run["error"], run["turns"]) == ("error", "the service refused: quota exceeded", [])


def test_the_page_is_its_owners_only_and_complains_in_one_line(tmp_path) -> None:
    timeline = timeline_of(outcome(checks=(LATE,)), cut_in())
    path = tmp_path / "new" / "report.html"
    write_html(path, [timeline], took_s=1)

    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sys.platform == "win32" or path.stat().st_mode & 0o077 == 0
    with pytest.raises(FileError, match=r"x\.html: cannot be written: "):
        write_html(path / "x.html", [timeline], took_s=1)
