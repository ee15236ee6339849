"""The panel on terminals of all sorts, and lines where there can be none."""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from flashlive_cli.cli.keys import SETTLE_S
from tests.cli.terminals import EXAMPLES, SEQUENCE

STORY = """
[[turn]]
[turn.sim]
heard = "Grüße 你好, a story."
reply = "Es war einmal ein König in 北京, who had three daughters and a lighthouse, and it went on like this. "
[[turn]]
[turn.sim]
reply = "Well."
"""
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
SIM = ("talk", "--sim", "--scenario", "s.toml")


@pytest.fixture
def story(shell: Any) -> Path:
    """A folder with a scenario."""
    (shell.folder / "s.toml").write_text(STORY, encoding="utf-8")
    return shell.folder


def test_colours_are_left_out_where_they_are_not_wanted(story, window) -> None:
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        at = window()
        at.start(*SIM, "-x", "hi", "--speed", "20", **env)
        assert at.ended() == 0
        assert bool(COLOUR.search(at.shown)) == coloured
        assert "\x1b[1m" in at.shown, "bold is no colour"


def test_a_terminal_without_unicode_is_sent_none(story, window) -> None:
    at = window()
    at.start(*SIM, "-x", "hi", "--speed", "5", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert at.ended() == 0

    assert at.shown.isascii()
    assert r"Es war einmal ein K\xf6nig in \u5317\u4eac," in " ".join(at.words.split())
    assert re.search(r"gemini =[=-]*[.]+", at.words), "meters of ASCII"


def test_a_terminal_that_cannot_move_the_cursor_gets_lines(story, window, person) -> None:
    at = window()
    at.start(*SIM, *person.args, TERM="dumb")
    at.until("flashlive: talking to")
    person.ask()
    at.until("flashlive: answered after")
    at.type("m")
    at.until("flashlive: microphone: muted")
    at.type("\x1b")
    at.until("flashlive: interrupted after")
    at.type("q")
    assert at.ended() == 0

    assert "\x1b" not in at.shown
    assert at.modes() == at.before
    assert "you: Grüße 你好, a story.\r\n" in at.shown
    assert "[not heard: " in at.shown


def test_lines_can_be_had_on_a_terminal_and_keys_work_there(story, window, person) -> None:
    at = window(kitty=True)
    at.start(*SIM, *person.args, "--format", "plain")
    at.until_sent("\x1b[>7u")
    at.until("flashlive: talking to")
    person.ask()
    at.until("flashlive: answered after")
    at.type("?")
    at.until("m mutes, space pushes to talk, esc stops the voice, q quits\r\n")
    at.type("m")
    at.until("flashlive: microphone: muted\r\n")
    at.type("\x1b[27u")
    at.until("flashlive: interrupted after")
    at.type("tq")
    assert at.ended() == 0

    assert at.modes() == at.before
    assert set(SEQUENCE.findall(at.shown)) == {
        "\x1b[?2004h", "\x1b[?2004l", "\x1b[?u", "\x1b[c", "\x1b[>7u", "\x1b[<u"
    }  # fmt: skip
    lines = at.words.split("\r\n")
    assert all(line.startswith(("flashlive: ", "you: ", "gemini: ")) for line in lines if line), lines


def test_push_to_talk_works_without_a_panel(story, window, person) -> None:
    at = window()
    at.start(*SIM, *person.args, "--format", "plain", "--push-to-talk", "--record", "rec")
    at.until("off until the space bar is pressed")
    person.speak()
    at.type(" ")
    at.until("open until the space bar is let go")
    at.type(" ")
    at.until("off until the space bar is pressed")
    person.be_silent()
    at.until("you: Grüße")
    at.type("q")
    assert at.ended() == 0

    [recorded] = story.glob("rec/*/wire.jsonl")
    wire = recorded.read_text()
    assert wire.index('"activityStart"') < wire.index('"audio"') < wire.index('"activityEnd"')


def test_a_question_without_a_panel_is_answered_by_a_key(shell, window, person) -> None:
    (shell.folder / "tools.py").write_text(
        "from flashlive_cli import tool\n@tool(confirm=True)\ndef pay(x: str) -> str:\n    return 'paid'\n"
    )
    (shell.folder / "s.toml").write_text(
        '[[turn]]\n[turn.sim]\ncalls = [{ name = "pay", args = { x = "1" } }]\nreply = "{result}"\n'
    )
    at = window()
    at.start(*SIM, "--tools", "tools.py", *person.args, "--format", "plain")
    at.until("talking to")
    person.ask()
    at.until("may the model call pay")
    time.sleep(1.5 * SETTLE_S)  # somebody reads it: keys before that answer nothing
    at.type("y")
    at.until('pay -> "paid"')
    at.type("q")
    assert at.ended() == 0


def test_in_a_pipe_there_are_lines_and_a_panel_asked_for_is_refused(story, shell) -> None:
    with shell.started(*SIM, "-x", "hi", "--speed", "20") as process:
        assert process.wait(20) == 0
        out, err = process.stdout.read(), process.stderr.read()
    assert out.startswith("you: hi\ngemini: Es war einmal ein König in 北京")
    assert "\x1b" not in out + err

    with shell.started(*SIM, "-x", "hi", "--format", "panel") as process:
        assert process.wait(20) == 2
        out, err = process.stdout.read(), process.stderr.read()
    assert out == ""
    assert err == "flashlive: error: --format panel needs a terminal that can draw; plain and json do not\n"


def test_where_the_voice_goes_to_stdout_the_panel_is_on_stderr(story, window) -> None:
    with (story / "voice.wav").open("wb") as voice:
        at = window()
        at.start(*SIM, "-x", "hi", "--speed", "5", "-o", "-", stdout=voice.fileno())
        assert at.ended() == 0

    assert "· speaking ─" in at.words
    assert "gemini  Es war einmal" in at.words
    assert at.modes() == at.before
    sound = (story / "voice.wav").read_bytes()
    assert sound[:4] == b"RIFF"
    assert b"gemini" not in sound
    assert len(sound) > 24_000


def test_with_a_pipe_on_stdin_the_keys_come_from_the_terminal(story, window) -> None:
    at = window(columns=111)
    with (
        (EXAMPLES / "where-is-my-order.wav").open("rb") as wav,
        subprocess.Popen(["cat"], stdin=wav, stdout=subprocess.PIPE) as pipe,
    ):
        assert pipe.stdout is not None
        at.start(*SIM, "--input", "-", stdin=pipe.stdout.fileno())
        pipe.stdout.close()
        at.until("hearing you")
        head = at.until("0:01 ─").splitlines()[-1]
        at.type("?")
        at.until("hide help")
        at.until("· speaking ─")
        at.type("\x1b")
        at.until("? help")
        at.type("\x1b")
        at.until("[not heard: ")
        at.type("q")
        assert at.ended() == 0

    assert len(head) == 110, "as wide as the terminal, which stdin is not"
    assert at.modes() == at.before


@pytest.mark.parametrize(("columns", "rows"), [(10, 3), (500, 100), (40, 12), (1, 1)])
def test_it_fits_terminals_of_any_size(story, window, columns, rows) -> None:
    (story / "tools.py").write_text(
        "import time\ndef look(x: str) -> str:\n    print(x)\n    time.sleep(0.5)\n    return x\n"
    )
    (story / "s.toml").write_text(
        '[[turn]]\n[turn.sim]\ncalls = [{ name = "look", args = { x = "long ' + 30 * "words " + '" } }]\n'
        'reply = "你好, a story of Köln. "\n', encoding="utf-8"
    )  # fmt: skip
    at = window(columns=columns, rows=rows)
    at.start(*SIM, "--tools", "tools.py", "-x", "hi", "--speed", "3")
    assert at.ended() == 0

    assert at.modes() == at.before
    from rich.cells import cell_len

    widths = {cell_len(line) for part in at.words.split("\r\n") for line in part.split("\r")}
    assert max(widths) <= max(columns, 2)
    ups = [sum(int(n or 1) for n in re.findall(r"\x1b\[(\d*)A", frame)) for frame in at.shown.split("\x1b[?7h")]
    assert max(ups) < max(rows, 2), "it never moves above the screen"


def test_a_reader_of_the_voice_that_goes_away_ends_the_talk_and_the_panel(story, window) -> None:
    reading, writing = os.pipe()
    at = window()
    at.start(*SIM, "-x", "hi", "-o", "-", stdout=writing)
    os.close(writing)
    at.until("· speaking ─")
    os.close(reading)
    assert at.ended() == 1

    assert at.modes() == at.before
    assert "error   " in at.words
    assert "Traceback" not in at.words
