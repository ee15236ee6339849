"""The panel at a real terminal: what is seen of a talk, and what each key does."""

import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminals import EXAMPLES

STATUS = r"^── .* \d+:\d\d ─$"
METERS = r"^ (you|muted|off) +[●○] [━╸─]+ +gemini [━╸─]+"

TOOLS = '''
import time

def look(order_id: str) -> str:
    """Look an order up."""
    print("looking in the cellar")
    time.sleep(1.5)
    return "shipped"
'''

ORDER = """
[[turn]]
[turn.sim]
heard = "Where is my order A-1001?"
calls = [{ name = "look", args = { order_id = "A-1" } }]
reply = "Your order A-1001 has shipped and arrives on Thursday."
"""

LONG = "Once upon a time there was a king, who had three daughters and a lighthouse. "
STORY = f"""
[[turn]]
[turn.sim]
heard = "A story, please."
reply = "{LONG * 3}"
[[turn]]
[turn.sim]
heard = "Another one."
reply = "There is none."
[[turn]]
[turn.sim]
heard = "What a pity."
reply = "It is."
"""


def different(at: Any, pattern: str, count: int) -> list[str]:
    """Watch the screen until a line has looked in so many ways; return them in order."""
    found: list[str] = []

    def look(lines: list[str]) -> bool:
        found.extend(line for line in lines if re.search(pattern, line) and line not in found)
        return len(found) >= count

    at.until_seen(look, pattern, count)
    return found


def one_panel(lines: list[str], keys: str = "q quit") -> bool:
    """Whether there is one panel on the screen and nothing left of another one."""
    counts = [sum(bool(re.search(pattern, line)) for line in lines) for pattern in (r"^──", "gemini +[━╸─]{3}", keys)]
    return counts == [1, 1, 1]


def wire(folder: Path) -> list[dict[str, Any]]:
    """What went over the wire of the one talk that was recorded, the client's messages and the times."""
    [path] = folder.glob("rec/*/wire.jsonl")
    return [record for record in map(json.loads, path.read_text().splitlines()) if "c" in record]


def inputs(folder: Path) -> list[tuple[float, str, int]]:
    """What the client sent of the user: when, what, and how many milliseconds of sound."""
    found = []
    for record in wire(folder):
        for kind, value in record["c"].get("realtimeInput", {}).items():
            ms = len(value["data"]) * 3 // 4 // 32 if kind == "audio" else 0
            found.append((record["t"], kind, ms))
    return found


def test_a_talk_is_seen_from_its_beginning_to_its_end(shell, tmux) -> None:
    (shell.folder / "tools.py").write_text(TOOLS)
    (shell.folder / "s.toml").write_text(ORDER)
    at = tmux()
    at.run(
        "talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "--input", EXAMPLES / "where-is-my-order.wav"
    )

    at.until(STATUS, "esc stop voice · [?] help · q quit")
    at.until(f"{STATUS[:-1]}", "hearing you")
    different(at, r"^ you +● ━[━╸]*─* +gemini ─+", 3)
    at.until("^you +Where is my order A-1001[?]$")
    running = different(at, r"^tool +[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] \d\.\d s  look\(order_id=\"A-1\"\)$", 4)
    assert at.until("printed: looking in the cellar")
    at.until(r"^ +after 1\.\d s: \"shipped\"$")
    grown = different(at, "^gemini  Your", 3)
    different(at, r"^ you +○ ─+ +gemini ━[━╸]*─*", 3)
    at.until(r"^ answer +\d\.\d s .* content \d+ \+ audio \d+ \+ playing \d+ ms$")
    assert at.ended() == 0

    assert len({line.split()[1] for line in running}) > 1, "the spinner turns"
    assert sorted(running, key=lambda line: float(line.split()[2])) == running
    assert all(later.startswith(earlier) for earlier, later in pairwise(grown))
    before, after = at.modes()
    assert before == after
    assert at.shows_cursor()
    kept = at.history()
    assert not re.search(STATUS, kept, re.MULTILINE), "the panel is taken away"
    for line in (
        r"^you     Where is my order A-1001\?$",
        r"^tool    look\(order_id=\"A-1\"\)$",
        r"^        after 1\.\d s: \"shipped\"$",
        r"^gemini  Your order A-1001 has shipped and arrives on Thursday\.$",
        r"^talk    0:\d\d, 1 turn, 1 tool call, .* tokens in",
    ):
        assert len(re.findall(line, kept, re.MULTILINE)) == 1, line


