"""`flashlive sessions`: recordings are found, shown and exported."""

import json
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flashlive_cli import reports as r
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.cli.sessions import remember_recordings
from flashlive_cli.clock import Clock
from flashlive_cli.recording.recorder import Recorder

BEGAN = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)


def unexpected(message: str) -> None:
    raise AssertionError(message)


@pytest.fixture
def record(shell) -> Callable[..., Path]:
    """Records a small talk so many minutes later."""

    def made(directory: str = "recordings", minutes: int = 0, words: str = "Noon.", *, closed: bool = True) -> Path:
        began = BEGAN + timedelta(minutes=minutes)
        with Recorder(
            shell.folder / directory,
            clock=Clock(),
            resampler=lambda: Resampler(16_000, 24_000),
            failed=unexpected,
            began=began,
        ) as kept:
            for t, report in (
                (0.5, r.SessionReady("gemini-x", "Puck", (), simulated=True, setup_ms=300.0)),
                (2.0, r.Transcript("user", "What time is it?", final=True)),
                (2.5, r.ToolCalled("1", "clock", {"zone": "CET"})),
                (2.6, r.ToolFinished("1", "clock", True, {"output": 12}, 100.0)),
                (3.0, r.ReplyStarted()),
                (3.0, r.ReplyFirstSample()),
                (4.0, r.TurnLatency(600.0, 300.0, 100.0, 1000.0)),
                (4.0, r.Transcript("model", words, final=True, heard=words)),
                (4.0, r.ReplyComplete(1500.0, interrupted=False)),
                (4.0, r.UsageReported(1, 2, 3, 6, {}, {}, 0.001, 0.0123)),
            ):
                kept.listen(r.Stamped(t, 1, report))
            if closed:
                kept.listen(r.Stamped(65.0, 2, r.SessionClosed(1000, "", 65.0, 1)))
        return kept.folder

    return made


@pytest.mark.parametrize("command", [(), ("list",), ("show",), ("export",)], ids=" ".join)
def test_help_is_there(shell, command) -> None:
    done = shell("sessions", *command, "--help")

    assert (done.code, done.err) == (0, "")
    assert "Usage: flashlive sessions" in done.out


def test_recordings_are_listed_the_latest_first(shell, record) -> None:
    first, second = record(), record(minutes=5, closed=False)

    done = shell("sessions", "list", "--dir", "recordings")

    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == ["id", "began", "length", "turns", "tools", "cost", "model", "ending"]
    assert [row.split()[0] for row in rows] == [second.name, first.name]
    assert "breaks off" in rows[0]
    assert rows[1].split()[3:] == ["1:05", "1", "1", "$0.0123", "gemini-x", "(simulated)"]


def test_the_list_is_there_for_programs(shell, record) -> None:
    folder = record()

    done = shell("sessions", "list", "--dir", "recordings", "--json")

    (row,) = json.loads(done.out)["sessions"]
    assert row["id"] == folder.name
    assert row["duration_s"] == 65.0
    assert row["cost_usd"] == 0.0123
    assert row["ending"] == "closed"
    assert Path(row["folder"]).samefile(folder)
    assert datetime.fromisoformat(row["began"]) == BEGAN
    (shell.folder / "empty").mkdir()
    assert json.loads(shell("sessions", "list", "--dir", "empty", "--json").out)["sessions"] == []


def test_a_recording_is_shown(shell, record) -> None:
    record()

    done = shell("sessions", "show", "last", "--dir", "recordings")

    assert (done.code, done.err) == (0, "")
    assert "0:02  you: What time is it?" in done.out
    assert '0:02  tool: clock {"zone": "CET"}: 12 (100 ms)' in done.out
    assert "0:03  gemini: Noon." in done.out
    shown = json.loads(shell("sessions", "show", "last", "--dir", "recordings", "--json").out)
    (turn,) = shown["conversation"]
    assert [said["role"] for said in turn["said"]] == ["user", "model"]
    assert turn["tools"][0]["response"] == {"output": 12}
    assert turn["latency"]["total_ms"] == 1000.0


def test_a_recording_is_named_in_any_way_that_fits_one(shell, record) -> None:
    first, second, third = record(), record(), record(minutes=5, words="Midnight.")
    assert second.name == f"{first.name}-2"

    def shown(name: str | Path) -> tuple[int, str, str]:
        done = shell("sessions", "show", name, "--dir", "recordings")
        return done.code, done.out, done.err

    for name in (third.name, third.name[:16], "last", third, f"recordings/{third.name}", f"./recordings/{third.name}/"):
        assert "Midnight." in shown(name)[1], name
    assert "Noon." in shown(first.name)[1]
    code, _, err = shown(first.name[:10])
    assert code == 2
    assert "fits 3 recordings" in err
    assert first.name in err
    for name in ("nonsense", "no/where", "", str(shell.folder)):
        code, out, err = shown(name)
        assert (code, out, err.count("\n")) == (2, "", 1), name


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("md", "# Conversation of 2026-11-22"),
        ("json", "{"),
        ("srt", "1\n00:00:02,000 --> "),
        ("vtt", "WEBVTT\n\n00:00:02.000 --> "),
    ],
)
def test_a_recording_is_exported(shell, record, form, begins) -> None:
    record()

    done = shell("sessions", "export", "last", "--dir", "recordings", "--format", form)
    guessed = shell("sessions", "export", "last", "--dir", "recordings", "--output", f"o.{form.upper()}")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert "What time is it?" in done.out
    assert (guessed.code, guessed.out, guessed.err) == (0, "", "")
    written = shell.folder / f"o.{form.upper()}"
    assert written.read_text() == done.out
    assert stat.S_IMODE(written.stat().st_mode) == 0o600 or sys.platform == "win32"


