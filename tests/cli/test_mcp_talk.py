"""MCP servers in a talk: a real one over its pipes, and one that is killed in mid-call."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parents[1] / "toolbox" / "mcp_server.py"


def serve(shell: Any, *calls: str) -> tuple[str, ...]:
    """Write servers.json and a scenario that makes the calls, one a turn; return the beginning of the command."""
    servers = {"mcpServers": {"shop": {"command": sys.executable, "args": [str(SERVER), "stdio", str(shell.folder)]}}}
    (shell.folder / "servers.json").write_text(json.dumps(servers))
    turns = (f'[[turn]]\n[turn.sim]\ncalls = [{call}]\nreply = "Answer: {{result}}"\n' for call in calls)
    (shell.folder / "s.toml").write_text("".join(turns))
    return ("talk", "--sim", "--scenario", "s.toml", "--mcp", "servers.json", "--format", "json")


def test_a_servers_tools_are_the_models_and_only_what_reads_is_called_unasked(shell) -> None:
    args = serve(shell, '{ name = "get", args = { text = "tea" } }', '{ name = "fail" }')
    outcome = shell(*args, "--speed", "20", "-x", "get", "-x", "fail")

    assert outcome.code == 0, outcome.err
    assert {"get", "wait", "count"} <= set(outcome.record("session.ready")["tools"])
    got, failed = [r for r in outcome.records() if r["type"] == "tool.finished"]
    assert got["response"] == {"output": "tea"}
    assert "consent" in failed["response"]["error"]
    assert any("plant" in r["message"] for r in outcome.records() if r["type"] == "warning")


def test_a_server_that_is_killed_in_mid_call_is_named_and_the_talk_goes_on(shell) -> None:
    args = serve(shell, '{ name = "pid" }', '{ name = "wait" }', '{ name = "get", args = { text = "tea" } }')
    with shell.started(*args, "--yes", "-x", "pid", "-x", "wait", "-x", "get") as process:
        records = []
        assert process.stdout is not None
        for line in process.stdout:
            records.append(json.loads(line))
            if records[-1]["type"] == "tool.called" and records[-1]["name"] == "wait":
                deadline = time.monotonic() + 20
                while not (shell.folder / "begun").exists():
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                pid = next(r for r in records if r["type"] == "tool.finished")["response"]["output"]
                os.kill(int(pid), signal.SIGKILL)
        assert process.wait(30) == 0, process.stderr.read()

    finished = [r for r in records if r["type"] == "tool.finished"]
    assert [r["ok"] for r in finished] == [True, False, False]
    assert all("shop has ended" in r["response"]["error"] for r in finished[1:])
    assert sum("shop" in r["message"] for r in records if r["type"] == "warning" and "ended" in r["message"]) == 1


def test_a_server_that_does_not_come_up_ends_the_talk_before_it_begins(shell) -> None:
    (shell.folder / "servers.json").write_text('{"mcpServers": {"shop": {"command": "no-such-server"}}}')
    outcome = shell("talk", "--sim", "--mcp", "servers.json", "-x", "hi")

    assert outcome.code == 2
    assert "shop" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_talk_whose_servers_do_not_come_up_can_be_left(shell, window) -> None:
    silent = {"command": sys.executable, "args": ["-c", "import time; time.sleep(60)"]}
    (shell.folder / "servers.json").write_text(json.dumps({"mcpServers": {"silent": silent}}))
    at = window()
    at.start("talk", "--sim", "--mcp", "servers.json", "-x", "hi")
    at.until("q quit")
    at.type("q")

    assert at.ended() == 0
    assert at.modes() == at.before
    assert "Traceback" not in at.words
