"""Tasks that go on beside a block of code."""

import asyncio
from types import TracebackType


class Beside(asyncio.TaskGroup):
    """
    A task group for what goes on beside a block that is somebody else's: the block's own error leaves it as it is.

    A plain group would put that error into an `ExceptionGroup`, and cancel its tasks before they were told anything.
    So this one cancels nothing at the block's end, but waits: who makes tasks ends them, in a `finally` of the block.
    A task that fails cancels the block, as in any group, and its error comes in an `ExceptionGroup`.
    """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Wait for the tasks."""
        await super().__aexit__(None, None, None)
