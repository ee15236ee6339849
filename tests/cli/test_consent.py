"""Tools that ask first, at a real terminal (a pty), by flags, and with nobody there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flashlive_cli.cli.consent import Consent

TOOLS = '''
import pathlib
from flashlive_cli import tool

@tool(confirm=True)
def refund(order_id: str) -> str:
    """Pay an order back."""
    with pathlib.Path("refunded").open("a") as file:
        file.write(order_id + "\\n")
    return "paid back"

def look(order_id: str) -> str:
    """Look an order up."""
    return "shipped"
'''

SCENARIO = """
[[turn]]
[turn.sim]
calls = [{ name = "refund", args = { order_id = "A-1\\u001b[2J" } }]
reply = "Answer: {result}"
[[turn]]
[turn.sim]
calls = [{ name = "refund", args = { order_id = "A-2" } }]
reply = "Answer: {result}"
"""


@pytest.fixture
def shop(shell: Any) -> Any:
    (shell.folder / "tools.py").write_text(TOOLS)
    (shell.folder / "s.toml").write_text(SCENARIO)
    return shell


ARGS = ("talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "--speed", "20")


@contextmanager
def at_a_terminal(*args: str) -> Iterator["tuple[subprocess.Popen[bytes], int]"]:
    """Start flashlive with a terminal of its own as stdin and stderr."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flashlive_cli", *args],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        os.close(ours)


def read_until(terminal: int, words: str) -> str:
    seen, deadline = "", time.monotonic() + 20
    while words not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(terminal, 4096).decode(errors="replace")
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="a pty is POSIX's")
@pytest.mark.parametrize(
    ("typed", "refunded", "questions"),
    [
        (["y", "n"], ["A-1\x1b[2J"], 2),
        (["always"], ["A-1\x1b[2J", "A-2"], 1),
        (["what?", "n", "y"], ["A-2"], 3),
    ],
)
def test_the_question_is_put_and_answered_at_the_terminal(shop, typed, refunded, questions) -> None:
    with at_a_terminal(*ARGS, "--format", "json", "-x", "refund one", "-x", "refund two") as (process, terminal):
        seen = ""
        for line in typed:
            seen += read_until(terminal, "[y/n/always]")
            os.write(terminal, f"{line}\n".encode())
        assert process.stdout is not None
        records = [json.loads(line) for line in process.stdout]
        assert process.wait(20) == 0

    assert seen.count("may the model call refund") == questions
    assert "\x1b[2J" not in seen
    assert (shop.folder / "refunded").read_text().splitlines() == refunded
    assert [r["name"] for r in records if r["type"] == "tool.asked"] == ["refund", "refund"]
    finished = [r["ok"] for r in records if r["type"] == "tool.finished"]
    assert finished == ([True, True] if questions == 1 else [answer == "y" for answer in typed if answer != "what?"])


@pytest.mark.parametrize("flags", [("--yes",), ("--allow", "refund")])
def test_flags_allow_without_a_question(shop, flags) -> None:
    outcome = shop(*ARGS, *flags, "-x", "refund one", "--format", "json")

    assert outcome.code == 0, outcome.err
    assert outcome.record("tool.finished")["ok"]
    assert "may the model" not in outcome.err


def test_with_nobody_at_a_keyboard_it_is_refused_and_the_model_told(shop) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flashlive_cli", *ARGS, "-x", "refund one", "--format", "json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    finished = next(r for r in map(json.loads, done.stdout.splitlines()) if r["type"] == "tool.finished")
    assert "nobody is at a keyboard" in finished["response"]["error"]
    assert not (shop.folder / "refunded").exists()


def test_a_denied_tool_is_hidden_from_the_model(shop) -> None:
    outcome = shop(*ARGS, "--deny", "refund", "-x", "refund one", "--format", "json")

    assert outcome.record("session.ready")["tools"] == ["look"]
    assert not outcome.record("tool.finished")["ok"]


@pytest.mark.parametrize("option", ["--allow", "--deny"])
def test_a_name_that_no_tool_has_is_refused_with_the_nearest(shop, option) -> None:
    outcome = shop(*ARGS, option, "refnd", "-x", "hi")

    assert outcome.code == 2
    assert "did you mean refund?" in outcome.err
    assert shop("talk", "--sim", option, "refund", "-x", "hi").code == 2


def test_allowing_and_denying_the_same_tool_is_refused(shop) -> None:
    outcome = shop(*ARGS, "--allow", "refund", "--deny", "refund", "-x", "hi")

    assert outcome.code == 2
    assert "the same tool: refund" in outcome.err


def test_what_a_tool_and_its_threads_say_on_stderr_is_a_line_and_no_escape(shop) -> None:
    (shop.folder / "tools.py").write_text(
        "import sys, threading\n\ndef refund(order_id: str) -> str:\n"
        "    print('err\\x1b[31m', file=sys.stderr)\n"
        "    thread = threading.Thread(target=lambda: 1 / 0)\n    thread.start()\n    thread.join()\n"
        "    return 'paid'\n"
    )
    outcome = shop(*ARGS, "-x", "refund one", "--format", "json")

    assert outcome.code == 0, outcome.err
    assert outcome.record("tool.printed")["line"] == r"err\x1b[31m"
    assert "ZeroDivisionError" in outcome.record("warning")["message"]
    assert not outcome.err


async def test_questions_are_put_one_after_another_and_always_answers_the_rest() -> None:
    import asyncio

    asked: list[str] = []

    async def ask(question: str) -> str | None:
        asked.append(question)
        await asyncio.sleep(0)
        return "always"

    consent = Consent(ask, everything=False, allowed=())
    assert await asyncio.gather(*(consent("refund", {"n": n}) for n in range(5))) == [None] * 5
    assert len(asked) == 1
