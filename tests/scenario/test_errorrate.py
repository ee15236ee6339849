"""How far one text is from another, in words."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.scenario.errorrate import word_error_rate

WORDS = st.lists(st.sampled_from(["a", "b", "c", "it's"]), max_size=7)


@pytest.mark.parametrize(
    ("reference", "heard", "rate"),
    [
        ("Where is my order?", "where IS my order", 0),
        ("Where is my order?", "where is order", 1 / 4),
        ("Where is my order?", "where is my my border", 2 / 4),
        ("Where is my order?", "", 1),
        ("yes", "no no no", 3),
        ("", "", 0),
        ("...", "um", 1),
        ("Caf\u00e9", "cafe\u0301", 0),
        ("stra\u00dfe", "STRASSE", 0),
        ("well-known", "well known", 0),
    ],
)
def test_words_put_in_taken_out_and_exchanged_count(reference, heard, rate):
    assert word_error_rate(reference, heard) == pytest.approx(rate)


@given(WORDS, WORDS)
def test_it_is_the_least_number_of_changes(reference, heard):
    @cache
    def changes(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        exchanged = changes(i - 1, j - 1) + (reference[i - 1] != heard[j - 1])
        return min(exchanged, changes(i - 1, j) + 1, changes(i, j - 1) + 1)

    expected = changes(len(reference), len(heard)) / len(reference) if reference else float(bool(heard))
    assert word_error_rate(" ".join(reference), ", ".join(heard)) == pytest.approx(expected)