def test_each_key_does_what_it_says(shell, tmux, person) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = tmux()
    at.run("talk", "--sim", "--scenario", "s.toml", "--record", "rec", *person.args)
    at.until("m mute · space talk · esc stop voice · t type · [?] help · q quit", METERS)

    person.ask()
    at.until("hearing you")
    different(at, "^ you +[●○] ━", 3)
    at.until("gemini  Once upon a time", "· speaking ─")
    at.press("Escape")
    at.until(r"\[not heard: ", r"^ barge-in silent \d+ ms", r"gemini ─+$")

    at.press("Space")
    at.until("^ the microphone is open: m mutes it")
    at.press("?")
    at.until("^ m +mute the microphone", "^ q +end the talk", "[?] hide help")
    at.press("?")
    at.until_seen(lambda lines: not any("hide help" in line for line in lines) and one_panel(lines), "no help")

    at.press("m")
    at.until("microphone muted", "^ muted", "m unmute")
    person.ask()
    different(at, "^ muted +[●○] ━", 2)
    at.press("t")
    at.until("enter send · esc leave")
    at.type("anothr one")
    at.press("Left", "Left", "Left", "Left", "Left")
    at.type("ex")
    at.press("BSpace")
    at.until("^ type +another one$")
    at.press("Enter")
    at.until("^you +another one$", r"\[not heard: ", "^gemini +There is none[.]$", "^ muted +○ ─+ +gemini ─+$")
    at.press("m")
    at.until("^ you ", "m mute")
    person.ask()
    at.until("hearing you")
    at.until("^you +What a pity[.]$", "^gemini +It is[.]$", "· listening ─")
    at.press("q")
    assert at.ended() == 0

    before, after = at.modes()
    assert before == after
    sent = inputs(shell.folder)
    muted_s, opened_s = (record["t"] for record in events(shell.folder, "microphone"))
    assert [kind for t, kind, _ in sent if muted_s < t < opened_s] == ["audioStreamEnd", "text"]
    assert {kind for t, kind, _ in sent if t > opened_s} == {"audio"}
    said = [line for line in at.history().splitlines() if line.startswith(("you ", "gemini "))]
    assert said[0] == "you     A story, please."
    assert said[-2:] == ["you     What a pity.", "gemini  It is."]


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """What was recorded of one kind."""
    [path] = folder.glob("rec/*/events.ndjson")
    return [record for record in map(json.loads, path.read_text().splitlines()) if record["type"] == kind]


def pushes(folder: Path) -> list[list[tuple[float, str, int]]]:
    """What went up in each push of the space bar; nothing goes up between."""
    found: list[list[tuple[float, str, int]]] = []
    for t, kind, ms in inputs(folder):
        if kind == "activityStart":
            found.append([])
        assert found, "before the first push nothing goes up"
        assert kind == "activityStart" or found[-1][-1][1] != "activityEnd", (t, kind)
        found[-1].append((t, kind, ms))
    return found


def sound_ms(push: list[tuple[float, str, int]], within_s: float) -> int:
    """How much sound went up in the beginning of a push."""
    return sum(ms for t, _, ms in push if t - push[0][0] <= within_s)


def test_the_space_bar_opens_the_microphone_by_a_tap_and_closes_it_by_another(shell, tmux, person) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = tmux()
    at.run("talk", "--sim", "--scenario", "s.toml", "--record", "rec", "--push-to-talk", *person.args)
    at.until("· push to talk ─", "^ off", "^ space talk · esc")
    person.speak()
    different(at, "^ off +[●○] ━", 3)
    at.press("Space")
    at.until("^ you +[●○] ━", "space end talking")
    different(at, "^ you +[●○] ━", 3)
    at.press("Space")
    at.until("^ off ", "space talk")
    person.be_silent()
    at.until("^you +A story, please[.]$", "^gemini +Once upon")
    at.press("q")
    assert at.ended() == 0

    [push] = pushes(shell.folder)
    assert push[-1][1] == "activityEnd"
    assert 400 <= sound_ms(push, 0.1) <= 650, "half a second from before the key"


