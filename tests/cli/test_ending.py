"""How a talk ends, where the whole talk is too slow a witness."""

import asyncio
import signal
import sys
from collections.abc import Coroutine

import pytest
import typer

from flashlive_cli.cli.ending import Ending
from flashlive_cli.cli.screen import Screen
from flashlive_cli.cli.stopping import StopSignals
from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, DeviceError, FlashliveError


def screen_of(ending: Ending) -> Screen:
    return Screen("plain", Clock(), data=None, sound_on_stdout=False, failed=ending.failed_in_thread)


async def in_a_task(talk: Coroutine[None, None, None]) -> None:
    """Hold a talk in a task of its own, which may be cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(talk)


async def begun_and(way: str, ending: Ending) -> None:
    """Hold a talk that ends a way, and otherwise not."""
    if way == "error":
        raise ConfigError("it was a mistake")
    if way == "device":
        ending.failed(DeviceError("the microphone went away"))
    elif way == "key":
        ending.leave()
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("way", "code", "told"),
    [("error", 2, "error: it was a mistake"), ("device", 4, "error: the microphone went away"), ("key", 0, "")],
)
async def test_each_end_has_its_words_and_its_exit_code(capsys, way, code, told) -> None:
    codes: list[int] = []

    async def talk() -> None:
        ending = Ending()
        screen = screen_of(ending)
        try:
            with screen.shown(), ending.shown_on(screen):
                await begun_and(way, ending)
        except typer.Exit as ended:
            codes.append(ended.exit_code)
        else:
            codes.append(0)

    await in_a_task(talk())

    assert codes == [code]
    assert capsys.readouterr().err.strip().endswith(told)


async def test_who_stops_the_talk_from_outside_is_not_taken_for_the_user() -> None:
    ending = Ending()
    screen = screen_of(ending)

    with pytest.raises(asyncio.CancelledError), screen.shown(), ending.shown_on(screen):
        raise asyncio.CancelledError


async def test_a_second_loss_does_not_disturb_the_end_that_the_first_began() -> None:
    """A frozen sound server takes microphone and speaker; the second is noticed while the first is being closed."""
    ends: list[str] = []

    async def talk() -> None:
        ending = Ending()
        ending.failed(DeviceError("the microphone went away"))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(60)
        ending.failed(DeviceError("the speaker went away"))
        await asyncio.sleep(0.01)  # what is closed takes a moment
        ends.append(str(ending.failure))

    await in_a_task(talk())

    assert ends == ["the microphone went away"]


@pytest.mark.parametrize("way", ["failed", "leave"])
async def test_what_comes_when_the_talk_is_over_does_not_disturb_what_is_closed(way) -> None:
    closed: list[str] = []

    async def talk() -> None:
        ending = Ending()
        screen = screen_of(ending)
        with screen.shown():
            with ending.shown_on(screen):
                pass
            ending.leave() if way == "leave" else ending.failed(FlashliveError("too late"))
            await asyncio.sleep(0.01)
            closed.append("all")

    await in_a_task(talk())

    assert closed == ["all"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
async def test_a_signal_has_its_code_when_all_is_closed() -> None:
    codes: list[object] = []

    async def talk() -> None:
        ending = Ending()
        screen = screen_of(ending)
        try:
            with StopSignals().told():
                try:
                    with ending.shown_on(screen):
                        signal.raise_signal(signal.SIGTERM)
                        await asyncio.sleep(60)
                finally:
                    codes.append("closed")
        except typer.Exit as ended:
            codes.append(ended.exit_code)

    await in_a_task(talk())

    assert codes == ["closed", 143]