def test_the_markdown_is_what_the_talk_wrote_itself(shell, record) -> None:
    folder = record()

    assert shell("sessions", "export", folder, "--format", "md").out == (folder / "transcript.md").read_text()


def test_an_export_that_cannot_be_is_told(shell, record) -> None:
    folder = record()
    for args in (["-o", "o.docx"], ["-o", "no/such/o.md"], ["--format", "docx"], ["-o", "."]):
        done = shell("sessions", "export", folder, *args)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), args


def test_recordings_are_looked_for_where_they_are_made(shell, record, monkeypatch) -> None:
    done = shell("sessions", "list")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "--record" in done.err

    record("one"), record("two", minutes=1, words="Two.")
    for name in ("one", "two", "one"):
        remember_recordings(Path(name))
    assert len(shell("sessions", "list").out.splitlines()) == 3
    assert "Two." in shell("sessions", "show", "last").out

    monkeypatch.setenv("FLASHLIVE_RECORD", str(shell.folder / "one"))
    assert len(shell("sessions", "list").out.splitlines()) == 2
    assert shell("sessions", "list", "--dir", "none").code == 2


def test_a_damaged_memory_of_folders_is_none(shell) -> None:
    memory = shell.folder / "state" / "flashlive" / "recordings.json"
    remember_recordings(Path("gone"))
    assert json.loads(memory.read_text()) == [str(shell.folder / "gone")]
    assert shell("sessions", "list").code == 2
    for content in ("{", "{}", "[1]"):
        memory.write_text(content)
        assert "no conversation was recorded yet" in shell("sessions", "list").err


@pytest.mark.skipif(sys.platform == "win32", reason="names with escapes")
def test_nothing_that_was_said_or_named_steers_the_terminal(shell, record) -> None:
    folder = record(words="evil\x1b]0;title\x07\u202e words")
    evil = folder.with_name("esc\x1b[31m")
    folder.rename(evil)
    with (evil / "events.ndjson").open("a") as events:
        events.write(json.dumps({"type": "warning", "t": 5, "turn": 1, "message": "w\x1b[2J"}) + "\n")
        events.write(json.dumps({"type": "session.ready", "t": 5, "turn": 1, "model": "m\x1b[2J"}) + "\n")

    for args in (
        ("list",), ("list", "--json"), ("show", "last"), ("show", "last", "--json"), ("show", "e"), ("show", "esc\x1b"),
        ("show", "x\x1b"), *(("export", "last", "--format", form) for form in ("md", "json", "srt", "vtt")),
    ):  # fmt: skip
        done = shell("sessions", *args, "--dir", "recordings")
        assert not {"\x1b", "\x07", "\u202e"} & set(done.out + done.err), args
        assert done.out or done.code == 2


def test_a_talk_of_the_command_line_can_be_read_back_from_its_events(shell) -> None:
    """What `--format json` prints is what a recording's events are."""
    talk = shell("talk", "--sim", "--speed", "20", "--format", "json", "-x", "hello", "-x", "tell me more")
    folder = shell.folder / "recordings" / "2026-11-22_21-30-05"
    folder.mkdir(parents=True)
    (folder / "events.ndjson").write_text(talk.out)

    done = shell("sessions", "show", "last", "--dir", "recordings")

    assert done.code == 0, done
    assert "you: hello" in done.out
    assert done.out.count("gemini: ") == 2
    assert "2 turns" in done.out


def test_a_recording_is_exported_as_a_scenario_that_passes(shell) -> None:
    talk = shell("talk", "--sim", "--speed", "10", "-x", "hello", "-i", shell.wav("clip.wav"), "--record", "recordings")
    assert talk.code == 0

    done = shell("sessions", "export", "last", "--scenario", "clock")

    assert (done.code, done.err) == (0, "")
    assert done.out == f"wrote {Path('clock') / 'scenario.toml'} (2 turns)\n"
    assert sorted(path.name for path in (shell.folder / "clock").iterdir()) == ["scenario.toml", "turn-2.wav"]
    assert shell("test", "clock", "--sim", "--speed", "10").code == 0
    for args in (["--scenario", "clock"], ["--scenario", "x", "--format", "md"], ["--scenario", "x", "-o", "y.md"]):
        again = shell("sessions", "export", "last", *args)
        assert (again.code, again.out, again.err.count("\n")) == (2, "", 1), args


def test_what_an_export_leaves_out_is_told(shell, record) -> None:
    with (record() / "events.ndjson").open("a") as events:
        said = {
            "type": "transcript",
            "t": 66,
            "turn": 2,
            "role": "user",
            "text": "Are you\x1b[2J there?",
            "final": True,
        }
        events.write(json.dumps(said) + "\n")

    done = shell("sessions", "export", "last", "--dir", "recordings", "--scenario", "clock")

    assert (done.code, done.out) == (0, f"wrote {Path('clock') / 'scenario.toml'} (1 turn)\n")
    assert done.err.startswith("note: 'Are you")
    assert done.err.endswith("there?' at 66.0 s was not answered: left out\n")
    assert "\x1b" not in done.err
    assert 'text = "What time is it?"' in (shell.folder / "clock" / "scenario.toml").read_text()