def test_the_space_bar_is_held_where_the_terminal_tells_of_its_release(shell, window, person) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = window(kitty=True)
    at.start("talk", "--sim", "--scenario", "s.toml", "--record", "rec", "--push-to-talk", *person.args)
    at.until_sent("\x1b[>7u")
    at.until("· push to talk ─")
    person.speak()
    for _ in range(2):
        at.type("\x1b[32u")
        at.until("space end talking")
        time.sleep(0.5)  # a hold is longer than a tap
        at.type("\x1b[32;1:2u\x1b[32;1:3u")
        at.until("space talk")
    person.be_silent()
    at.until("There is none.")
    at.type("\x1b[113u")
    assert at.ended() == 0

    assert at.modes() == at.before
    held = pushes(shell.folder)
    assert [push[-1][1] for push in held] == ["activityEnd"] * 2
    assert all(0.45 < push[-1][0] - push[0][0] < 1.5 for push in held)
    assert at.shown.count("\x1b[>7u") == at.shown.count("\x1b[<u") == 1


@pytest.mark.xdist_group("sound card")
@pytest.mark.timeout(120)
def test_a_question_spoken_into_a_microphone_moves_the_meters_and_is_answered(shell, card, tmux) -> None:
    (shell.folder / "s.toml").write_text(ORDER.replace("calls", "# calls"))
    at = tmux(80, 24)
    at.run("talk", "--sim", "--scenario", "s.toml")
    at.until("^note +microphone default", METERS, "· listening ─")
    card.speak(EXAMPLES / "where-is-my-order.wav")
    at.until("^you +Where is my order A-1001[?]$")
    different(at, "gemini ━", 3)
    at.until("^gemini +Your order A-1001 has shipped and arrives on Thursday[.]$", "echo: ")
    at.press("q")
    assert at.ended() == 0
    before, after = at.modes()
    assert before == after


def test_a_terminal_made_narrow_and_wide_again_shows_one_panel_and_keeps_what_was_said(shell, tmux) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = tmux(200, 30)
    at.command("talk", "--sim", "--scenario", "s.toml", "-x", "a story")
    at.order("clear; seq -f 'before %g.' 40; ./command; echo code=$?; echo over")
    at.until("gemini  Once upon", "· speaking ─")
    for width in (120, 40, 41, 80, 40, 200):
        at.resize(width, 30)
        at.until_seen(one_panel, width)
        wait_for_frames(at)
        lines = at.screen()
        assert one_panel(lines), (width, lines)
        longest = next(len(line) for line in lines if line.startswith("──"))
        assert longest == min(width - 1, 120), "it is drawn for this width"
    at.press("q")
    assert at.ended() == 0

    kept = at.history()
    assert re.findall(r"^before (\d+)\.$", kept, re.MULTILINE)[-40:] == [str(n) for n in range(1, 41)]
    assert "──" not in kept
    assert len(re.findall("^gemini  Once upon", kept, re.MULTILINE)) == 1
    [said] = re.findall(r"gemini (Once upon .*?) talk 0:", " ".join(kept.split()))
    assert (3 * LONG).startswith(said.replace("[not heard: ", "").removesuffix("]")), "no word is lost or comes twice"


def wait_for_frames(at: Any) -> None:
    """Wait until the panel was drawn anew a few times: what a frame leaves behind is seen after the next."""
    different(at, "gemini +[━╸─]+", 4)


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_the_talk_back(shell, tmux) -> None:
    (shell.folder / "s.toml").write_text(STORY)
    at = tmux()
    at.command("talk", "--sim", "--scenario", "s.toml", "-x", "a story")
    at.order("clear; stty -a > before; ./command")
    at.until("gemini  Once upon", "· speaking ─")
    for name in ("first", "second"):
        at.press("C-z")
        at.until("(?i)suspended|stopped")
        at.order(f"stty -a > {name}; echo {name} over")
        lines = at.until(f"^{name} over$")
        assert not any(re.search(STATUS, line) for line in lines), lines
        assert at.shows_cursor()
        assert (shell.folder / name).read_text() == (shell.folder / "before").read_text()
        at.order("clear; fg")
        at.until(STATUS, "· speaking ─")
        wait_for_frames(at)
        assert one_panel(at.screen())
    at.press("q")
    at.until_seen(lambda lines: any(line.startswith("talk ") for line in lines), "the end")
    at.order("stty -a > after; echo all over")
    at.until_seen(lambda lines: any(line in {"all over", "# all over", "$ all over"} for line in lines), "all over")
    assert (shell.folder / "after").read_text() == (shell.folder / "before").read_text()


