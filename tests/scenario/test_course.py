"""What happened in each turn: sound and reports put where they belong."""

import pytest

from flashlive_cli.pcm import WIRE_IN
from flashlive_cli.scenario.course import Course
from tests.scenario.courses import tone

CHUNK_S = 0.02


@pytest.mark.parametrize("early_s", [0.0, 0.001, 0.012, 0.019])
def test_a_chunk_that_was_under_way_when_a_turn_began_is_of_that_turn(early_s) -> None:
    """
    A clip that is loud from its first sample was taken for the end of the turn before, one time in a few: then the
    answer to that had come before its question was over.
    """
    course = Course()

    def speak(begun_s: float, chunks: int) -> None:
        course.begin(begun_s)
        for number in range(chunks):
            course.spoke(tone(WIRE_IN, CHUNK_S), begun_s - early_s + (number + 1) * CHUNK_S)

    course.spoke(bytes(WIRE_IN.bytes_of_ms(20)), 0.98)
    speak(1.0, 50)
    for number in range(100):  # silence until the very chunk
        course.spoke(bytes(WIRE_IN.bytes_of_ms(20)), 2.0 - early_s + (number + 1) * CHUNK_S)
    speak(4.0, 25)
    course.finish()

    found = [(turn.asked_from_s, turn.asked_until_s) for turn in course.turns]
    for span, known in zip(found, [(1.0, 2.0), (4.0, 4.5)], strict=True):
        assert span == pytest.approx([seconds - early_s for seconds in known])
