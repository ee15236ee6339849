"""Tasks beside a block, and how that block ends."""

import asyncio

import pytest

from flashlive_cli.tasks import Beside


class Block:
    """A block with a task beside it that would go on for an hour."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.went_on = False

    async def hold(self, end: Exception | None = None) -> None:
        async with Beside() as tasks:
            self.task = tasks.create_task(asyncio.sleep(3600))
            try:
                self.entered.set()
                if end is not None:
                    raise end
                await asyncio.sleep(3600)
            finally:
                self.task.cancel()
        self.went_on = True


async def test_the_error_of_the_block_is_in_no_group_and_its_task_is_over() -> None:
    block = Block()

    with pytest.raises(KeyError):
        await block.hold(KeyError())

    assert block.task.cancelled()


async def test_a_block_that_is_cancelled_is_seen_to_be() -> None:
    block = Block()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(block.hold())
        await block.entered.wait()
        running.cancel()

    assert running.cancelled()
    assert block.task.cancelled()
    assert not block.went_on


async def test_the_end_of_the_block_waits_for_what_still_runs() -> None:
    done: list[str] = []

    async def last_words() -> None:
        await asyncio.sleep(0.01)
        done.append("said")

    async with Beside() as tasks:
        tasks.create_task(last_words())

    assert done == ["said"]


async def test_a_task_that_fails_ends_the_block_with_its_error() -> None:
    async def fail() -> None:
        raise OSError("gone")

    async def block() -> None:
        async with Beside() as tasks:
            tasks.create_task(fail())
            await asyncio.sleep(3600)

    with pytest.raises(ExceptionGroup) as caught:
        await block()

    assert [type(error) for error in caught.value.exceptions] == [OSError]
