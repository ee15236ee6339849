"""Tool calls in flight: run, cancel, answer exactly once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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

    Lives in the event loop; `group` must outlive it.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        group: asyncio.TaskGroup,
        clock: Clock,
        answer: Callable[[ToolAnswer], Awaitable[None]],
        report: Callable[[Report], None],
    ) -> None:
        self._tools = tools
        self._group = group
        self._clock = clock
        self._answer = answer
        self._report = report
        self._running: dict[str, asyncio.Task[None]] = {}
        self._seen: set[str] = set()

    def start(self, call: ToolCall) -> None:
        """Run a call; one that comes again under the same id is the same call and is not run twice."""
        if call.id in self._seen:
            return
        self._seen.add(call.id)
        self._report(ToolCalled(call.id, call.name, call.args))
        self._running[call.id] = self._group.create_task(self._run(call), name=f"tool {call.name}")

    def cancel(self, ids: tuple[str, ...]) -> None:
        """Stop calls that the server took back; those finished already stay answered."""
        for call_id in ids:
            if task := self._running.get(call_id):
                task.cancel()

    def cancel_all(self) -> None:
        """Stop whatever still runs: the talk is over."""
        self.cancel(tuple(self._running))

    async def _run(self, call: ToolCall) -> None:
        started = self._clock.now()
        try:
            response = await self._tools.call(call.name, call.args)
        except asyncio.CancelledError:
            self._report(ToolCancelled(call.id, call.name))
            raise
        finally:
            # from here on the answer is on its way: too late to take the call back
            del self._running[call.id]
        took_ms = (self._clock.now() - started) * 1000
        self._report(ToolFinished(call.id, call.name, "error" not in response, response, took_ms))
        await self._answer(ToolAnswer(call.id, call.name, response))
