"""Every call gets one answer, whatever the tool does."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

import pytest

from flashlive_cli.toolbox import MAX_RESULT_BYTES
from flashlive_cli.toolbox.threads import THREAD_NAME, DaemonThreads

RESULTS = {
    "None": None,
    "'text'": "text",
    "3": 3,
    "[1, 2.5, True, None]": [1, 2.5, True, None],
    "{'a': {'b': 1}}": {"a": {"b": 1}},
    "{1: 'a'}": {"1": "a"},
    "(1, 2)": [1, 2],
    "{1}": [1],
    "Model(n=1)": {"n": 1, "when": "2026-11-22"},
    "[Point(1)]": [{"x": 1}],
    "Size.SMALL": "s",
    "datetime.datetime(2026, 11, 22)": "2026-11-22T00:00:00",
    "uuid.UUID(int=0)": "00000000-0000-0000-0000-000000000000",
    "decimal.Decimal('1.5')": "1.5",
    "pathlib.Path('a')": "a",
    "b'octets'": "octets",
    "(i for i in range(2))": [0, 1],
}

DEFINITIONS = """
class Model(BaseModel):
    n: int
    when: datetime.date = datetime.date(2026, 11, 22)

@dataclasses.dataclass
class Point:
    x: int

class Size(enum.Enum):
    SMALL = "s"

class Opaque: ...

class Mute(Exception):
    def __str__(self): raise RuntimeError("not even that")

class Strange(BaseException): ...

def _loop():
    a = []
    a.append(a)
    return a

def _fail(exc):
    raise exc
