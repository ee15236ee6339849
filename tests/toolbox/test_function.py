"""Generators as tools, and time limits: interim outcomes as they come, and one final outcome whatever happens."""

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

import pytest

from flashlive_cli.errors import ToolError
from flashlive_cli.toolbox import Declaration, Options, Outcome, Tool, Toolbox, tool_prints_to

INTERIM = [({"output": 1}, False), ({"output": [2]}, False)]

# what stands below `def tool():` or `async def tool():`, and all that comes of it
GENERATORS = [
    ("yield 1; yield [2]", [*INTERIM, ({"output": "done"}, True)]),
    ("yield 1; yield [2]; return", [*INTERIM, ({"output": "done"}, True)]),
    ("return; yield 1", [({"output": "done"}, True)]),
    ("yield Point(1)", [({"output": {"x": 1}}, False), ({"output": "done"}, True)]),
    ("yield 1; yield [2]; raise OSError('down')", [*INTERIM, ({"error": "OSError: down"}, True)]),
    ("yield 1; yield [2]; sys.exit('bye')", [*INTERIM, ({"error": "SystemExit: bye"}, True)]),
    ("yield 1; yield [2]; raise asyncio.CancelledError", [*INTERIM, ({"error": "CancelledError"}, True)]),
    ("1 / 0; yield 1", [({"error": "ZeroDivisionError: division by zero"}, True)]),
    ("yield object()", [({"error": "the result (object) is not JSON: Unable to serialize unknown type"}, True)]),
    ("yield 'x' * 300_000", [({"error": "the result is 293 KiB of JSON, and 256 may be sent"}, True)]),
]
POINT = """
@dataclasses.dataclass
class Point:
    x: int
"""


async def all_of(outcomes: AsyncGenerator[Outcome, None]) -> list[tuple[Mapping[str, object], bool]]:
    async with aclosing(outcomes):
        return [(_cut(outcome.response), outcome.final) async for outcome in outcomes]


def _cut(response: Mapping[str, object]) -> Mapping[str, object]:
    """Without the address of an object that was no JSON."""
    if "error" in response:
        return {"error": str(response["error"]).partition(": <")[0]}
    return response


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("body", "expected"), GENERATORS)
async def test_what_a_generator_yields_is_told_and_then_how_it_ended(load, kind, body, expected) -> None:
    box = load(f"{POINT}\n{kind} tool(): {body}")

    told = await all_of(box.outcomes("tool", {}))
    assert [(str(response)[:60], final) for response, final in told] == [(str(r)[:60], final) for r, final in expected]


async def test_what_a_sync_generator_returns_is_the_final_answer(load) -> None:
    box = load("def tool(n: int):\n    yield 'working'\n    return {'n': n}")

    assert await all_of(box.outcomes("tool", {"n": 3})) == [
        ({"output": "working"}, False),
        ({"output": {"n": 3}}, True),
    ]
    assert await box.call("tool", {"n": 3}) == {"output": {"n": 3}}


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_bad_arguments_are_told_before_a_generator_begins(load, kind) -> None:
    box = load(f"{kind} tool(n: int): yield n")

    ((response, final),) = await all_of(box.outcomes("tool", {}))
    assert (response, final) == ({"error": "bad arguments: n: is missing"}, True)


async def test_a_generator_behind_a_decorator_is_one_all_the_same(load) -> None:
    box = load(
        """
        import functools
        def _logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs): return function(*args, **kwargs)
            return wrapper
        @_logged
        def plain(): yield 1
        @_logged
        async def later(): yield 1
        """
    )

    for name in box.names:
        assert await all_of(box.outcomes(name, {})) == [({"output": 1}, False), ({"output": "done"}, True)]


async def test_each_yield_arrives_before_the_next_one_is_made(load) -> None:
    box = load(
        """
        go = threading.Event()
        def tool():
            yield threading.current_thread().name
            go.wait(10)
            yield "went on"
        """
    )

    async with aclosing(box.outcomes("tool", {})) as outcomes:
        assert await anext(outcomes) == Outcome({"output": "flashlive-tool"}, final=False)
        variable(box, "go").set()
        assert await anext(outcomes) == Outcome({"output": "went on"}, final=False)
        assert await anext(outcomes) == Outcome({"output": "done"})
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)


async def test_a_generator_that_yields_for_ever_fills_no_memory(load) -> None:
    box = load(
        """
        made = []
        def tool():
            while True:
                made.append(1)
                yield len(made)
        """
    )

    async with aclosing(box.outcomes("tool", {})) as outcomes:
        for i in range(100):
            assert (await anext(outcomes)).response == {"output": i + 1}
            await asyncio.sleep(0)
    assert len(variable(box, "made")) < 130
    await ended(threading.active_count)


GIVEN_UP = """
begun, go, closed = threading.Event(), threading.Event(), threading.Event()
def tool():
    try:
        yield 1
        begun.set()
        go.wait(10)
        yield 2
        yield 3
    finally:
        closed.set()
async def later():
    try:
        yield 1
        begun.set()
        await asyncio.sleep(10)
    finally:
        closed.set()
"""


@pytest.mark.parametrize("name", ["tool", "later"])
async def test_cancelling_a_generator_closes_it_and_does_not_wait_for_it(load, name) -> None:
    box = load(GIVEN_UP)
    told: list[Outcome] = []

    async def listen() -> None:
        async with aclosing(box.outcomes(name, {})) as outcomes:
            async for outcome in outcomes:
                told.append(outcome)  # noqa: PERF401 - it is looked at after this was cancelled

    async with asyncio.TaskGroup() as group:
        call = group.create_task(listen())
        await ended(lambda: not variable(box, "begun").is_set())
        started = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.shield(call)
        assert time.monotonic() - started < 5
    assert variable(box, "closed").is_set() == (name == "later")
    variable(box, "go").set()  # its next yield is its last
    await ended(lambda: not variable(box, "closed").is_set())
    assert told == [Outcome({"output": 1}, final=False)]


