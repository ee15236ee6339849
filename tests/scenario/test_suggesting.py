"""What is suggested of a recorded turn: words that come again, arguments as they matter, limits with room in them."""

import re

import pytest

from flashlive_cli.scenario.suggesting import expected_args, limit_ms, pattern_of


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Where is my order A-1001?", "(?i)order"),
        ("Stop, please. One question.", "(?is)Stop.*question"),
        ("You have three appointments on Monday at 10:30.", "(?i)appointments"),
        ("It is 21 degrees in Berlin right now.", "(?is)degrees.*Berlin"),
        ("Sure! I\u2019d be happy to help you with your refund.", "(?i)refund"),
        ("The refund: a refund of 20 euros.", "(?is)refund.*euros"),
        ("Well-known hôtels (3*) near the Seine", "(?is)Well-known.*Seine"),
        ("Das Paket kommt am Freitag in Hamburg an.", "(?is)Freitag.*Hamburg"),
        ("注文は発送されました。", "(?i)注文は発送されました"),
        ("Yes.", None),
        ("It is 10:30.", None),
        ("", None),
    ],
)
def test_words_that_carry_the_meaning_are_looked_for(text: str, pattern: str | None) -> None:
    assert pattern_of(text) == pattern
    assert pattern is None or re.search(pattern, text)


def test_what_a_tool_answered_comes_before_names_and_those_before_long_words() -> None:
    text = "Your extraordinarily heavy parcel from Antwerp has shipped and arrives on Thursday."

    assert pattern_of(text) == "(?is)extraordinar.*Antwerp"
    assert pattern_of(text, topic="where is my parcel") == "(?is)parcel.*Antwerp"
    facts = "{'output': 'shipped, arrives thursday'}"
    assert pattern_of(text, facts=facts) == "(?is)shipped.*Thursday", "a day that is a fact stays"


def test_arguments_are_expected_as_they_matter() -> None:
    args = {
        "order_id": "A-1001",
        "percent": 50,
        "reason": "wrong item",
        "query": "the weather in Berlin for tomorrow",
        "note": "sample note",
        "filter": {"regex": "x"},
        "what": "one or two of these",
    }

    assert expected_args(args) == {
        "order_id": "A-1001",
        "percent": 50,
        "reason": "wrong item",
        "query": {"regex": "(?is)weather.*Berlin"},
        "filter": {"equals": {"regex": "x"}},
        "what": "one or two of these",
    }


@pytest.mark.parametrize(
    ("measured", "least", "limit"),
    [
        (None, 100, None),
        (20.0, 100, 100),
        (312.0, 100, 650),
        (480.1, 100, 1000),
        (501.0, 700, 1100),
        (1210.0, 3000, 3000),
        (1992.4, 3000, 4000),
        (10_500.0, 3000, None),
    ],
)
def test_limits_have_room_and_are_round(measured: float | None, least: int, limit: int | None) -> None:
    assert limit_ms(measured, least=least) == limit
