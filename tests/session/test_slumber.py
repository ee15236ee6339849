"""Waits that notice a sleep of the machine."""

import asyncio

import pytest

from flashlive_cli.session.slumber import LOOK_S, SLEPT_S, Slumber

ASLEEP_S = LOOK_S + SLEPT_S + 60


class Clocks:
    """Two clocks that leap while somebody waits."""

    def __init__(self, wall_leaps_s: float, own_leaps_s: float) -> None:
        self._leaps_s = (wall_leaps_s, own_leaps_s)
        self._leapt_s = [0.0, 0.0]

    def leap(self) -> None:
        self._leapt_s = list(self._leaps_s)

    def wall(self) -> float:
        return 1e9 + asyncio.get_running_loop().time() + self._leapt_s[0]

    def own(self) -> float:
        return asyncio.get_running_loop().time() + self._leapt_s[1]


async def slept(clocks: Clocks, seconds: float, until: "asyncio.Future[float] | None" = None) -> bool:
    slumber = Slumber(clocks.wall, clocks.own)
    asyncio.get_running_loop().call_soon(clocks.leap)
    return await slumber.passed(seconds, until=until)


@pytest.mark.parametrize("leaps", [(ASLEEP_S, 0), (ASLEEP_S, ASLEEP_S), (0, ASLEEP_S)])
async def test_a_sleep_is_noticed_whether_or_not_our_clock_runs_on_in_it(leaps) -> None:
    assert await slept(Clocks(*leaps), 0.01)


@pytest.mark.parametrize("leaps", [(0, 0), (-3600, 0), (1, 1)])
async def test_a_wait_is_none_nor_is_a_wall_clock_set_back_nor_a_busy_machine(leaps) -> None:
    assert not await slept(Clocks(*leaps), 0.01)


async def test_what_comes_ends_the_wait_and_does_not_hide_a_sleep() -> None:
    """A pong may have come before the sleep."""
    for asleep_s in (0, ASLEEP_S):
        pong = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(pong.set_result, 0.1)
        assert await slept(Clocks(asleep_s, 0), 30, pong) == bool(asleep_s)


async def test_what_does_not_come_is_waited_for_so_long() -> None:
    pong = asyncio.get_running_loop().create_future()

    assert not await slept(Clocks(0, 0), 0.01, pong)
    assert not pong.done(), "it may still come"
