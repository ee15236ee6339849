"""MCP servers: real ones over stdio and HTTP, and programs that behave badly."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import IO, Any

import pytest

from flashlive_cli.errors import ToolError
from flashlive_cli.toolbox.mcp import LocalServer, RemoteServer, _names, open_servers
from flashlive_cli.toolbox.tool import Answer, Tool

SERVER = str(Path(__file__).with_name("mcp_server.py"))

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")

# What follows is put before a program that speaks the protocol by hand.
BY_HAND = """\
import json, os, signal, subprocess, sys, time

def read():
    line = sys.stdin.readline()
    return json.loads(line) if line else None

def answer(message, result):
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)

def refuse(message, code, text):
    error = {"code": code, "message": text}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}), flush=True)

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
TOOLS = {"tools": [{"name": "get", "inputSchema": {"type": "object"}}]}

def hello():
    answer(read(), HELLO)
    read()
    answer(read(), TOOLS)

"""


def real(notes: Path, name: str = "test") -> LocalServer:
    return LocalServer(name, sys.executable, (SERVER, "stdio", str(notes)))


def by_hand(program: str, name: str = "hand", **more: Any) -> LocalServer:
    return LocalServer(name, sys.executable, ("-c", BY_HAND + dedent(program)), **more)


async def outcome(tool: Tool, **args: object) -> Answer:
    """Call a tool; it must give one outcome, a final one."""
    (only,) = [one async for one in tool.run(args)]
    assert only.final
    return only.response


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def named(tools: list[Tool]) -> dict[str, Tool]:
    return {tool.declaration.name: tool for tool in tools}


@pytest.fixture
def troubles() -> list[str]:
    return []


async def test_tools_of_a_real_server_are_listed_and_called(
    tmp_path: Path, troubles: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "flashlive.mcp")
    async with open_servers([real(tmp_path)], on_trouble=troubles.append) as tools:
        by_name = named(tools)
        pid = int(str((await outcome(by_name["pid"]))["output"]))

        # declared: all pages, names the service takes, arguments in its subset, consent by annotation
        assert list(by_name) == ["get", "wait", "pid", "count", "miscount", "show", "fail", "flood", "header", "grow",
                                 "refuse", "what_time_is_it_"]  # fmt: skip
        assert troubles == [
            "server test: its tool plant is left out: #/$defs/Tree contains itself, and the Live API has no references"
        ]
        get = by_name["get"]
        assert get.declaration.description == "Say it back."
        assert get.declaration.parameters == {
            "type": "OBJECT", "properties": {"text": {"type": "STRING"}}, "required": ["text"]
        }  # fmt: skip
        assert by_name["pid"].declaration.parameters is None
        assert get.origin == "server test"
        assert [name for name, tool in by_name.items() if not tool.options.confirm] == ["get"]

        # called: text, structure, all else in words; trouble in one line
        assert await outcome(get, text="tschüs") == {"output": "tschüs"}
        assert await outcome(by_name["count"]) == {"output": {"n": 1}}
        shown = await outcome(by_name["show"])
        assert shown == {
            "output": "Look:\n"
            "[image: image/png, 6 KiB, not shown to you]\n"
            "[audio: audio/wav, 1 KiB, not shown to you]\n"
            "[link to manual, file:///manual.pdf: All of it]\n"
            "[note://1]\nBuy milk.\n"
            "[file:///a.bin: binary, 3 KiB, not shown to you]"
        }
        assert await outcome(by_name["fail"]) == {"error": r"no such city \x1b[31m"}
        assert await outcome(by_name["flood"]) == {"error": "the result is 300 KiB of JSON, and 256 may be sent"}
        assert "Invalid structured content" in str((await outcome(by_name["miscount"]))["error"])
        assert "error" in await outcome(get)  # without its argument
        assert await outcome(by_name["refuse"]) == {"error": "come back tomorrow"}
        assert await outcome(by_name["what_time_is_it_"]) == {"output": "what time/is it?!"}

        # a list that changes is a line in the log; so is what the server prints
        assert await outcome(by_name["grow"]) == {"output": "more"}
        await until(lambda: "its list of tools has changed" in caplog.text)
        assert "server test: stderr: called get" in caplog.text
        leaving = time.monotonic()

    assert time.monotonic() - leaving < 2
    assert not runs(pid)
    assert len(troubles) == 1
    assert (await outcome(get, text="x"))["error"] == "the server test has ended"


async def test_a_cancelled_call_returns_at_once_and_the_server_hears_of_it(tmp_path: Path, troubles: list[str]) -> None:
    async with open_servers([real(tmp_path)], on_trouble=troubles.append) as tools:
        by_name = named(tools)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(outcome(by_name["wait"]))
            await until((tmp_path / "begun").exists)
            assert await outcome(by_name["get"], text="meanwhile") == {"output": "meanwhile"}
            started = time.monotonic()
            waiting.cancel()
        assert time.monotonic() - started < 0.5
        assert waiting.cancelled()
        await until((tmp_path / "cancelled").exists)
        assert await outcome(by_name["get"], text="after") == {"output": "after"}


@posix
async def test_a_server_killed_in_mid_call_answers_with_an_error_and_spares_the_others(
    tmp_path: Path, troubles: list[str]
) -> None:
    servers = [real(tmp_path, "first"), by_hand("hello()\nwhile m := read(): answer(m, {'content': []})", "second")]
    async with open_servers(servers, on_trouble=troubles.append) as tools:
        troubles.clear()
        by_name = named(tools)
        assert "first_get" in by_name
        assert "second_get" in by_name
        pid = int(str((await outcome(by_name["pid"]))["output"]))
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(outcome(by_name["wait"])) for _ in range(2)]
            await until((tmp_path / "begun").exists)
            os.kill(pid, signal.SIGKILL)

        ended = {"error": "the server first has ended (killed by SIGKILL)"}
        assert [call.result() for call in calls] == [ended, ended]
        assert await outcome(by_name["pid"]) == ended
        assert await outcome(by_name["second_get"]) == {"output": None}
    assert troubles == [
        "the server first has ended (killed by SIGKILL), and its tools with it; its last words: called wait"
    ]


@posix
async def test_a_server_that_ends_between_calls_is_reported_by_itself(troubles: list[str]) -> None:
    program = "hello()\nprint('so long \\x1b[31m', file=sys.stderr, flush=True)\nsys.exit(3)"
    async with open_servers([by_hand(program)], on_trouble=troubles.append) as tools:
        await until(lambda: troubles)
        assert await outcome(tools[0]) == {"error": "the server hand has ended (exit code 3)"}
    assert troubles == [
        r"the server hand has ended (exit code 3), and its tools with it; its last words: so long \x1b[31m"
    ]


@posix
async def test_a_server_is_over_when_its_process_is_although_a_child_holds_its_pipes(
    tmp_path: Path, troubles: list[str]
) -> None:
    program = f"""
        child = subprocess.Popen(["sleep", "600"])
        open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}\\n")
        hello()
        read()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    async with open_servers([by_hand(program)], on_trouble=troubles.append) as tools:
        assert await outcome(tools[0]) == {"error": "the server hand has ended (killed by SIGKILL)"}
        server, child = map(int, (tmp_path / "pids").read_text().split())
        assert not runs(server)
        assert not runs(child)


