"""The ways out of a talk with a panel: each leaves the terminal as it found it, and has its exit code."""

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

STORY = """
[[turn]]
[turn.sim]
reply = "Once upon a time there was a king, who had three daughters and a lighthouse, and it went on like this."
"""

TOOLS = '''
import os, signal, sys, time

def leave() -> str:
    """Leave."""
    sys.exit(5)

def interrupt() -> str:
    """Interrupt."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)
    return "never"

def block() -> str:
    """Take long."""
    time.sleep(20)
    return "late"
'''


def in_order(at: Any) -> None:
    """Hold the terminal against what it was before."""
    assert at.modes() == at.before
    for mode, rest in (("25", "h"), ("7", "h"), ("2004", "l")):
        switched = re.findall(rf"\x1b\[\?{mode}([hl])", at.shown)
        assert switched, mode
        assert switched[-1] == rest, (mode, switched)
    assert at.shown.count("\x1b[>7u") == at.shown.count("\x1b[<u") == 1, (
        "the keyboard protocol is left as often as entered"
    )
    last_panel = at.words.rindex("q quit")
    assert "── simulated" not in at.words[last_panel:]


def calling(folder: Path, tool: str) -> tuple[str | Path, ...]:
    (folder / "tools.py").write_text(TOOLS)
    (folder / "s.toml").write_text(f'[[turn]]\n[turn.sim]\ncalls = [{{ name = "{tool}" }}]\nreply = "Well."\n')
    return ("talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "-x", "go")


@pytest.mark.parametrize(
    ("way", "code"),
    [("q", 0), ("\x1b[113u", 0), ("\x03", 130), ("\x1b[99;5u", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_the_user_ends_a_talk(shell, window, way, code) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = window(kitty=True)
    at.start("talk", "--sim", "--scenario", "s.toml", "-x", "a story", "-o", "o.wav")
    at.until_sent("\x1b[>7u")
    at.until("· speaking ─")
    if isinstance(way, str):
        at.type(way)
    else:
        at.signal(way)
    assert at.ended() == code

    in_order(at)
    assert "[not heard: " in at.words
    assert "Traceback" not in at.words


def test_a_second_ctrl_c_ends_a_talk_whose_server_does_not_say_goodbye(shell, window) -> None:
    with shell.started("sim", "--port", "0") as simulator:
        url = next(word for word in simulator.stdout.readline().split() if word.startswith("ws://"))
        at = window(kitty=True)
        at.start("talk", "--url", url, "-x", "tell me a story")
        at.until_sent("\x1b[>7u")
        at.until("· speaking ─")
        simulator.send_signal(signal.SIGSTOP)
        at.type("\x03")
        at.until("[not heard: ")
        assert at.runs()
        at.type("\x03")
        assert at.ended() == 130

    in_order(at)
    assert "Traceback" not in at.words


def test_ctrl_c_does_not_wait_for_a_tool(shell, window) -> None:
    at = window(kitty=True)
    at.start(*calling(shell.folder, "block"))
    at.until_sent("\x1b[>7u")
    at.until("· tool running ─")
    begun_s = time.monotonic()
    at.type("\x03")
    assert at.ended() == 130
    assert time.monotonic() - begun_s < 10

    in_order(at)
    assert "Traceback" not in at.words


def test_a_tool_that_exits_ends_nothing_and_leaves_the_panel_as_it_is(shell, window) -> None:
    at = window(kitty=True)
    at.start(*calling(shell.folder, "leave"), "--speed", "5")
    at.until_sent("\x1b[>7u")
    at.until("failed after")
    assert at.ended() == 0

    in_order(at)


def test_a_tool_that_interrupts_us_is_ctrl_c(shell, window) -> None:
    at = window(kitty=True)
    at.start(*calling(shell.folder, "interrupt"))
    at.until_sent("\x1b[>7u")
    assert at.ended() == 130

    in_order(at)
    assert "Traceback" not in at.words


def test_a_talk_whose_server_is_gone_can_be_left(shell, window) -> None:
    with shell.started("sim", "--port", "0") as simulator:
        url = next(word for word in simulator.stdout.readline().split() if word.startswith("ws://"))
        at = window(kitty=True)
        at.start("talk", "--url", url, "-x", "tell me a story")
        at.until_sent("\x1b[>7u")
        at.until("· speaking ─")
        simulator.kill()
        at.until("· moving to another connection ─")
        at.type("q")
        assert at.ended() == 0

    in_order(at)


def test_a_setup_that_is_refused_ends_the_talk(shell, window) -> None:
    with shell.simulator("--key", "right") as url:
        at = window(kitty=True)
        at.start("talk", "--url", url, "-x", "hi", GEMINI_API_KEY="wrong")
        at.until_sent("\x1b[>7u")
        assert at.ended() == 3

    in_order(at)
    assert "error   " in at.words
    assert "wrong" not in at.words


@pytest.mark.xdist_group("sound card")
@pytest.mark.timeout(120)
def test_a_sound_card_that_goes_away_is_told_and_the_keys_work_on(shell, window, card) -> None:
    at = window(kitty=True)
    at.start("talk", "--sim")
    at.until_sent("\x1b[>7u")
    at.until("· listening ─")
    card.daemon.kill()
    at.until("no microphone and no speaker")
    at.type("q")
    assert at.ended() == 0

    in_order(at)
    assert "Expression" not in at.words, "what drivers say is for the log"


def test_a_mistake_on_the_command_line_leaves_the_terminal_alone(shell, window) -> None:
    at = window(kitty=True)
    at.start("talk", "--sim", "--input", "no\x1b[2J\x1b]0;such\x07.wav")
    assert at.ended() == 2

    assert at.modes() == at.before
    assert at.shown.count("\x1b") == 0, at.shown
    assert r"no\x1b[2J\x1b]0;such\x07.wav" in at.words
    assert at.words.count("\n") == 1


def test_a_terminal_whose_window_is_closed_ends_the_talk(shell, window) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = window()
    at.start("talk", "--sim", "--scenario", "s.toml", "-x", "a story", "-o", "o.wav", "--record", "rec")
    at.until("· speaking ─")
    at.hang_up()
    assert at.ended() == 129

    [folder] = (shell.folder / "rec").iterdir()
    assert '"session.closed"' in (folder / "events.ndjson").read_text()
