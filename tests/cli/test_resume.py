"""What a live talk leaves behind, and how the next one takes it up."""

import json
import sys
import threading

import pytest

from flashlive_cli.cli import resume
from flashlive_cli.cli.resume import HANDLE_LASTS_S, Leaver, left_by
from flashlive_cli.cli.statefile import state_path
from flashlive_cli.protocol.commands import Content
from flashlive_cli.reports import ReplyComplete, SessionClosed, SpeechStarted, Stamped, Transcript
from flashlive_cli.session.givens import Left

LEFT = Left("h1", (Content("user", "My name is Ada."), Content("model", "Hello Ada.")))


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return state_path(resume.FILE)


def leave(left: Left, service: str = "s", model: str = "m") -> None:
    with Leaver(service, model) as leaver:
        leaver.left = lambda: left
        leaver.listen(Stamped(1.0, 1, ReplyComplete(1.0, interrupted=False)))


def test_what_was_left_is_found_again_by_service_and_model() -> None:
    leave(LEFT)

    assert left_by("s", "m") == LEFT
    assert left_by("s", "other") is None
    assert left_by("other", "m") is None


def test_only_its_owner_may_read_it(state) -> None:
    leave(LEFT)

    assert state.stat().st_mode & 0o777 == 0o600


def test_a_handle_that_is_too_old_is_left_out_and_the_words_remain(state) -> None:
    leave(LEFT)
    kept = json.loads(state.read_text())
    kept["s m"]["at"] -= HANDLE_LASTS_S + 1
    state.write_text(json.dumps(kept))

    assert left_by("s", "m") == Left(None, LEFT.turns)


def test_a_talk_that_has_nothing_to_leave_takes_nothing_away() -> None:
    leave(LEFT)
    leave(Left(None))

    assert left_by("s", "m") == LEFT


def test_a_talk_at_which_nothing_was_said_takes_nothing_away() -> None:
    leave(LEFT)
    with Leaver("s", "m") as leaver:
        leaver.left = lambda: Left("of nothing")
        leaver.keep()
        leaver.listen(Stamped(1.0, 1, SessionClosed(1000, "", 2.0, 1)))

    assert left_by("s", "m") == LEFT


def test_the_handle_is_kept_with_the_first_word_and_each_newer_one_after_that() -> None:
    with Leaver("s", "m") as leaver:
        leaver.left = lambda: Left("h1")
        leaver.listen(Stamped(1.0, 1, Transcript("user", "My na", final=False)))
    assert left_by("s", "m") == Left("h1")

    with Leaver("s", "m") as leaver:
        leaver.listen(Stamped(1.0, 1, Transcript("user", "My name", final=False)))
        leaver.left = lambda: LEFT
        leaver.keep()
    assert left_by("s", "m") == LEFT


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX's")
@pytest.mark.parametrize("spoken", [False, True])
def test_a_talk_killed_in_its_very_first_answer_is_taken_up(shell, monkeypatch, spoken) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    asked = ("-i", shell.wav("ask.wav")) if spoken else ("-x", "tell me a long story")
    with shell.simulator() as url:
        talk = ("talk", "--url", url, "--resume", "--format", "json")
        with shell.started(*talk, *asked) as process:
            assert any(json.loads(line)["type"] == "reply.first_sample" for line in process.stdout)
            process.kill()
            process.wait()
        with shell.started(*talk, "-x", "are you still there?") as process:
            ready = next(record for line in process.stdout if (record := json.loads(line))["type"] == "session.ready")

    assert ready["resumed"] is True


def test_who_keeps_ends_with_the_talk_though_the_disk_was_slow(monkeypatch) -> None:
    """The last word and the end may wait side by side while the one before is written."""
    writing, may = threading.Event(), threading.Event()
    keep = resume._keep

    def keep_slowly(name: str, left: Left) -> None:
        writing.set()
        may.wait(10)
        keep(name, left)

    monkeypatch.setattr(resume, "_keep", keep_slowly)
    with Leaver("s", "m") as leaver:
        leaver.left = lambda: Left("h0")
        leaver.listen(Stamped(1.0, 1, ReplyComplete(1.0, interrupted=False)))
        assert writing.wait(10)
        leaver.left = lambda: LEFT
        leaver.listen(Stamped(2.0, 1, SessionClosed(1000, "", 2.0, 1)))
        threading.Timer(0.1, may.set).start()

    assert "flashlive-leaver" not in {thread.name for thread in threading.enumerate()}
    assert left_by("s", "m") == LEFT


def test_what_changes_nothing_is_not_written(state) -> None:
    with Leaver("s", "m") as leaver:
        leaver.listen(Stamped(1.0, 1, SpeechStarted("local", None)))

    assert not state.exists()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"s m": 1}', '{"s m": {"at": "x"}}', '{"s m": {"at": 1, "turns": [["x", 1]]}}']
)
def test_a_damaged_file_is_as_good_as_none(state, text) -> None:
    state.parent.mkdir(parents=True)
    state.write_text(text)

    assert left_by("s", "m") is None
    leave(LEFT)
    assert left_by("s", "m") == LEFT


def test_a_talk_without_a_predecessor_says_so_and_begins_anew(shell) -> None:
    result = shell("talk", "--sim", "--speed", "20", "-x", "hello", "--resume")

    assert result.code == 0
    assert "no earlier talk" in result.err


def test_the_next_talk_knows_what_was_said_where_the_service_has_forgotten(shell) -> None:
    """The simulator in the process dies with the talk: the handle is unknown to the next one."""
    shell("talk", "--sim", "--speed", "20", "-x", "hello", "--resume")
    result = shell("talk", "--sim", "--speed", "20", "-x", "and now?", "--resume", "--format", "json")

    assert result.code == 0, result.err
    assert result.record("session.ready")["resumed"] is False
