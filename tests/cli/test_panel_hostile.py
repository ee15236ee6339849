"""Words of strangers that would steer the terminal: none gets there, whichever way it takes."""

import json
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve  # noqa: TID251 - the far end of a test

from flashlive_cli.cli.keys import SETTLE_S
from tests.cli.terminals import EXAMPLES

OURS = re.compile(
    r"\x1b\[(?:[0-9;]*m|[0-9]*[ABCDG]|[0-2]?K|J|\?(?:25|7|2004)[hl]|[>=]7u|<u|\?u|c)"
    # SGR, cursor, erase, cursor's light, wrapping, paste, kitty's push, set, pop and question, and "what are you?"
)
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
EVIL = (
    "".join(map(chr, (*range(32), *range(0x7F, 0xA0))))
    + BIDI
    + "\u2028\u2029"
    + "\x1b[2J\x1b[7A\x1b[38;5;199m\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x1b\\\x1bPq\x1b\\\x1bc\x1b[?1049h\x1b[5n"
    + "\x1b_x\x1b\\\x9b3J\x9d0;t\x9c"
)
LIKE_OURS = ("\x1b[7A", "\x1b[38;5;199m")
"""Part of `EVIL` that has the shape of what the panel sends itself."""


def strange_in(shown: str) -> set[str]:
    """Return what is neither text nor the panel's own."""
    rest = OURS.sub("", shown).replace("\r\n", "").replace("\r", "")
    strange = {char for char in rest if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in BIDI}
    return {ascii(char) for char in strange} | {sequence for sequence in LIKE_OURS if sequence in shown}


def test_this_test_would_notice() -> None:
    assert len(strange_in(EVIL)) == 31 + 33 + 12 + 2 + 2


def toml(text: str) -> str:
    """Spell a text as TOML does."""
    return json.dumps(text).replace("\x7f", "\\u007f")


TOOLS = f'''
import logging, os, subprocess, sys, warnings
from flashlive_cli import tool
EVIL = {EVIL!r}

def say(what: str) -> str:
    """Say {ascii(EVIL)[1:-1]}."""
    print("printed" + EVIL)
    print("complained" + EVIL, file=sys.stderr)
    os.write(1, ("bare" + EVIL).encode() + b"\\n")
    os.write(2, ("bare" + EVIL).encode() + b"\\xff\\xfe\\n")
    subprocess.run([sys.executable, "-S", "-c", "print(" + ascii("child" + EVIL) + ")"], env={{"PYTHONUTF8": "1"}})
    logging.getLogger("log" + EVIL).error("logged" + EVIL)
    warnings.warn("warned" + EVIL)
    return "result" + EVIL

def fail() -> dict[str, str]:
    """Fail."""
    raise RuntimeError("failure" + EVIL)

@tool(confirm=True)
def ask(what: str) -> str:
    """Ask."""
    return "asked" + EVIL
'''


def test_the_model_a_tool_and_names_of_files_steer_nothing(shell, window) -> None:
    calls = '{ name = "fail" }, ' + ", ".join(
        f"{{ name = {toml(name)}, args = {{ {toml(argument)} = {toml('value' + EVIL)} }} }}"
        for name, argument in (("say", "what"), ("say", "other" + EVIL), ("unknown" + EVIL, "x"))
    )
    (shell.folder / "s.toml").write_text(
        f'[[turn]]\n[turn.sim]\nheard = {toml("heard" + EVIL)}\ncalls = [{calls}]\nreply = "so{{result}}"\n'
        'voice_wav = "v.wav"\n'
        f'[[turn]]\n[turn.sim]\nreply = {toml("reply" + EVIL)}\nvoice_wav = "v.wav"\n'
        '[[turn]]\n[turn.sim]\ncalls = [{ name = "ask", args = { what = ' + toml(EVIL) + ' } }]\nreply = "Yes."\n',
        encoding="utf-8",
    )
    (shell.folder / "tools.py").write_text(TOOLS)
    shell.wav("v.wav", 0.3, 24000)
    name = "".join(char for char in EVIL if char not in "\0/")[:60]
    (shell.folder / f"{name}.wav").write_bytes((EXAMPLES / "where-is-my-order.wav").read_bytes()[:60_000])
    (shell.folder / f"{name}.txt").write_text(EVIL)

    at = window(kitty=True, columns=80)
    at.start(
        "talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "--input", f"{name}.wav", "-x", "two",
        "-x", EVIL.replace("\0", ""), "--system", f"@{name}.txt", "--record", f"r{name}", "--speed", "3",
    )  # fmt: skip
    at.until("may the model call ask(")
    at.until("y yes")
    time.sleep(1.5 * SETTLE_S)  # somebody reads it: keys before that answer nothing
    at.type("y")
    assert at.ended() == 0

    assert strange_in(at.shown) == set()
    shown = "".join(at.words.split())
    for words in ("heard", "printed", "complained", "bare", "child", "logged", "warned", "result", "failure", "reply"):
        assert rf"{words}\x00\x01" in shown or rf"{words}\u0000\u0001" in shown, words
    assert at.modes() == at.before
    assert list((shell.folder / f"r{name}").iterdir())


