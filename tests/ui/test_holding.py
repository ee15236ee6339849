"""Push-to-talk by time alone and by releases: taps switch, holds last, and a double tap is no hold."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.ui.holding import HOLD_S, REPEAT_S, Holding
from flashlive_cli.ui.keys import Key

PRESS, REPEAT, RELEASE = (Key("space", "", kind) for kind in ("press", "repeat", "release"))
KEYBOARDS = {
    "X11": (0.66, 0.04), "GNOME": (0.5, 0.033), "console": (0.25, 0.092), "macOS": (0.375, 0.09),
    "Windows": (1.0, 0.033), "quick": (0.15, 0.02),
}  # fmt: skip
"""After how long a key repeats first, and how often then, in seconds."""


def run(holding: Holding, events: Iterable[tuple[float, Key]], until: float = 100.0) -> list[tuple[float, str]]:
    """Play keys with a clock that ticks when asked to; return what was done, and when."""
    done: list[tuple[float, str]] = []

    def tick_to(now: float) -> None:
        while holding.next_check is not None and holding.next_check <= now:
            due = holding.next_check
            if action := holding.tick(due):
                done.append((round(due, 3), action))
            assert holding.next_check != due

    for at, key in events:
        tick_to(at)
        if action := holding.pressed(key, at):
            done.append((round(at, 3), action))
    tick_to(until)
    return done


def held(start: float, until: float, keyboard: tuple[float, float]) -> list[tuple[float, Key]]:
    """What a terminal without releases sends for a key that is held."""
    delay_s, interval_s = keyboard
    events, at = [(start, PRESS)], start + delay_s
    while at < until:
        events.append((at, PRESS))
        at += interval_s
    return events


def taps(*times: float) -> list[tuple[float, Key]]:
    return [(at, PRESS) for at in times]


def test_a_tap_starts_at_once_and_a_second_stops() -> None:
    assert run(Holding(), taps(1, 3)) == [(1, "start"), (3, "stop")]


@pytest.mark.parametrize("gap_s", [0.08, 0.12, 0.15, 0.2, 0.33, 0.5, 0.66, 1.0, 1.2])
def test_a_double_tap_is_never_a_hold(gap_s: float) -> None:
    (first, start), (second, stop) = run(Holding(), taps(1, 1 + gap_s))

    assert (first, start, stop) == (1, "start", "stop")
    assert second <= 1 + gap_s + REPEAT_S + 0.001


@pytest.mark.parametrize("keyboard", KEYBOARDS.values(), ids=KEYBOARDS)
def test_a_stream_of_repeats_is_a_hold_that_ends_with_it(keyboard: tuple[float, float]) -> None:
    done = run(Holding(), held(1, 4, keyboard))

    assert [action for _, action in done] == ["start", "stop"]
    assert done[0][0] == 1
    assert 4 - keyboard[1] < done[1][0] < 4 + 0.4


@pytest.mark.parametrize("keyboard", KEYBOARDS.values(), ids=KEYBOARDS)
def test_hold_after_hold_works_on_what_was_learned(keyboard: tuple[float, float]) -> None:
    events = [event for start in (1, 5, 9) for event in held(start, start + 2, keyboard)]

    assert [action for _, action in run(Holding(), events)] == ["start", "stop"] * 3


def test_a_key_let_go_right_after_its_first_repeat_stops() -> None:
    assert run(Holding(), taps(1, 1.5)) == [(1, "start"), (round(1.5 + REPEAT_S, 3), "stop")]


def test_a_tap_after_a_hold_is_a_tap_again() -> None:
    events = [*held(1, 3, KEYBOARDS["GNOME"]), *taps(6, 9)]

    assert [action for _, action in run(Holding(), events)] == ["start", "stop", "start", "stop"]
    assert run(Holding(), events)[2:] == [(6, "start"), (9, "stop")]


def test_a_stutter_in_the_stream_never_leaves_the_microphone_open() -> None:
    stream = held(1, 4, KEYBOARDS["GNOME"])
    late = [(at + 0.25 if at > 3.9 else at, key) for at, key in stream]  # the last repeats hang in the line

    done = run(Holding(), late)

    assert [action for _, action in done][-1] == "stop"
    assert done[-1][0] < 5


def test_three_taps_leave_it_on_though_nobody_ticked_between() -> None:
    holding = Holding()
    for at in (1.0, 1.3, 1.6):
        holding.pressed(PRESS, at)

    assert holding.on
    assert holding.next_check is None


def test_stopping_by_a_press_that_is_kept_down_ends_when_it_is_let_go() -> None:
    done = run(Holding(), [*taps(1), *held(5, 7, KEYBOARDS["GNOME"])])

    assert [action for _, action in done] == ["start", "stop", "start", "stop"]
    assert done[1][0] == 5
    assert done[3][0] < 7.4


def with_releases(*times: tuple[float, float]) -> list[tuple[float, Key]]:
    """What kitty sends: repeats of a character look like presses."""
    events = []
    for down, up in times:
        events += [(at, key) for at, key in held(down, up, KEYBOARDS["GNOME"]) if at < up]
        events.append((up, RELEASE))
    return events


def test_a_release_ends_a_hold_at_once_the_first_time_too() -> None:
    assert run(Holding(), with_releases((1, 4), (6, 7))) == [(1, "start"), (4, "stop"), (6, "start"), (7, "stop")]


def test_where_releases_are_known_a_tap_toggles_at_once() -> None:
    done = run(Holding(), with_releases((1, 1.1), (1.2, 1.3), (1.4, 1.5), (4, 4.1)))

    assert done == [(1, "start"), (1.2, "stop"), (1.4, "start"), (4, "stop")]


def test_a_hold_shorter_than_the_keyboards_delay_is_a_hold_where_releases_are_known() -> None:
    assert run(Holding(), with_releases((1, 1 + HOLD_S + 0.01)))[-1] == (1.36, "stop")


def test_stopping_by_a_long_press_does_not_start_again_where_releases_are_known() -> None:
    assert run(Holding(), with_releases((1, 1.1), (3, 5))) == [(1, "start"), (3, "stop")]


def test_a_release_with_a_modifier_down_counts() -> None:
    holding = Holding()
    holding.pressed(PRESS, 1)

    assert holding.pressed(Key("ctrl-space", "", "release"), 3) == "stop"


def test_a_release_that_went_to_another_window_costs_one_tap() -> None:
    events = [*with_releases((1, 1.1), (2, 2.1)), (5.0, PRESS), (9.0, PRESS), (9.1, RELEASE)]

    assert run(Holding(), events)[-2:] == [(5, "start"), (9, "stop")]


def test_a_terminal_that_stops_reporting_releases_is_learned_anew() -> None:
    events = [*with_releases((1, 1.1), (2, 2.1)), *taps(5, 9), *held(12, 15, KEYBOARDS["GNOME"])]

    assert [action for _, action in run(Holding(), events)][-2:] == ["start", "stop"]


def test_a_repeat_without_a_press_starts_nothing() -> None:
    assert run(Holding(), [(1.0, REPEAT), (1.03, REPEAT), (1.06, RELEASE)]) == []


def test_repeats_known_as_such_are_a_hold_at_once() -> None:
    holding = Holding()
    holding.pressed(PRESS, 1)
    holding.pressed(REPEAT, 1.5)

    assert holding.next_check is not None
    assert holding.tick(holding.next_check) == "stop"


def test_other_keys_mean_nothing() -> None:
    assert run(Holding(), [(1, Key("a", "a")), (2, Key("a", "", "release")), (3, Key("ctrl-space"))]) == []


def test_let_go_stops_and_the_rest_of_the_stream_does_not_start_again() -> None:
    holding = Holding()
    stream = held(1, 4, KEYBOARDS["GNOME"])
    for at, key in stream[:20]:
        holding.pressed(key, at)

    assert holding.let_go() == "stop"
    assert holding.let_go() is None
    assert run(holding, stream[20:]) == []
    assert run(holding, taps(10)) == [(10, "start")]


@given(st.lists(st.tuples(st.floats(0.001, 2), st.sampled_from([PRESS, REPEAT, RELEASE])), max_size=40))
def test_starts_and_stops_alternate_whatever_comes(steps: list[tuple[float, Key]]) -> None:
    holding, now, events = Holding(), 0.0, []
    for gap_s, key in steps:
        now += gap_s
        events.append((now, key))

    actions = [action for _, action in run(holding, events, until=now + 10)]

    assert actions == (["start", "stop"] * len(actions))[: len(actions)]
    assert holding.on == (len(actions) % 2 == 1)
