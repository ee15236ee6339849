"""What the records of a talk come to: who said what when, and how it ended."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli import reports as r
from flashlive_cli.recording.folder import read_session
from flashlive_cli.recording.story import Called, Entry, Noted, Said, Story


def told(*stamped: tuple[float, int, r.Report]) -> tuple[Story, list[Entry]]:
    story = Story()
    entries = [entry for each in stamped for entry in story.take(r.record(r.Stamped(*each)))]
    return story, entries + story.rest()


def test_an_utterance_lasts_as_long_as_the_speech() -> None:
    _, entries = told(
        (0.5, 1, r.SpeechStarted("local")),
        (0.9, 1, r.SpeechEnded("local")),  # a cough
        (2.0, 1, r.SpeechStarted("local")),
        (2.2, 1, r.SpeechStarted("server")),
        (3.0, 1, r.Transcript("user", "What ", final=False)),
        (3.4, 1, r.SpeechEnded("local")),
        (3.5, 1, r.Transcript("user", "time?", final=False)),
        (3.9, 1, r.Transcript("user", "What time?", final=True)),
        (9.0, 2, r.Transcript("user", "typed", final=True)),
    )

    assert entries == [
        Said("user", 1, "What time?", "What time?", 2.0, 3.4),
        Said("user", 2, "typed", "typed", 9.0, 9.0),
    ]


def test_a_reply_begins_with_its_first_sample_and_lasts_as_long_as_its_sound() -> None:
    _, entries = told(
        (1.0, 1, r.ReplyStarted()),
        (1.1, 1, r.Transcript("model", "It is noon.", final=False)),
        (1.3, 1, r.ReplyFirstSample()),
        (1.5, 1, r.Transcript("model", "It is noon.", final=True, heard="It is noon.")),
        (1.5, 1, r.ReplyComplete(2500.0, interrupted=False)),
    )

    assert entries == [Said("model", 1, "It is noon.", "It is noon.", 1.3, 3.8)]


def test_a_reply_that_is_complete_before_it_sounds_waits_for_that() -> None:
    _, entries = told(
        (1.0, 1, r.ReplyStarted()),
        (1.1, 1, r.Transcript("model", "Noon.", final=True, heard="Noon.")),
        (1.1, 1, r.ReplyComplete(500.0, interrupted=False)),
        (1.4, 2, r.ReplyFirstSample()),
    )

    assert entries == [Said("model", 1, "Noon.", "Noon.", 1.4, 1.9)]


def test_a_reply_that_was_cut_ends_there_and_keeps_what_nobody_heard() -> None:
    story, entries = told(
        (1.0, 1, r.ReplyStarted()),
        (1.2, 1, r.ReplyFirstSample()),
        (2.2, 1, r.ReplyFlushed(1000.0, 4000.0)),
        (2.3, 1, r.Transcript("model", "Once upon a time.", final=True, heard="Once upon")),
        (2.3, 1, r.ReplyComplete(5000.0, interrupted=True)),
    )

    (said,) = entries
    assert isinstance(said, Said)
    assert (said.begins_s, said.ends_s, said.heard, said.unheard) == (1.2, 2.2, "Once upon", "a time.")
    assert story.barge_ins == 1


def test_tools_are_told_once_whatever_becomes_of_them() -> None:
    story, entries = told(
        (1.0, 1, r.ToolCalled("1", "f", {"x": 1})),
        (1.1, 1, r.ToolCalled("2", "g", {})),
        (1.2, 1, r.ToolCalled("3", "h", {})),
        (1.3, 1, r.ToolCalled("4", "f", {"x": 1}, duplicate_of="1")),
        (1.4, 1, r.ToolCancelled("2", "g")),
        (1.5, 1, r.ToolFinished("1", "f", True, {"output": 3}, 500.0)),
        (1.6, 1, r.ToolFinished("9", "late", False, {"error": "no"}, 1.0)),
    )

    assert [(entry.name, entry.outcome) for entry in entries if isinstance(entry, Called)] == [
        ("f", "repeated"),
        ("g", "cancelled"),
        ("f", "ok"),
        ("late", "failed"),
        ("h", "unanswered"),
    ]
    assert story.tool_calls == 4


@pytest.mark.parametrize(
    ("last", "ending"),
    [
        ([r.SessionClosed(1000, "", 9.5, 3)], "closed"),
        ([r.SessionClosed(1006, "", 9.5, 3), r.Failed("lost", 3)], "failed"),
        ([r.Failed("lost", 3), r.SessionClosed(1006, "", 9.5, 3)], "failed"),
        ([], "cut"),
    ],
)
def test_it_is_known_how_a_talk_ended(last: list[r.Report], ending: str) -> None:
    story, _ = told((0.5, 1, r.SessionReady("m", None, (), False, 1.0)), *((9.5, 4, report) for report in last))

    assert story.ending == ending
    assert story.duration_s == (9.5 if last else 0.5)
    assert story.n_turns == (3 if last else 0)


def test_the_cost_is_the_last_that_was_told() -> None:
    usage = r.UsageReported(1, 2, 3, 6, {}, {}, 0.001, 0.003)
    story, _ = told((1.0, 1, usage), (2.0, 1, usage))
    assert (story.cost_usd, story.total_tokens) == (0.003, 12)

    story, _ = told((1.0, 1, usage), (2.0, 1, r.TalkSummary(2.0, 1, 4, 5, None, None, None, {}, {}, 0.007)))
    assert (story.cost_usd, story.barge_ins, story.tool_calls) == (0.007, 4, 5)


def test_what_ends_in_the_middle_is_marked() -> None:
    _, entries = told(
        (1.0, 1, r.ReplyStarted()),
        (1.1, 1, r.Transcript("model", "Once upon", final=False)),
        (1.2, 1, r.ReplyFirstSample()),
        (2.0, 1, r.Transcript("user", "Wait", final=False)),
    )

    assert [(entry.text, entry.finished) for entry in entries if isinstance(entry, Said)] == [
        ("Once upon", False),
        ("Wait", False),
    ]


def test_warnings_and_forgetting_are_noted() -> None:
    _, entries = told(
        (1.0, 1, r.Warned("careful")),
        (2.0, 1, r.SessionResumed(True, (), 5.0)),
        (3.0, 1, r.SessionResumed(False, (), 5.0)),
        (4.0, 1, r.ReplyComplete(0.0, interrupted=False, reason="SAFETY")),
    )

    notes = [entry for entry in entries if isinstance(entry, Noted)]
    assert [note.kind for note in notes] == ["warning", "note", "warning"]
    assert "SAFETY" in notes[-1].message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
TYPES = sorted(kind.type for kind in r.Report.__args__)
FIELDS = ["t", "turn", "role", "text", "final", "heard", "id", "name", "args", "ok", "response", "duration_ms",
          "audio_ms", "heard_ms", "interrupted", "reason", "turns", "duration_s", "total_tokens", "total_cost_usd",
          "cost_usd", "kind", "total_ms", "message", "resumed", "model"]  # fmt: skip
RECORDS = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(TYPES) | JSON,
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(["user", "model", True, 1.5, "1"]), max_size=6),
)


@given(st.lists(RECORDS, max_size=12))
def test_no_record_makes_reading_back_fail(records) -> None:
    from flashlive_cli.recording.exports import FORMS
    from flashlive_cli.recording.folder import Session, in_order

    story = Story()
    entries = [entry for record in records for entry in story.take(record)] + story.rest()

    for form in FORMS.values():
        assert isinstance(form(Session("x", datetime(2026, 11, 22, tzinfo=UTC), story, in_order(entries))), str)


def test_a_folder_is_read_whatever_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "2026-11-22_21-30-05-2"
    folder.mkdir()
    ready = r.record(r.Stamped(0.5, 1, r.SessionReady("m", "Puck", (), True, 1.0)))
    lines = [json.dumps(ready), "[1]", '{"type": "of.tomorrow", "t": 3.5}', "\x00", '{"type": "warning", "mess']
    (folder / "events.ndjson").write_text("\n".join(lines))

    session = read_session(folder)

    assert (session.id, session.story.model, session.story.duration_s) == (folder.name, "m", 3.5)
    assert f"{session.when:%Y-%m-%d %H:%M:%S}" == "2026-11-22 21:30:05"
    assert session.when.tzinfo is not None


def test_a_renamed_folder_knows_from_its_transcript_when_it_was(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text("")
    (tmp_path / "transcript.md").write_text("# Conversation\n\n- date: 2026-01-02T03:04:05+09:00\n")

    assert read_session(tmp_path).when.timestamp() == 1767290645