@contextmanager
def far_end(behave: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Run a server that takes the setup and then does as told."""

    def handle(socket: ServerConnection) -> None:
        socket.recv()
        socket.send(b'{"setupComplete":{}}')
        behave(socket)

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def say(socket: ServerConnection, **message: Any) -> None:
    socket.send(json.dumps(message).encode())


def test_what_a_server_says_steers_nothing_not_even_its_goodbye(shell, window) -> None:
    """Also what no simulator would say: names of calls, ids and reasons of its own."""

    def behave(socket: ServerConnection) -> None:
        socket.recv()
        content: Callable[..., None] = lambda **more: say(socket, serverContent=more)  # noqa: E731 - short
        for char in EVIL:
            content(outputTranscription={"text": char + "."})
        content(inputTranscription={"text": "user" + EVIL})
        content(modelTurn={"parts": [{"text": "part" + EVIL}]}, turnCompleteReason="why" + EVIL)
        say(
            socket, toolCall={"functionCalls": [{"id": "id" + EVIL, "name": "name" + EVIL, "args": {"a" + EVIL: EVIL}}]}
        )
        while "toolResponse" not in json.loads(socket.recv()):
            pass
        say(socket, toolCallCancellation={"ids": ["id" + EVIL]})
        say(socket, usageMetadata={"promptTokensDetails": [{"modality": "M" + EVIL, "tokenCount": 3}]})
        content(interrupted=True)
        say(socket, goAway={"timeLeft": "9" + EVIL + "s"})
        socket.close(1008, "reason" + EVIL[:32] + "\x1b[2J\x9b3J\u202e")

    with far_end(behave) as url:
        at = window(kitty=True)
        at.start("talk", "--url", url, "-x", "go", "--model", "gemini-3.1-flash-live-preview")
        code = at.ended()

    assert strange_in(at.shown) == set()
    assert code == 3
    assert at.modes() == at.before
    assert at.shown.rindex("\x1b[?25h") > at.shown.rindex("\x1b[?25l")
    assert r"reason\x00\x01" in "".join(at.words.split())


def test_the_command_of_a_program_that_is_the_microphone_steers_nothing(shell, window, person) -> None:
    name = "".join(char for char in EVIL if char not in "\0'\"\\")
    mic = person.args[1]
    at = window()
    at.start("talk", "--sim", "--input", f"{mic} '{name}'", *person.args[2:])
    at.until("· listening ─")
    at.type("t")
    at.until("enter send")
    at.type("\x1b[200~pasted" + re.sub("[\x03\x1a\x1c]", "", EVIL) + "\x1b[201~")  # those are signals to the kernel
    at.until("0;t")
    at.type("\r")
    at.until("you     pasted")
    at.type("q")
    assert at.ended() == 0

    assert strange_in(at.shown) == set()


@pytest.mark.parametrize("form", ["plain", "json"])
def test_in_lines_on_a_terminal_it_is_the_same(shell, window, form) -> None:
    """But for what a tool's child processes write to descriptors 1 and 2 themselves."""
    (shell.folder / "s.toml").write_text(
        f'[[turn]]\n[turn.sim]\ncalls = [{{ name = "say", args = {{ what = {toml(EVIL)} }} }}]\n'
        f'reply = {toml("reply" + EVIL)}\nvoice_wav = "v.wav"\n'
    )
    shell.wav("v.wav", 0.3, 24000)
    (shell.folder / "tools.py").write_text(re.sub(" +(os|subprocess|warnings)[.].*\n", "", TOOLS))
    at = window()
    at.start("talk", "--sim", "--scenario", "s.toml", "--tools", "tools.py", "-x", EVIL[1:], "--format", form)
    assert at.ended() == 0

    assert strange_in(at.shown) == set()
    assert "\x1b" not in at.shown
    assert r"reply\x00" in at.shown or r"reply\u0000" in at.shown
