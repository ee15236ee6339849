"""Tool calls in flight: run, cancel, answer exactly once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.protocol.commands import ToolAnswer
from flashlive_cli.protocol.events import ToolCall
from flashlive_cli.reports import Report, ToolCalled, ToolCancelled, ToolFinished


class Tools(Protocol):
    """What runs the user's functions."""

    async def call(self, name: str, args: Mapping[str, object]) -> dict[str, object]:
        """
        Run one and return `{"output": …}` or `{"error": …}`: the tool's faults never raise.

        Must not block the event loop; may be cancelled.
        """
        ...


class NoTools:
    """For a talk without tools: a model that calls one all the same is told so."""

    async def call(self, name: str, args: Mapping[str, object]) -> dict[str, object]:
        """Answer with an error."""
        del args
        return {"error": f"there is no tool {name}"}


class Calls:
    """
    The calls of one talk, each in a task of its own, so that a slow one delays neither sound nor a barge-in.

    Lives in the event loop; calls are taken while `running`.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        clock: Clock,
        answer: Callable[[ToolAnswer], Awaitable[None]],
        report: Callable[[Report], None],
    ) -> None:
        self._tools = tools
        self._clock = clock
        self._answer = answer
        self._report = report
        self._group: asyncio.TaskGroup | None = None
        self._open: dict[str, tuple[ToolCall, asyncio.Task[None]]] = {}
        self._seen: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take calls until the block is left; what is open then is cancelled. A failed answer fails the block."""
        async with asyncio.TaskGroup() as self._group:
            try:
                yield
            finally:
                self.cancel(tuple(self._open))

    def start(self, call: ToolCall) -> None:
        """Run a call; one that comes again under the same id is the same call and is not run twice."""
        assert self._group is not None, "calls come while running"
        if call.id in self._seen:
            return
        self._seen.add(call.id)
        self._report(ToolCalled(call.id, call.name, call.args))
        self._open[call.id] = call, self._group.create_task(self._run(call), name=f"tool {call.name}")

    def cancel(self, ids: tuple[str, ...]) -> None:
        """Stop calls that the server took back; those whose answer is on its way already stay answered."""
        for call_id in ids:
            if call_id in self._open:
                call, task = self._open.pop(call_id)
                task.cancel()
                self._report(ToolCancelled(call.id, call.name))

    async def _run(self, call: ToolCall) -> None:
        started = self._clock.now()
        response = await self._tools.call(call.name, call.args)
        # from here on the answer is on its way: too late to take the call back
        del self._open[call.id]
        took_ms = self._clock.real(self._clock.now() - started) * 1000  # a tool does not run faster
        self._report(ToolFinished(call.id, call.name, "error" not in response, response, took_ms))
        await self._answer(ToolAnswer(call.id, call.name, response))
