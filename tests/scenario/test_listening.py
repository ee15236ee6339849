"""When something really sounded."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.scenario.listening import Piece, Track


def tone(ms, level=8000):
    return np.full(24 * ms, level, "<i2").tobytes()


def track(*pieces):
    return Track(WIRE_OUT, [Piece(start_s, pcm) for start_s, pcm in pieces])


def edges(heard):
    return [(sound.start_s, sound.end_s) for sound in heard.sounds()]


def test_edges_are_those_of_the_audible_samples():
    heard = track((1.0, tone(100, 50) + tone(30) + tone(70, 0)), (1.2, tone(40, -9000) + tone(60, 0)))
    assert heard.first_audible_s(0) == pytest.approx(1.1)
    assert heard.last_audible_s(0) == pytest.approx(1.24)
    assert edges(heard) == [pytest.approx((1.1, 1.24))]


def test_edges_are_looked_for_between_two_times():
    heard = track((1.0, tone(100)), (2.0, tone(100)))
    assert heard.first_audible_s(1.05, 3) == pytest.approx(1.05)
    assert heard.last_audible_s(0, 2.04) == pytest.approx(2.04)
    assert heard.last_audible_s(0, 1.5) == pytest.approx(1.1)
    assert heard.first_audible_s(1.2, 1.9) is heard.last_audible_s(1.2, 1.9) is None
    assert heard.first_audible_s(2.2) is None


@pytest.mark.parametrize("gap_s", [0.003, 0.5, -0.004])
def test_what_begins_anew_is_another_sound_however_soon(gap_s):
    found = edges(track((1.0, tone(100)), (1.1 + gap_s, tone(100))))
    assert found == [pytest.approx((1.0, 1.1)), pytest.approx((1.1 + gap_s, 1.2 + gap_s))]


def test_what_is_silent_all_through_is_no_sound():
    assert edges(track((1.0, tone(100, 0)), (3.0, tone(100)))) == [pytest.approx((3.0, 3.1))]
    assert edges(track()) == []


@given(
    st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=6),
    st.lists(st.integers(1, 9000), max_size=5),
)
def test_how_a_sound_is_cut_into_pieces_makes_no_difference(stretches, cuts):
    pcm = b"".join(tone(ms, 9000 if loud else 0) for ms, loud in stretches)
    at = sorted({0, *(2 * cut for cut in cuts if 2 * cut < len(pcm)), len(pcm)})
    pieces = [(7 + WIRE_OUT.seconds_in(begin), pcm[begin:end]) for begin, end in pairwise(at)]
    whole, cut_up = track((7.0, pcm)), track(*pieces)
    assert edges(cut_up) == [pytest.approx(pair) for pair in edges(whole)]
