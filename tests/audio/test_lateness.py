"""Which of a microphone's blocks are of the past: a device's time, told by hand."""

from collections.abc import Iterable

import pytest

from flashlive_cli.audio.lateness import LATEST_S, PACE_WINDOW_S, Lateness

RATE_HZ = 16_000
BLOCK_S = 0.02
BLOCK = 320


def late(lateness: Lateness, times_s: Iterable[float]) -> list[bool]:
    return [lateness.is_late(BLOCK, now) for now in times_s]


def live(start_s: float, seconds: float, period_s: float = BLOCK_S) -> list[float]:
    """Times at which blocks come that are not held back; the first has been heard in full by then."""
    return [start_s + period_s * (n + 1) for n in range(round(seconds / BLOCK_S))]


def test_what_comes_at_its_own_pace_is_never_late() -> None:
    assert not any(late(Lateness(RATE_HZ), live(0, 60)))


@pytest.mark.parametrize("parts_per_million", [-500, -100, 100, 500])
def test_a_devices_clock_may_be_a_little_off_for_an_hour(parts_per_million) -> None:
    lateness = Lateness(RATE_HZ)

    assert not any(late(lateness, live(0, 3600, BLOCK_S * (1 + parts_per_million / 1e6))))
    assert lateness.missing_s == 0


def test_blocks_that_come_in_heaps_are_not_late() -> None:
    """As from a device that hands over 120 ms at once."""
    assert not any(late(Lateness(RATE_HZ), [0.12 * (1 + n // 6) for n in range(3000)]))


def test_a_short_delay_loses_nothing() -> None:
    times = live(0, 5)

    assert not any(late(Lateness(RATE_HZ), [t if not 2 < t < 2.28 else 2.28 for t in times]))


@pytest.mark.parametrize("stood_still_s", [0.5, 1.0, 5.0, 60.0])
@pytest.mark.parametrize("pace", [1000.0, 20.0, 4.0])
def test_of_a_heap_of_the_past_only_the_latest_moment_is_taken_and_then_all(stood_still_s, pace) -> None:
    """The device has kept what it heard, and hands it over faster than it was spoken."""
    lateness = Lateness(RATE_HZ)
    assert not any(late(lateness, live(0, 5)))
    spoken = live(5, stood_still_s + 20)
    came = []
    now = 5 + stood_still_s
    for when in spoken:
        now = max(when, now + BLOCK_S / pace)
        came.append(now)
    verdicts = late(lateness, came)

    for spoken_s, came_s, is_late in zip(spoken, came, verdicts, strict=True):
        late_by_s = came_s - spoken_s
        assert is_late == (late_by_s > LATEST_S) or late_by_s == pytest.approx(LATEST_S, abs=0.03)
        if not is_late:
            break  # from here on all is taken
    assert not any(verdicts[verdicts.index(False) :])
    assert lateness.missing_s == 0


@pytest.mark.parametrize("stood_still_s", [0.5, 5.0, 600.0])
def test_where_the_past_was_not_kept_what_comes_is_taken_to_be_live_within_a_moment(stood_still_s) -> None:
    lateness = Lateness(RATE_HZ)
    assert not any(late(lateness, live(0, 5)))
    verdicts = late(lateness, live(5 + stood_still_s, 20))

    assert verdicts.count(True) * BLOCK_S <= PACE_WINDOW_S + BLOCK_S
    assert not any(verdicts[verdicts.index(False) :])
    assert lateness.missing_s == pytest.approx(stood_still_s, rel=0.01)
