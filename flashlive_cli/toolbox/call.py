"""
A call from the model -> any number of interim outcomes, then exactly one final one.

Whatever goes wrong with a tool is told to the model, in one line, as `{"error": …}`: it can ask again, or say so.
Only cancellation leaves here as an exception.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping
from contextlib import aclosing
from typing import Final

from flashlive_cli.errors import ToolError
from flashlive_cli.nearest import nearest
from flashlive_cli.printable import printable
from flashlive_cli.toolbox.answers import error_of, one_line
from flashlive_cli.toolbox.function import FunctionTool, cancels
from flashlive_cli.toolbox.prints import Printing
from flashlive_cli.toolbox.tool import Answer, Declaration, Outcome, Tool

CALL_TIMEOUT_S: Final = 30.0
"""Real seconds a call may take: a tool works in the world, which `--speed` does not hurry."""
MAX_DECLARATIONS: Final = 512
"""As many as the service takes (comment in the published proto)."""


class Toolbox:
    """
    The tools of a talk, of any kind.

    The time limit cannot stop a thread, nor an async function that blocks the loop; it only ends the waiting.
    """

    def __init__(self, tools: Iterable[Tool], *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        """
        Put tools together.

        Args:
            tools: in the order the model is told of them.
            timeout_s: real seconds for a call of a tool that names no limit of its own.

        Raises:
            ToolError: two have one name, or there are more than the service takes.
        """
        self._tools: dict[str, Tool] = {}
        self._timeout_s = timeout_s
        for tool in tools:
            other = self._tools.setdefault(tool.declaration.name, tool)
            if other is not tool:
                clash = f"a tool {tool.declaration.name} exists already, in {other.origin}"
                raise ToolError(printable(f"{tool.origin}: {clash}"))
        if len(self._tools) > MAX_DECLARATIONS:
            raise ToolError(f"{len(self._tools)} tools are more than the {MAX_DECLARATIONS} the service takes")

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All of them, in order."""
        return tuple(self._tools.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What the model calls them by, in order."""
        return tuple(self._tools)

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """What to tell the model, in order."""
        return tuple(tool.declaration for tool in self._tools.values())

    def find(self, name: str) -> Tool | None:
        """Return the tool of that name."""
        return self._tools.get(name)

    def unknown(self, name: str) -> str:
        """Say that there is no such tool, and which one comes nearest."""
        closest = nearest(name, self._tools)
        return one_line(f"there is no tool {name}" + (f"; the nearest is {closest}" if closest else ""))

    def without(self, names: Collection[str]) -> "Toolbox":
        """Return a toolbox that lacks some; names that are not in it are no matter here."""
        kept = (tool for name, tool in self._tools.items() if name not in names)
        return Toolbox(kept, timeout_s=self._timeout_s)

    def joined(self, others: Iterable[Tool]) -> "Toolbox":
        """
        Return a toolbox that has others too, behind those of this one.

        Raises:
            ToolError: as on making one; a clash names both origins.
        """
        return Toolbox((*self.tools, *others), timeout_s=self._timeout_s)

    async def call(self, name: str, args: Mapping[str, object]) -> Answer:
        """Run a tool and return its final answer; see `outcomes`."""
        answer: Answer = {}
        async with aclosing(self.outcomes(name, args)) as outcomes:
            async for outcome in outcomes:
                answer = outcome.response
        return answer

    async def outcomes(
        self, name: str, args: Mapping[str, object], *, timeout_s: float | None = None
    ) -> AsyncGenerator[Outcome, None]:
        """
        Run a tool and yield what comes of it, JSON all through: interim outcomes, and then one final outcome.

        The time limit is for all of it, what the caller does between two outcomes included. Closing this, or
        cancelling the task that waits for it, cancels an async tool; a sync one runs on unheard.

        Args:
            name: of the tool; an unknown one is answered with an error.
            args: as the model sent them.
            timeout_s: real seconds, in place of the tool's limit or the toolbox's.
        """
        tool = self._tools.get(name)
        if tool is None:
            yield Outcome({"error": self.unknown(name)})
            return
        limit_s = timeout_s or tool.options.timeout_s or self._timeout_s
        deadline = asyncio.get_running_loop().time() + limit_s
        printing = Printing(name)
        running = tool.run(args)
        try:
            while not (outcome := await self._next(tool, running, printing, deadline, limit_s)).final:
                yield outcome
        finally:
            with printing.here():
                await _close(running)
            printing.finish()
        yield outcome

    async def _next(
        self, tool: Tool, running: AsyncIterator[Outcome], printing: Printing, deadline: float, limit_s: float
    ) -> Outcome:
        """Wait for the next outcome, not longer than to the deadline; raises only when we are cancelled."""
        cancels_before = cancels()
        # The limit is set anew around each step, and not once around the loop: it would cancel whatever the caller
        # waits for while this generator stands at its yield.
        limit = asyncio.timeout_at(deadline)
        try:
            with printing.here():
                async with limit:
                    outcome = await anext(running)
            if limit.expired() and not outcome.final:  # it was told to stop, and goes on
                outcome = _too_late(tool, limit_s)
        except Exception as exc:  # noqa: BLE001 - a tool's own is an outcome already, but nothing ends a talk here
            outcome = _too_late(tool, limit_s) if limit.expired() else Outcome(error_of(exc))
        if cancels() > cancels_before:  # the tool swallowed it
            raise asyncio.CancelledError
        return outcome


async def _close(running: AsyncIterator[Outcome]) -> None:
    if isinstance(running, AsyncGenerator):
        await running.aclose()


def _too_late(tool: Tool, limit_s: float) -> Outcome:
    crowd = ""
    if isinstance(tool, FunctionTool) and tool.needs_thread and tool.threads.all_busy:
        crowd = f"; {tool.threads.max_threads} calls are still running"
    return Outcome({"error": f"no answer from {tool.declaration.name} within {limit_s:g} s{crowd}"})
