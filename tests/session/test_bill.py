"""The bill of a talk."""

import pytest

from flashlive_cli.protocol.events import Usage
from flashlive_cli.protocol.prices import OTHER, THOUGHTS, Price, find_price
from flashlive_cli.session.bill import Bill

PRICE = Price(text_in=1, audio_in=10, image_in=100, text_out=1_000, audio_out=10_000)
FIRST = Usage(
    prompt=120,
    response=50,
    thoughts=7,
    prompt_by_modality={"TEXT": 20, "AUDIO": 90},
    response_by_modality={"AUDIO": 50},
)
SECOND = Usage(prompt=200, response=5, prompt_by_modality={"TEXT": 20, "AUDIO": 180}, response_by_modality={"TEXT": 5})


def test_a_talk_costs_the_sum_of_its_responses() -> None:
    bill = Bill(PRICE)
    assert bill.total_usd == 0

    first = bill.add(FIRST)
    assert first == pytest.approx(507_930e-6)
    assert bill.total_usd == first
    second = bill.add(SECOND)
    assert second == pytest.approx(6_820e-6)
    assert bill.total_usd == pytest.approx(514_750e-6)


def test_tokens_are_added_up_as_billed_history_and_all() -> None:
    bill = Bill(PRICE)
    bill.add(FIRST)
    bill.add(SECOND)

    assert bill.tokens_in == {"TEXT": 40, "AUDIO": 270, OTHER: 10}
    assert bill.tokens_out == {"AUDIO": 50, "TEXT": 5, THOUGHTS: 7}


def test_an_unknown_price_is_no_price_of_nothing_and_tokens_are_counted_all_the_same() -> None:
    bill = Bill(find_price("gemini-9-voice"))

    assert bill.add(FIRST) is None
    assert bill.total_usd is None
    assert bill.tokens_in == {"TEXT": 20, "AUDIO": 90, OTHER: 10}


def test_a_price_of_nothing_comes_to_nothing() -> None:
    bill = Bill(Price(text_in=0, audio_in=0, image_in=0, text_out=0, audio_out=0))

    assert bill.add(FIRST) == 0
    assert bill.total_usd == 0


def test_what_a_bill_has_told_does_not_change_with_it() -> None:
    bill = Bill(PRICE)
    bill.add(FIRST)
    told = bill.tokens_in
    bill.add(FIRST)

    assert told == {"TEXT": 20, "AUDIO": 90, OTHER: 10}