CONSENT = '''
from flashlive_cli import tool

@tool(confirm=True)
def refund(order_id: str) -> str:
    """Pay an order back."""
    return "paid " + order_id
'''


def test_a_tool_that_asks_is_answered_by_a_key_while_the_talk_goes_on(shell, tmux, person) -> None:
    (shell.folder / "tools.py").write_text(CONSENT)
    calls = ", ".join(f'{{ name = "refund", args = {{ order_id = "A-{n}" }} }}' for n in (1, 2))
    turns = (
        calls,
        '{ name = "refund", args = { order_id = "A-3" } }',
        '{ name = "refund", args = { order_id = "A-4" } }',
    )
    (shell.folder / "s.toml").write_text(
        "".join(f'[[turn]]\n[turn.sim]\nheard = "Turn."\ncalls = [{made}]\nreply = "So be it."\n' for made in turns)
    )
    at = tmux()
    at.run("talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "--record", "rec", *person.args)
    at.until("· listening ─")

    def ask(words: str) -> None:
        at.press("t")
        at.until("enter send")
        at.type(words)
        at.press("Enter")

    ask("both")
    at.until(r'^ [?] may the model call refund\(order_id="A-1"\)[?]$', "^ y yes · n no · a always$")
    different(at, STATUS, 3)  # the clock goes on, for a second at least
    at.press("x")
    different(at, STATUS, 3)  # a question takes no key before some quiet
    at.press("y")
    at.until(r'may the model call refund\(order_id="A-2"\)', '"paid A-1"')
    different(at, STATUS, 3)
    at.press("n")
    at.until("does not allow refund", "q quit", "gemini  I am sorry", "· listening ─")
    ask("third")
    at.until(r'may the model call refund\(order_id="A-3"\)')
    different(at, STATUS, 3)
    at.press("a")
    at.until('"paid A-3"', "q quit")
    at.until("gemini  So be it.", "· listening ─")
    ask("fourth")
    at.until('"paid A-4"')
    at.press("q")
    assert at.ended() == 0

    first = next(record["t"] for record in events(shell.folder, "tool.asked"))
    answered = next(record["t"] for record in events(shell.folder, "tool.finished"))
    assert sum(ms for t, kind, ms in inputs(shell.folder) if kind == "audio" and first < t < answered) > 500


STRANGE = '''
import logging, os, subprocess, sys, threading, warnings

def noisy(what: str) -> str:
    """Make noise."""
    print("by print")
    subprocess.run("echo child one; echo child two >&2; printf '\\\\033[2J\\\\033[1;1Hhome\\\\n'", shell=True)
    os.write(1, b"bare one\\n")
    os.write(2, b"bare two\\n")
    logging.getLogger("somebody").warning("by logging")
    warnings.warn("by warnings")
    threading.Thread(target=print, args=("by a thread",)).start()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return "made"
'''


def test_what_others_write_to_the_terminal_becomes_lines_above_the_panel(shell, tmux) -> None:
    (shell.folder / "tools.py").write_text(STRANGE)
    (shell.folder / "s.toml").write_text(
        f'[[turn]]\n[turn.sim]\ncalls = [{{ name = "noisy", args = {{ what = "x" }} }}]\nreply = "{LONG}"\n'
    )
    at = tmux()
    at.run("talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "-x", "go")
    at.until("gemini  Once upon", "· speaking ─", "child two", "by a thread")
    wait_for_frames(at)
    assert one_panel(at.screen())
    at.press("q")
    assert at.ended() == 0

    kept = at.history()
    for line in (
        r"^        printed: by print$",
        r"^note    child one$",
        r"^note    child two$",
        r"^note    \\x1b\[2J\\x1b\[1;1Hhome$",
        r"^note    bare one$",
        r"^note    bare two$",
        r"^(note  |tool  |     ) .*WARNING somebody: by logging$",
        r"UserWarning: by warnings$",
        r"by a thread$",
        r"^warning .*started by a tool, died of ZeroDivisionError",
    ):
        assert re.search(line, kept, re.MULTILINE), (line, kept)
