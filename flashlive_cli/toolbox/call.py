"""
A call from the model -> exactly one answer.

Whatever goes wrong with a tool is told to the model, in one line, as `{"error": …}`: it can ask again, or say so.
Only cancellation leaves here as an exception.
"""

import asyncio
import difflib
import inspect
import json
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from flashlive_cli.printable import printable
from flashlive_cli.toolbox.arguments import Function
from flashlive_cli.toolbox.declare import Declaration
from flashlive_cli.toolbox.prints import printing_as
from flashlive_cli.toolbox.threads import DaemonThreads

CALL_TIMEOUT_S: Final = 30.0
"""Real seconds a call may take: a tool works in the world, which `--speed` does not hurry."""
MAX_RESULT_BYTES: Final = 256 * 1024
"""Of JSON. More than a voice could tell, and well below the 1 MiB that many WebSocket ends take in a message."""
MAX_THREADS: Final = 8
_LONGEST_ERROR: Final = 400

Answer = dict[str, object]
"""`{"output": JSON value}` or `{"error": one line}`: the two keys the service knows."""


@dataclass(frozen=True, slots=True)
class Tool:
    """
    A function the model may call.

    Attributes:
        declaration: what the model knows about it.
        function: sync or async.
        arguments: checks what the model sends and turns it into keyword arguments.
    """

    declaration: Declaration
    function: Function
    arguments: TypeAdapter[dict[str, object]]


class Toolbox:
    """
    The tools of a talk.

    Sync functions run on daemon threads (see `threads.py`), async ones in the caller's task. The time limit
    cannot stop a thread, nor an async function that blocks the loop; it only ends the waiting.
    """

    def __init__(
        self, tools: Iterable[Tool], *, timeout_s: float = CALL_TIMEOUT_S, max_threads: int = MAX_THREADS
    ) -> None:
        self._tools = {tool.declaration.name: tool for tool in tools}
        self._timeout_s = timeout_s
        self._threads = DaemonThreads(max_threads)

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """What to tell the model, in the order of the tools file."""
        return tuple(tool.declaration for tool in self._tools.values())

    async def call(self, name: str, args: Mapping[str, object]) -> Answer:
        """
        Run a tool and return its answer, JSON all through.

        Cancelling this cancels an async tool. A sync one runs on unheard.
        """
        tool = self._tools.get(name)
        if tool is None:
            return {"error": self._unknown(name)}
        cancels_before = _cancels()
        with printing_as(name):
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._answer(tool, args)
            except TimeoutError:  # a tool's own is an answer already
                answer = {"error": self._too_late(tool)}
        if _cancels() > cancels_before:  # the tool swallowed it
            raise asyncio.CancelledError
        return answer

    async def _answer(self, tool: Tool, args: Mapping[str, object]) -> Answer:
        if inspect.iscoroutinefunction(tool.function):
            return await _settle(_run(tool, args))
        try:
            begun = await self._threads.run(partial(_begin, tool, args))
        except RuntimeError as exc:  # no thread to be had
            return _error(exc)
        return begun if isinstance(begun, dict) else await _settle(begun)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._tools, n=1)
        nearest = f"; the nearest is {near[0]}" if near else ""
        return _one_line(f"there is no tool {name}{nearest}")

    def _too_late(self, tool: Tool) -> str:
        waiting = self._threads.all_busy and not inspect.iscoroutinefunction(tool.function)
        why = f"; {self._threads.max_threads} calls are still running" if waiting else ""
        return f"no answer from {tool.declaration.name} within {self._timeout_s:g} s{why}"


class _Fault(Exception):
    """Bad arguments, or a result that cannot be sent."""


def _begin(tool: Tool, args: Mapping[str, object]) -> Answer | Awaitable[object]:
    """
    Run a sync tool to its answer, on a thread. Never raises.

    A sync function may return a coroutine (a decorator around an async one does): that is for the loop.
    """
    try:
        value = tool.function(**_checked(tool, args))
        return value if inspect.isawaitable(value) else _output(value)
    except BaseException as exc:  # noqa: BLE001 - a stranger's code, even its sys.exit() ends no talk
        return _error(exc)


async def _run(tool: Tool, args: Mapping[str, object]) -> object:
    return await tool.function(**_checked(tool, args))  # type: ignore[misc]  # async, the caller looked


async def _settle(running: Awaitable[object]) -> Answer:
    """Wait for an async tool and turn what comes of it into its answer; raises only when we are cancelled."""
    cancels_before = _cancels()
    try:
        return _output(await running)
    except asyncio.CancelledError as exc:
        if _cancels() > cancels_before:
            raise
        return _error(exc)  # something inside the tool was cancelled, not the call
    except GeneratorExit:  # the loop is being taken down
        raise
    except BaseException as exc:  # noqa: BLE001 - as in _begin
        return _error(exc)


def _cancels() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _checked(tool: Tool, args: Mapping[str, object]) -> dict[str, object]:
    try:
        # As JSON, which is where they come from: pydantic then takes a list for a set, and text for a date,
        # in strict models too.
        return tool.arguments.validate_json(to_json(dict(args)))
    except ValidationError as exc:
        raise _Fault(f"bad arguments: {_complaints(exc)}") from exc


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


def _output(value: object) -> Answer:
    try:
        jsonable: Any = to_jsonable_python(value)
        n_bytes = len(json.dumps(jsonable, ensure_ascii=False, allow_nan=False).encode())
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as exc:
        raise _Fault(f"the result ({type(value).__name__}) is not JSON: {exc}") from exc
    if n_bytes > MAX_RESULT_BYTES:
        raise _Fault(f"the result is {n_bytes / 1024:.0f} KiB of JSON, and {MAX_RESULT_BYTES // 1024} may be sent")
    return {"output": jsonable}


def _error(exc: BaseException) -> Answer:
    try:
        text = str(exc)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        text = ""
    if isinstance(exc, _Fault):
        return {"error": _one_line(text)}
    return {"error": _one_line(f"{type(exc).__name__}: {text}" if text else type(exc).__name__)}


def _one_line(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_ERROR else f"{line[:_LONGEST_ERROR]}…"