STUBBORN = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"],
        stdout=subprocess.PIPE)
    child.stdout.readline()
    open(PIDS, "w").write(f"{os.getpid()} {child.pid}\\n")
    hello()
    while True: time.sleep(600)
"""


@posix
@pytest.mark.parametrize("how", ["left", "failed", "cancelled", "cancelled twice"])
async def test_nothing_is_left_of_a_server_that_does_not_want_to_go(
    how: str, tmp_path: Path, troubles: list[str]
) -> None:
    server = by_hand(f"PIDS = {str(tmp_path / 'pids')!r}\n{dedent(STUBBORN)}")
    opened = asyncio.Event()
    end = asyncio.Event()

    async def talk() -> None:
        async with open_servers([server], on_trouble=troubles.append) as tools:
            calls.append(asyncio.get_running_loop().create_task(outcome(tools[0])))
            opened.set()
            await end.wait()
            if how == "failed":
                raise KeyError("the talk's own")

    calls = []
    talking = asyncio.get_running_loop().create_task(talk())
    await opened.wait()
    started = time.monotonic()
    if how.startswith("cancelled"):
        talking.cancel()
        if how == "cancelled twice":
            await asyncio.sleep(0.1)
            talking.cancel()
    else:
        end.set()
    await asyncio.wait({talking})
    took_s = time.monotonic() - started

    assert took_s < 2
    server_pid, child_pid = map(int, (tmp_path / "pids").read_text().split())
    assert not runs(server_pid)
    await until(lambda: not runs(child_pid))
    assert await calls[0] == {"error": "the server hand has ended"}
    assert not troubles
    if how == "failed":
        assert isinstance(talking.exception(), KeyError)  # not in a group
    else:
        assert talking.cancelled() == how.startswith("cancelled")


async def test_a_server_that_does_not_read_holds_nobody_up(troubles: list[str]) -> None:
    async with open_servers([by_hand("hello()\ntime.sleep(600)")], on_trouble=troubles.append) as tools:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await outcome(tools[0], text="x" * 1024 * 1024)
        assert time.monotonic() - started < 1
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 2


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (
            "print('no config', file=sys.stderr)\nsys.exit('give \\x1b[1mKEY')",
            r"server hand does not come up: exit code 1; its last words: give \x1b[1mKEY",
        ),
        (
            "print('warming up', file=sys.stderr, flush=True)\ntime.sleep(600)",
            "server hand does not come up: no answer within 2 s; its last words: warming up",
        ),
        ("read()\nos.close(1)\ntime.sleep(600)", "server hand does not come up: it closed the connection"),
        ("m = read()\nrefuse(m, -32000, 'not\\ntoday')\nrefuse(read(), -32601, 'what?')\nread()",
         "server hand does not come up: not today"),
        ("answer(read(), HELLO | {'protocolVersion': '1999'})\nread()",
         "server hand does not come up: RuntimeError: Unsupported protocol version from the server: 1999"),
    ],
    ids=["ends", "silent", "deaf", "refuses", "other version"],
)  # fmt: skip
async def test_a_server_that_does_not_come_up_is_named_with_its_last_words(
    program: str, reason: str, troubles: list[str]
) -> None:
    limit_s = 2 if "within" in reason else 20
    started = time.monotonic()
    with pytest.raises(ToolError) as caught:
        async with open_servers([by_hand(program)], on_trouble=troubles.append, connect_timeout_s=limit_s):
            pytest.fail("opened")
    assert str(caught.value) == reason
    assert time.monotonic() - started < limit_s + 3
    assert not troubles


@posix  # Windows says it in its own words
async def test_a_program_that_is_not_there_is_named(tmp_path: Path, troubles: list[str]) -> None:
    nowhere = LocalServer("ghost\x1b[2J", "no-such-program-at-all")
    with pytest.raises(ToolError) as caught:
        async with open_servers([by_hand("time.sleep(600)"), nowhere], on_trouble=troubles.append):
            pytest.fail("opened")
    assert str(caught.value) == (
        r"server ghost\x1b[2J does not come up: no-such-program-at-all: No such file or directory"
    )
    with pytest.raises(ToolError, match="not-there"):
        async with open_servers([by_hand("", cwd=tmp_path / "not-there")], on_trouble=troubles.append):
            pytest.fail("opened")


async def test_a_slow_server_is_waited_for(troubles: list[str]) -> None:
    slow = by_hand("time.sleep(0.7)\nprint('Welcome to my server!')\nhello()\nread()")
    async with open_servers([slow], on_trouble=troubles.append) as tools:
        assert [tool.declaration.name for tool in tools] == ["get"]


async def test_a_server_of_the_newest_protocol_alone_is_discovered(troubles: list[str]) -> None:
    program = """
        refuse(read(), -32601, "no initialize here")
        found = read()
        assert found["method"] == "server/discover"
        about = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
        answer(found, about | {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"})
        more = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        answer(read(), TOOLS | more)
        called = read()
        answer(called, {"resultType": "complete", "content": [{"type": "text", "text": "new"}]})
        answer(read(), {"resultType": "input_required", "requestState": "x", "inputRequests": {}})
        read()
    """
    async with open_servers([by_hand(program)], on_trouble=troubles.append) as tools:
        assert await outcome(tools[0]) == {"output": "new"}
        assert "asks for more" in str((await outcome(tools[0]))["error"])


async def test_a_server_gets_none_of_our_keys(monkeypatch: pytest.MonkeyPatch, troubles: list[str]) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "secret")
    program = """
        hello()
        text = str([os.environ.get(name) for name in ("GEMINI_API_KEY", "OWN")])
        answer(read(), {"content": [{"type": "text", "text": text}]})
        read()
    """
    async with open_servers([by_hand(program, env={"OWN": "1"})], on_trouble=troubles.append) as tools:
        assert await outcome(tools[0]) == {"output": "[None, '1']"}


async def test_no_servers_are_no_tools() -> None:
    async with open_servers([], on_trouble=pytest.fail) as tools:
        assert tools == []


async def test_the_sdk_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "flashlive_cli.toolbox.mcp_link", raising=False)
    monkeypatch.delattr("flashlive_cli.toolbox.mcp_link", raising=False)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ToolError, match=r"need the extra: pip install 'flashlive-cli\[mcp\]'"):
        async with open_servers([LocalServer("x", "x")], on_trouble=pytest.fail):
            pytest.fail("opened")


def test_without_servers_the_sdk_is_not_imported() -> None:
    code = "import flashlive_cli.toolbox.mcp, sys; sys.exit(bool({'mcp', 'mcp_types', 'anyio'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Over HTTP


class Site:
    """The real server behind a port, as a program."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes
        self.process = subprocess.Popen([sys.executable, SERVER, "http", str(notes)], stdout=subprocess.PIPE)
        stdout: IO[bytes] | None = self.process.stdout
        assert stdout is not None
        with stdout:
            self.url = f"http://127.0.0.1:{int(stdout.readline())}/mcp"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.process.kill()
    site.process.wait()


async def test_a_server_over_http_is_listed_called_cancelled_and_lost(site: Site, troubles: list[str]) -> None:
    server = RemoteServer("far", site.url, {"X-Key": "k-1"})
    async with open_servers([server], on_trouble=troubles.append) as tools:
        troubles.clear()
        by_name = named(tools)
        assert await outcome(by_name["get"], text="hello") == {"output": "hello"}
        assert await outcome(by_name["header"]) == {"output": "k-1"}
        assert await outcome(by_name["refuse"]) == {"error": "come back tomorrow"}
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(outcome(by_name["wait"]))
            await until((site.notes / "begun").exists)
            waiting.cancel()
        await until((site.notes / "cancelled").exists)

        (site.notes / "begun").unlink()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(outcome(by_name["wait"]))
            await until((site.notes / "begun").exists)
            site.process.kill()
        assert str(waiting.result()["error"]).startswith("the server far has ended")
        assert str((await outcome(by_name["get"], text="x"))["error"]).startswith("the server far has ended")
    assert len(troubles) == 1
    assert troubles[0].startswith("the server far has ended")


@posix
async def test_leaving_a_server_over_http_is_quick(site: Site, troubles: list[str]) -> None:
    async with open_servers([RemoteServer("far", site.url)], on_trouble=troubles.append) as tools:
        assert await outcome(named(tools)["get"], text="hello") == {"output": "hello"}
        os.kill(site.process.pid, signal.SIGSTOP)  # it takes no leave
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 2.2


async def test_what_answers_no_mcp_over_http_is_told_by_its_status(site: Site, troubles: list[str]) -> None:
    with pytest.raises(ToolError, match="server far does not come up: HTTP 404 Not Found"):
        async with open_servers([RemoteServer("far", f"{site.url}/elsewhere")], on_trouble=troubles.append):
            pytest.fail("opened")
    site.process.kill()
    site.process.wait()
    with pytest.raises(ToolError, match="server far does not come up: ConnectError"):
        async with open_servers([RemoteServer("far", site.url)], on_trouble=troubles.append):
            pytest.fail("opened")


# Names


@pytest.mark.parametrize(
    ("tools", "taken", "names"),
    [
        ([("a", "get"), ("b", "put")], [], ["get", "put"]),
        ([("a", "get"), ("b", "get")], [], ["a_get", "b_get"]),
        ([("a", "get"), ("b", "put")], ["get"], ["a_get", "put"]),
        ([("my server", "get"), ("my/server", "get")], [], ["my_server_get", "my_server_get_2"]),
        ([("a", "x y"), ("a", "x/y")], [], ["a_x_y", "a_x_y_2"]),
        ([("a", "get"), ("b", "get"), ("c", "a_get")], [], ["a_get_2", "b_get", "a_get"]),
        ([("1st", "get"), ("b", "get")], [], ["_1st_get", "b_get"]),
        ([("a", "2nd"), ("a", "größe"), ("a", "ns.get:v-1")], [], ["_2nd", "gr__e", "ns.get:v-1"]),
        ([("a", "x" * 200)], [], ["x" * 128]),
        ([("a", "x" * 128), ("a", "x" * 129)], [], [f"a_{'x' * 126}", f"a_{'x' * 124}_2"]),
    ],
)
def test_names_are_what_the_service_takes_and_clash_with_none(
    tools: list[tuple[str, str]], taken: list[str], names: list[str]
) -> None:
    assert _names(tools, taken) == names
