"""What of a microphone's sound is lost: a device's time, told by hand."""

import math
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flashlive_cli.audio.lateness import LATEST_S, Lateness
from flashlive_cli.audio.losses import Losses

RATE_HZ = 16_000
BLOCK = 320
BLOCK_S = 0.02


@dataclass(frozen=True)
class Stretch:
    """
    Some time of an opening of a device.

    Attributes:
        kind: its sound comes as it is spoken; or is kept, and comes in a heap at the end; or never comes.
        n_blocks: how long it takes.
    """

    kind: Literal["live", "kept", "gone"]
    n_blocks: int


live_stretches = st.builds(Stretch, st.just("live"), st.integers(1, 250))
kept_stretches = st.builds(Stretch, st.just("kept"), st.integers(1, 300))
gone_stretches = st.builds(Stretch, st.just("gone"), st.integers(math.ceil(LATEST_S / BLOCK_S) + 5, 300))
openings = st.lists(st.one_of(live_stretches, kept_stretches, gone_stretches), max_size=6)


def arrivals(stretches: list[Stretch], began_s: float, pace: float) -> tuple[list[float], float]:
    """When each block comes that does, of a device opened then; and when the last stretch is over."""
    came_s: list[float] = []
    n, free_s = 0, began_s
    for stretch in stretches:
        ends = n + stretch.n_blocks
        for number in range(n, ends):
            spoken_s = began_s + BLOCK_S * (ends if stretch.kind == "kept" else number + 1)
            if stretch.kind != "gone":
                free_s = max(spoken_s, free_s + BLOCK_S / pace)
                came_s.append(free_s)
        n = ends
    return came_s, began_s + BLOCK_S * n


@given(
    st.lists(st.tuples(openings, st.integers(0, 200), st.integers(1, 3)), min_size=1, max_size=4),
    st.sampled_from([1000.0, 20.0, 4.0]),
)
@example([([Stretch("live", 50), Stretch("kept", 250)], 0, 1)], 1000.0)  # a heap of the past, and then the end
@example([([Stretch("live", 50), Stretch("gone", 250), Stretch("live", 5)], 10, 2)], 1000.0)
def test_what_is_not_heard_is_lost_once_whatever_the_devices_do(course, pace) -> None:
    """Devices are opened one after another; the last one works to the end. What was not heard of all that is lost."""
    losses, now_s, n_heard = Losses(), 100.0, 0
    first_s = now_s
    steady = Stretch("live", 150)
    for stretches, away_blocks, n_shut in [*course, ([], 0, 0)]:
        opening = Lateness(RATE_HZ)
        losses.back(now_s)
        came_s, ends_s = arrivals([Stretch("live", 1), *stretches, *([] if n_shut else [steady])], now_s, pace)
        n_heard += sum(not opening.is_late(BLOCK, when) for when in came_s if when <= ends_s)
        for _ in range(n_shut):
            losses.shut(opening, ends_s, overrun_ms=0.0)
        now_s = ends_s + BLOCK_S * away_blocks

    lost_ms = 1000 * (now_s - first_s - BLOCK_S * n_heard)
    # a heap that is still being handed over at the end may have been taken for a gap by some of its length
    assert losses.total_ms(opening, now_s, overrun_ms=0.0) == pytest.approx(lost_ms, abs=100 + lost_ms / 100)


def test_while_there_is_no_device_what_is_lost_grows_with_time() -> None:
    losses, opening = Losses(), Lateness(RATE_HZ)
    opening.is_late(BLOCK, 10.0)
    losses.shut(opening, 12.0, overrun_ms=40.0)

    assert losses.total_ms(opening, 12.0, overrun_ms=0.0) == pytest.approx(2040)
    assert losses.total_ms(opening, 13.0, overrun_ms=0.0) == pytest.approx(3040)


def test_a_device_that_gave_no_sound_at_all_is_missed_from_the_moment_it_is_let_go() -> None:
    losses, opening = Losses(), Lateness(RATE_HZ)
    losses.shut(opening, 12.0, overrun_ms=0.0)
    losses.back(13.0)

    assert losses.total_ms(Lateness(RATE_HZ), 20.0, overrun_ms=0.0) == pytest.approx(1000)
