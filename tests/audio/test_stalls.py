"""When a sound device has stalled: looks at its callbacks, with a time told by hand."""

import pytest

from flashlive_cli.audio.recovery import STEADY_S
from flashlive_cli.audio.stalls import FIRST_BEAT_LOOKS, LATELY_S, LOOK_S, MOST_LOOKS, STALLED_LOOKS, Stalls


class Device:
    """Opened at a time, which goes on with each look."""

    def __init__(self, stalls: Stalls, now: float = 100.0) -> None:
        self.stalls = stalls
        self.now = now
        self.beats = 0
        stalls.begin(now)

    def look(self, *, moves: bool, late_s: float = 0.0, excused: bool = False) -> bool:
        self.now += LOOK_S + late_s
        self.beats += 25 * moves
        return self.stalls.look(self.beats, self.now, excused=excused)

    def stalls_after_s(self) -> float:
        """Move once, and then no more: after how long is that noticed?"""
        assert not self.look(moves=True)
        began_s = self.now
        while not self.look(moves=False):
            assert self.now < began_s + 60
        return self.now - began_s


def test_a_device_that_moves_has_not_stalled() -> None:
    device = Device(Stalls())

    assert not any(device.look(moves=True) for _ in range(100))


def test_a_device_that_moves_no_more_is_noticed_within_a_second() -> None:
    assert Device(Stalls()).stalls_after_s() == STALLED_LOOKS * LOOK_S == 1.0


def test_before_its_first_callback_a_device_has_more_time() -> None:
    device = Device(Stalls())

    assert [device.look(moves=False) for _ in range(FIRST_BEAT_LOOKS)] == [False] * (FIRST_BEAT_LOOKS - 1) + [True]


def test_one_that_stalls_again_and_again_is_given_twice_as_long_each_time_and_told_ever_more_seldom() -> None:
    stalls, now, waited = Stalls(), 0.0, []
    for _ in range(5):
        device = Device(stalls, now)
        waited.append(device.stalls_after_s())
        now = device.now + 0.2  # it was opened again

    assert waited == pytest.approx([1.0, 2.0, 4.0, 4.0, 4.0])
    assert MOST_LOOKS * LOOK_S + LOOK_S < STEADY_S, "a device that stalls as soon as it is back never is"


def test_a_stall_of_long_ago_is_forgotten() -> None:
    stalls = Stalls()
    device = Device(stalls)
    device.stalls_after_s()

    assert Device(stalls, device.now + LATELY_S).stalls_after_s() == pytest.approx(1.0)


@pytest.mark.parametrize("late_s", [0.3, 5.0])
def test_a_look_that_comes_late_proves_nothing(late_s) -> None:
    """This process stood still, and the callbacks with it."""
    device = Device(Stalls())
    device.look(moves=True)

    assert not any(device.look(moves=False, late_s=late_s) for _ in range(4))
    assert device.stalls_after_s() == pytest.approx(1.0)


def test_a_device_that_is_emptied_just_now_is_excused() -> None:
    device = Device(Stalls())
    device.look(moves=True)

    assert not any(device.look(moves=False, excused=True) for _ in range(10))