"""

# what the tool's body does, what the model is told
FAULTS = [
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("_fail(KeyError('a'))", "KeyError: 'a'"),
    ("_fail(ValueError())", "ValueError"),
    (r"_fail(ValueError('a\nb\x1b[2J'))", r"ValueError: a b\x1b[2J"),
    ("_fail(Mute())", "Mute"),
    ("_fail(TimeoutError('upstream'))", "TimeoutError: upstream"),
    ("_fail(asyncio.CancelledError())", "CancelledError"),
    ("_fail(StopIteration(3))", None),  # becomes a RuntimeError in a coroutine
    ("sys.exit('bye')", "SystemExit: bye"),
    ("_fail(KeyboardInterrupt())", "KeyboardInterrupt"),
    ("_fail(Strange('odd'))", "Strange: odd"),
    ("Model(n='x')", "ValidationError: 1 validation error for Model n Input should be a valid integer"),
    ("Opaque()", "the result (Opaque) is not JSON: Unable to serialize unknown type"),
    ("_loop()", "the result (list) is not JSON: Circular reference"),
    ("float('nan')", "the result (float) is not JSON"),
    ("b'\\xff'", "the result (bytes) is not JSON: 'utf-8' codec"),
    ("'\\ud800'", "the result (str) is not JSON"),
    ("'x' * 300_000", "the result is 293 KiB of JSON, and 256 may be sent"),
    ("'é' * 150_000", "the result is 293 KiB of JSON"),
]


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("result", "output"), RESULTS.items())
async def test_results_become_json(load, kind, result, output) -> None:
    box = load(f"{DEFINITIONS}\n{kind} tool(): return {result}")

    answer = await box.call("tool", {})
    assert answer == {"output": output}
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("fault", "told"), FAULTS)
async def test_whatever_goes_wrong_is_told_in_one_line(load, kind, fault, told) -> None:
    box = load(f"{DEFINITIONS}\n{kind} tool(): return {fault}")

    answer = await box.call("tool", {})
    assert answer.keys() == {"error"}
    assert str(answer["error"]).startswith(told or "")
    assert "\n" not in str(answer["error"])
    assert len(str(answer["error"])) < 500


async def test_a_result_of_exactly_the_limit_is_sent(load) -> None:
    box = load("def tool(n: int): return 'x' * n")

    assert "output" in await box.call("tool", {"n": MAX_RESULT_BYTES - 2})
    assert "error" in await box.call("tool", {"n": MAX_RESULT_BYTES - 1})


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({}, "bad arguments: n: is missing"),
        ({"n": 1, "m": 2}, "bad arguments: m: is not a parameter"),
        ({"n": "x"}, "bad arguments: n: Input should be a valid integer"),
        ({"n": 1, "x": {"y": [1, "z"]}}, "bad arguments: x.y.1: Input should be a valid integer"),
        ({"n": "\ud800"}, "PydanticSerializationError"),
        ({"n": 1, "w": 0}, "OSError: validator"),
    ],
)
async def test_bad_arguments_name_the_parameter(load, args, told) -> None:
    box = load(
        """
        from pydantic import AfterValidator
        def _check(value):
            raise OSError("validator")
        def tool(n: int, x: dict[str, list[int]] = {}, w: Annotated[int, AfterValidator(_check)] = 1): return n
        """
    )

    assert str((await box.call("tool", args))["error"]).startswith(told)


async def test_an_unknown_name_is_told_with_the_nearest(load) -> None:
    box = load("def get_weather(): ...")

    assert await box.call("get_wether", {}) == {"error": "there is no tool get_wether; the nearest is get_weather"}
    assert await box.call("\x1b", {}) == {"error": "there is no tool \\x1b"}


async def test_a_sync_tool_runs_on_its_own_named_daemon_thread_that_ends(load) -> None:
    box = load(
        """
        def tool():
            thread = threading.current_thread()
            return [thread.name, thread.daemon]
        async def here(): return threading.current_thread().name
        """
    )

    before = set(tool_threads())  # another test's may still sleep
    assert await box.call("tool", {}) == {"output": [THREAD_NAME, True]}
    assert await box.call("here", {}) == {"output": threading.current_thread().name}
    for thread in set(tool_threads()) - before:
        thread.join(5)
    assert set(tool_threads()) <= before


def tool_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


async def test_sync_tools_run_side_by_side(load) -> None:
    box = load(
        """
        _both = threading.Barrier(2)
        def tool(): return _both.wait(10) in (0, 1)
        """
    )

    answers = await asyncio.gather(*(box.call("tool", {}) for _ in range(2)))
    assert answers == [{"output": True}] * 2


async def test_a_sync_function_that_returns_a_coroutine_is_awaited(load) -> None:
    box = load(
        """
        def _plain(function):
            def tool(n: int): return function(n)
            return tool
        @_plain
        async def tool(n):
            await asyncio.sleep(0)
            return n + 1
        """
    )

    assert await box.call("tool", {"n": 1}) == {"output": 2}


STUCK = """
_release = threading.Event()
def tool(): return _release.wait(20)
async def slow(): await asyncio.sleep(20)
async def stubborn():
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        return "I would rather not"
def release(): _release.set()
"""


@pytest.mark.parametrize("name", ["tool", "slow"])
async def test_a_slow_tool_is_answered_for_after_the_time_limit(load, name) -> None:
    box = load(STUCK, timeout_s=0.05)

    assert await box.call(name, {}) == {"error": f"no answer from {name} within 0.05 s"}
    await box.call("release", {})


async def test_stuck_threads_are_bounded_and_free_their_place_when_they_end(load) -> None:
    before = set(tool_threads())  # another test's may still run
    box = load(STUCK, timeout_s=0.1)

    await asyncio.gather(*(box.call("tool", {}) for _ in range(8)))
    assert len(set(tool_threads()) - before) == 8
    crowded = await box.call("release", {})
    assert crowded == {"error": "no answer from release within 0.1 s; 8 calls are still running"}
    assert len(set(tool_threads()) - before) == 8

    _release_of(box).set()
    async with asyncio.timeout(10):
        while "error" in await box.call("release", {}):
            pass


def _release_of(box: object) -> threading.Event:
    function = box._tools["tool"].function  # type: ignore[attr-defined]
    event = function.__globals__["_release"]
    assert isinstance(event, threading.Event)
    return event


@pytest.mark.parametrize("name", ["tool", "slow", "stubborn"])
async def test_cancelling_a_call_cancels_it_at_once(load, name) -> None:
    box = load(STUCK)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(box.call(name, {}))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await asyncio.shield(call)
    await box.call("release", {})


async def test_a_coroutine_nobody_waits_for_any_more_is_closed(recwarn) -> None:
    threads = DaemonThreads(1)
    go = threading.Event()

    async def late() -> None: ...

    def work(deliver: Callable[[object], bool]) -> None:
        go.wait(5)
        deliver(late())

    async with asyncio.TaskGroup() as group:
        call = group.create_task(all_of(threads.run(work)))
        await until(lambda: threads.all_busy)
        call.cancel()
    go.set()
    await until(lambda: not threads.all_busy)
    assert not recwarn


async def all_of(items: AsyncGenerator[object, None]) -> list[object]:
    async with aclosing(items):
        return [item async for item in items]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # it changes on another thread
            await asyncio.sleep(0.001)


async def test_a_system_out_of_threads_is_told(load, monkeypatch) -> None:
    box = load("def tool(): return 1")

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        for _ in range(20):
            assert await box.call("tool", {}) == {"error": "no thread to run it on: can't start new thread"}
    assert await box.call("tool", {}) == {"output": 1}


def test_a_program_ends_although_a_tool_hangs(tmp_path) -> None:
    (tmp_path / "tools.py").write_text("import time\ndef tool(): time.sleep(60)\n")
    program = (
        "import asyncio, pathlib\n"
        "from flashlive_cli.toolbox import load_tools\n"
        "box = load_tools(pathlib.Path('tools.py'), timeout_s=0.05)\n"
        "print(asyncio.run(box.call('tool', {})))\n"
    )
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )

    assert ran.stdout == "{'error': 'no answer from tool within 0.05 s'}\n"
    assert (ran.returncode, ran.stderr) == (0, "")
    assert time.monotonic() - started < 20


def test_a_thread_that_outlives_its_loop_ends_quietly(capfd) -> None:
    go = threading.Event()

    def work(deliver: Callable[[object], bool]) -> None:
        deliver(go.wait(5))

    async def give_up() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await all_of(DaemonThreads(1).run(work))

    asyncio.run(give_up())
    go.set()
    for thread in tool_threads():
        thread.join(5)
    assert capfd.readouterr().err == ""
