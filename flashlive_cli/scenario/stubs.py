"""Tools with canned results: `[tools.stubs]` of a scenario, in the place of real functions or without any."""

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ToolError
from flashlive_cli.scenario.schema import Stub, Tools
from flashlive_cli.toolbox import Declaration, Options, Outcome, Tool, Toolbox, load_tools
from flashlive_cli.toolbox.answers import Fault, answer_of


class StubTool:
    """
    A tool that has its answers from a scenario; see `toolbox.Tool`. Belongs to one run.

    Attributes:
        declaration: what the model knows about it.
        options: how it wants to be called.
        origin: for people.
    """

    def __init__(self, name: str, stub: Stub, clock: Clock, real: Tool | None) -> None:
        """Be `name`; what the stub leaves out is the `real` one's."""
        declared = real.declaration if real is not None else Declaration(name, "", None)
        self.declaration = Declaration(
            name,
            stub.description if stub.description is not None else declared.description,
            stub.parameters if stub.parameters is not None else declared.parameters,
        )
        blocking = stub.blocking if stub.blocking is not None or real is None else real.options.blocking
        scheduling = real.options.scheduling if real is not None else None
        self.options = Options(blocking=blocking, scheduling=scheduling)
        self.origin = f"stub {name}"
        self._stub = stub
        self._clock = clock
        self._n_calls = 0

    async def run(self, args: Mapping[str, object]) -> AsyncGenerator[Outcome, None]:
        """Answer, in conversation time."""
        del args
        number, self._n_calls = self._n_calls, self._n_calls + 1
        await self._clock.sleep(self._stub.takes_ms / 1000)
        if self._stub.error is not None:
            yield Outcome({"error": self._stub.error})
            return
        sequence = self._stub.sequence
        returned: Any = self._stub.returns if sequence is None else sequence[min(number, len(sequence) - 1)]
        yield Outcome(answer_of(returned))


def make_toolbox(tools: Tools, clock: Clock) -> Toolbox | None:
    """
    Put the tools of a scenario together; None where it has none.

    Raises:
        ToolError: a file does not load, or a canned result is not JSON.
    """
    if not tools.files and not tools.stubs:
        return None
    real = load_tools(*map(Path, tools.files)) if tools.files else Toolbox(())
    for name, stub in tools.stubs.items():
        for result in stub.sequence or [stub.returns]:
            try:
                answer_of(result)
            except Fault as exc:
                raise ToolError(f"the stub {name}: {exc}") from exc
    stubbed = [StubTool(name, stub, clock, real.find(name)) for name, stub in tools.stubs.items()]
    return real.without(tools.stubs).joined(stubbed)
