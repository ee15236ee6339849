"""The outputs of a talk, where the whole talk is too slow a witness."""

import asyncio

import pytest

from flashlive_cli.cli.screen import Screen
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError


async def test_a_second_loss_does_not_disturb_the_end_that_the_first_began() -> None:
    """A frozen sound server takes microphone and speaker; the second is noticed while the first is being closed."""
    ends: list[str] = []

    async def talk() -> None:
        screen = Screen("plain", Clock(), data=None, sound_on_stdout=False)
        screen.failed(DeviceError("the microphone went away"))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(60)
        screen.failed(DeviceError("the speaker went away"))
        await asyncio.sleep(0.01)  # what is closed takes a moment
        ends.append(str(screen.failure))

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())

    assert ends == ["the microphone went away"]