@pytest.mark.parametrize("name", ["tool", "later"])
async def test_closing_the_outcomes_closes_the_generator(load, name) -> None:
    box = load(GIVEN_UP)

    outcomes = box.outcomes(name, {})
    await anext(outcomes)
    await outcomes.aclose()
    variable(box, "go").set()
    await ended(lambda: not variable(box, "closed").is_set())


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_generator_that_will_not_be_closed_is_left(load, kind, recwarn) -> None:
    box = load(
        f"""
        {kind} tool():
            while True:
                try:
                    yield 1
                except GeneratorExit:
                    pass
        """
    )

    outcomes = box.outcomes("tool", {})
    await anext(outcomes)
    await outcomes.aclose()
    await ended(lambda: sum(thread.name == "flashlive-tool" for thread in threading.enumerate()))
    del outcomes, box
    gc.collect()
    assert not [str(warning.message) for warning in recwarn if "GeneratorExit" not in str(warning.message)]


SLOW = """
def tool():
    yield 1
    time.sleep(0.5)
    yield 2
async def later():
    yield 1
    await asyncio.sleep(10)
async def stubborn():
    while True:
        try:
            yield 1
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass
async def busy():
    while True:
        yield 1
        await asyncio.sleep(0.01)
"""


@pytest.mark.parametrize("name", ["tool", "later", "stubborn", "busy"])
async def test_the_time_limit_is_for_the_whole_call(load, name) -> None:
    box = load(SLOW, timeout_s=0.1)

    *interim, final = await all_of(box.outcomes(name, {}))
    assert final == ({"error": f"no answer from {name} within 0.1 s"}, True)
    assert interim
    assert all(outcome == ({"output": 1}, False) for outcome in interim)


async def test_a_limit_that_passes_while_the_caller_is_busy_does_not_cancel_the_caller(load) -> None:
    box = load(SLOW, timeout_s=0.05)

    async with aclosing(box.outcomes("later", {})) as outcomes:
        await anext(outcomes)
        await asyncio.sleep(0.2)  # sending it takes its time
        assert "within 0.05 s" in str(await anext(outcomes))


async def test_a_tools_own_limit_beats_the_usual_one_and_the_callers_beats_both(load) -> None:
    box = load(
        """
        from flashlive_cli import tool
        @tool(timeout_s=0.05)
        async def short(): await asyncio.sleep(10)
        @tool(timeout_s=30)
        async def long():
            await asyncio.sleep(0.2)
            return "in time"
        """,
        timeout_s=0.1,
    )

    assert await box.call("short", {}) == {"error": "no answer from short within 0.05 s"}
    assert await box.call("long", {}) == {"output": "in time"}
    told = await all_of(box.outcomes("long", {}, timeout_s=0.01))
    assert told == [({"error": "no answer from long within 0.01 s"}, True)]


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_generators_prints_are_its_own_before_between_and_after_its_yields(load, kind) -> None:
    box = load(
        f"""
        {kind} tool():
            try:
                print("a", end="")
                yield 1
                print("b")
                yield 2
            finally:
                print("c", end="")
        """
    )
    printed: list[tuple[str, str]] = []

    with tool_prints_to(lambda name, line: printed.append((name, line))):
        async for outcome in box.outcomes("tool", {}):
            print("not the tool's", outcome.final)
    assert printed == [("tool", "ab"), ("tool", "c")]


def variable(box: Toolbox, name: str):
    return box.tools[0].function.__globals__[name]  # type: ignore[attr-defined]  # all of these are functions


async def ended(going_on) -> None:
    """Wait for what another thread has to do."""
    usual = 1 if going_on is threading.active_count else 0
    async with asyncio.timeout(30):
        while going_on() > usual:
            await asyncio.sleep(0.001)


class Foreign:
    """A tool that is no function, and does as it is told."""

    options = Options()

    def __init__(self, name: str, *outcomes: Outcome, origin: str = "server s") -> None:
        self.declaration = Declaration(name, "", None)
        self.origin = origin
        self._outcomes = outcomes

    async def run(self, args: Mapping[str, object]) -> AsyncIterator[Outcome]:
        for outcome in self._outcomes:
            yield outcome
        raise OSError("more was not to be had")


async def test_tools_of_any_kind_are_called_and_held_to_one_final_outcome() -> None:
    interim, final = Outcome({"output": 1}, final=False), Outcome({"output": 2})
    box = Toolbox([Foreign("a", interim, final, final), Foreign("b", interim)])

    assert [outcome async for outcome in box.outcomes("a", {})] == [interim, final]
    assert [outcome async for outcome in box.outcomes("b", {})] == [
        interim,
        Outcome({"error": "OSError: more was not to be had"}),
    ]


def test_a_toolbox_is_looked_into_thinned_and_joined(load) -> None:
    box = load("def a(): ...\ndef b(): ...")
    c: Tool = Foreign("c")

    joined = box.joined([c])
    assert joined.names == ("a", "b", "c")
    assert joined.find("c") is c
    assert joined.find("d") is None
    assert joined.without(["a", "no such"]).names == ("b", "c")
    assert box.names == ("a", "b")
    assert joined.unknown("bb") == "there is no tool bb; the nearest is b"
    with pytest.raises(ToolError, match=r"^server s: a tool b exists already, in /.*tools\.py:6$"):
        box.joined([Foreign("b")])


def test_an_origin_is_file_and_line(load) -> None:
    (tool,) = load("\n\ndef a(): ...").tools

    assert tool.origin.endswith("tools.py:7")
    assert inspect.isasyncgen(tool.run({}))
