"""A function of the user's as a tool: run on a thread or in the loop, to exactly one final outcome."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from flashlive_cli.decorator import options_of
from flashlive_cli.toolbox.answers import Fault, answer_of, error_of
from flashlive_cli.toolbox.arguments import Function, adapter_of, parameters_of, place_of
from flashlive_cli.toolbox.declare import declare
from flashlive_cli.toolbox.threads import DaemonThreads, OutOfThreads
from flashlive_cli.toolbox.tool import Declaration, Options, Outcome

DONE: Final = "done"
"""What the model is told at the end of a generator that returns nothing: there has to be a last answer."""

Deliver = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """
    A function the model may call; see `tool.Tool`.

    Async functions and async generators run in the caller's task, all others on a daemon thread.

    Attributes:
        declaration: what the model knows about it.
        options: what `@tool` was given.
        origin: file and line.
        function: as it was written, decorators included.
        arguments: checks what the model sends and turns it into keyword arguments.
        threads: where it runs unless it is async.
    """

    declaration: Declaration
    options: Options
    origin: str
    function: Function
    arguments: TypeAdapter[dict[str, object]]
    threads: DaemonThreads

    @property
    def needs_thread(self) -> bool:
        """Whether it may block, and so does not run in the caller's task."""
        return not (inspect.iscoroutinefunction(self.function) or inspect.isasyncgenfunction(self.function))

    @property
    def yields(self) -> bool:
        """Whether it was written as a generator; one that a plain function returns is a list to come."""
        return any(map(inspect.isgeneratorfunction, (self.function, inspect.unwrap(self.function))))

    def run(self, args: Mapping[str, object]) -> AsyncGenerator[Outcome, None]:
        """
        Run one call; see `tool.Tool.run`.

        What a generator yields are interim outcomes; what it returns, or else "done", is the final one. On a thread,
        a call that was closed or cancelled runs on unheard: a function to its end, a generator to its next yield.
        """
        return _on_thread(self, args) if self.needs_thread else _in_loop(partial(_begin, self, args))


def function_tool(function: Function, name: str, threads: DaemonThreads) -> FunctionTool:
    """
    Make a tool of a function, called `name` unless `@tool` says otherwise.

    Raises:
        ToolError: with file, line and reason, when it cannot be one.
    """
    options = options_of(function)
    return FunctionTool(
        declaration=declare(function, name=options.get("name", name), description=options.get("description")),
        options=Options(
            confirm=options.get("confirm", False),
            timeout_s=options.get("timeout_s"),
            blocking=options.get("blocking"),
            scheduling=options.get("scheduling"),
        ),
        origin=place_of(function),
        function=function,
        arguments=adapter_of(parameters_of(function)),
        threads=threads,
    )


def cancels() -> int:
    """Count the times that somebody wanted the current task to stop; a tool may swallow that."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def _on_thread(tool: FunctionTool, args: Mapping[str, object]) -> AsyncGenerator[Outcome, None]:
    begun: object = None
    try:
        async with aclosing(tool.threads.run(partial(_work, tool, args))) as delivered:
            async for item in delivered:
                if not isinstance(item, Outcome):
                    begun = item
                    break
                yield item
    except OutOfThreads as exc:
        yield Outcome(error_of(Fault(f"no thread to run it on: {exc}")))
    if begun is not None:
        async with aclosing(_in_loop(lambda: begun)) as outcomes:
            async for outcome in outcomes:
                yield outcome


def _work(tool: FunctionTool, args: Mapping[str, object], deliver: Deliver) -> None:
    """
    Run a sync tool, on a thread, to its final outcome. Never raises.

    A sync function may return a coroutine (a decorator around an async one does): that is delivered for the loop.
    """
    try:
        result = _begin(tool, args)
        if inspect.isgenerator(result) and tool.yields:
            result = _exhaust(result, deliver)
        elif inspect.isawaitable(result) or inspect.isasyncgen(result):
            deliver(result)
            return
        outcome = Outcome(answer_of(result))
    except BaseException as exc:  # noqa: BLE001 - a stranger's code, even its sys.exit() ends no talk
        outcome = Outcome(error_of(exc))
    deliver(outcome)


def _exhaust(generator: Generator[object, Any, object], deliver: Deliver) -> object:
    """Deliver what a generator yields, and return what it returns; it is closed once nobody listens."""
    try:
        while True:
            try:
                value = next(generator)
            except StopIteration as end:
                return DONE if end.value is None else end.value
            if not deliver(Outcome(answer_of(value), final=False)):
                return DONE
    finally:
        generator.close()


async def _in_loop(begin: Callable[[], Any]) -> AsyncGenerator[Outcome, None]:
    """Run what `begin` returns, a coroutine or an async generator, to its final outcome."""
    try:
        begun = begin()
    except BaseException as exc:  # noqa: BLE001 - as in _work
        yield Outcome(error_of(exc))
        return
    if not inspect.isasyncgen(begun):
        yield await _settled(_only(begun))
        return
    try:
        while not (outcome := await _settled(_next(begun))).final:
            yield outcome
    finally:
        await _settled(_closed(begun))
    yield outcome


async def _settled(step: Awaitable[Outcome]) -> Outcome:
    """Wait for an async tool's step; whatever comes of it is an outcome, and only our cancellation is raised."""
    cancels_before = cancels()
    try:
        return await step
    except asyncio.CancelledError as exc:
        if cancels() > cancels_before:
            raise
        return Outcome(error_of(exc))  # something inside the tool was cancelled, not the call
    except GeneratorExit:  # the loop is being taken down
        raise
    except BaseException as exc:  # noqa: BLE001 - as in _work
        return Outcome(error_of(exc))


async def _only(running: Awaitable[object]) -> Outcome:
    return Outcome(answer_of(await running))


async def _next(generator: AsyncGenerator[object, Any]) -> Outcome:
    try:
        value = await anext(generator)
    except StopAsyncIteration:
        return Outcome(answer_of(DONE))
    return Outcome(answer_of(value), final=False)


async def _closed(generator: AsyncGenerator[object, Any]) -> Outcome:
    await generator.aclose()
    return Outcome(answer_of(DONE))


def _begin(tool: FunctionTool, args: Mapping[str, object]) -> object:
    return tool.function(**_checked(tool, args))


def _checked(tool: FunctionTool, args: Mapping[str, object]) -> dict[str, object]:
    try:
        # As JSON, which is where they come from: pydantic then takes a list for a set, and text for a date,
        # in strict models too.
        return tool.arguments.validate_json(to_json(dict(args)))
    except ValidationError as exc:
        raise Fault(f"bad arguments: {_complaints(exc)}") from exc


def _complaints(exc: ValidationError) -> str:
    told = []
    for error in exc.errors(include_url=False, include_context=False):
        where = ".".join(map(str, error["loc"]))
        what = error["msg"]
        if error["type"].startswith("missing"):
            what = "is missing"
        elif error["type"] == "unexpected_keyword_argument":
            what = "is not a parameter"
        told.append(f"{where}: {what}" if where else what)
    return "; ".join(told)
