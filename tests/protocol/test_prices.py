"""What a response costs, by list price and by the user's own."""

import datetime as dt
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.config import example_toml
from flashlive_cli.errors import ConfigError
from flashlive_cli.protocol.codec import decode
from flashlive_cli.protocol.events import Usage
from flashlive_cli.protocol.families import KNOWN_MODELS
from flashlive_cli.protocol.prices import (
    OTHER,
    PRICES,
    PRICES_AS_OF,
    THOUGHTS,
    Price,
    cost_usd,
    find_price,
    tokens_in,
    tokens_out,
)

# each price a decimal place of its own, so that a sum tells which was charged how often
DECIMAL = Price(text_in=1, audio_in=10, image_in=100, text_out=1_000, audio_out=10_000)


def millionths(usage: Usage) -> float:
    return cost_usd(DECIMAL, usage) * 1_000_000


@pytest.mark.parametrize(
    ("usage", "millionths_usd"),
    [
        (Usage(), 0),
        (Usage(prompt=3, prompt_by_modality={"TEXT": 1, "AUDIO": 2}), 21),
        (Usage(prompt=3, prompt_by_modality={"IMAGE": 1, "VIDEO": 2}), 300),
        (Usage(prompt=2, prompt_by_modality={"DOCUMENT": 1, "SMELL": 1}), 2),
        (Usage(prompt=5, prompt_by_modality={"AUDIO": 2}), 23),
        (Usage(prompt=5), 5),
        (Usage(prompt=1, prompt_by_modality={"AUDIO": 2}), 20),
        (Usage(prompt=4, cached=3, prompt_by_modality={"AUDIO": 4}), 40),
        (Usage(prompt=1, tool_use=2, total=3), 3),
        (Usage(response=3, response_by_modality={"TEXT": 1, "AUDIO": 2}), 21_000),
        (Usage(response=5, response_by_modality={"AUDIO": 2}), 23_000),
        (Usage(response=2, thoughts=3, response_by_modality={"AUDIO": 2}), 23_000),
        (Usage(thoughts=3), 3_000),
        (Usage(prompt=-5, thoughts=-1, response_by_modality={"AUDIO": -7}), 0),
    ],
    ids=[
        "nothing",
        "text and sound in",
        "images and video in",
        "other modalities count as text",
        "what the details leave over counts as text",
        "without details all counts as text",
        "details beyond the count are believed",
        "what was cached costs the same",
        "results of the service's own tools come on top",
        "text and sound out",
        "what the details of the answer leave over counts as text",
        "thoughts come on top, as text",
        "thoughts alone",
        "less than nothing is nothing",
    ],
)
def test_every_token_is_charged_at_the_price_of_its_modality(usage, millionths_usd) -> None:
    assert millionths(usage) == pytest.approx(millionths_usd)


def test_a_response_on_the_wire_costs_what_its_numbers_come_to() -> None:
    events = decode(
        '{"serverContent": {"turnComplete": true}, "usageMetadata": {"promptTokenCount": 522, "responseTokenCount": 42,'
        '"totalTokenCount": 564, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 332},'
        '{"modality": "AUDIO", "tokenCount": 165}], "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],'
        '"thoughtsTokenCount": 136}}'
    )
    usage = next(event for event in events if isinstance(event, Usage))
    price = find_price("gemini-3.8-live")

    assert price is not None
    assert tokens_in(usage) == {"TEXT": 332, "AUDIO": 165, OTHER: 25}
    assert tokens_out(usage) == {"AUDIO": 42, THOUGHTS: 136}
    by_hand = (332 + 25) * 0.75e-6 + 165 * 3e-6 + 42 * 12e-6 + 136 * 4.5e-6
    assert cost_usd(price, usage) == pytest.approx(by_hand)


def test_a_minute_of_speech_costs_what_the_page_says_for_a_minute() -> None:
    """25 tokens a second; the page rounds half a tenth of a cent up."""
    price = find_price("gemini-3.8-live")
    assert price is not None

    assert cost_usd(price, Usage(prompt=1500, prompt_by_modality={"AUDIO": 1500})) == pytest.approx(0.0045)
    assert cost_usd(price, Usage(response=1500, response_by_modality={"AUDIO": 1500})) == pytest.approx(0.018)


def test_every_model_of_the_catalogue_has_a_price() -> None:
    assert [model for model in KNOWN_MODELS if find_price(model) is None] == []


@pytest.mark.parametrize(
    "model", ["gemini-9-voice", "gemini-3.8-live-002", "gemini-3.1-flash-live", "gemini-2.5-flash", "", "*", "models/"]
)
def test_a_model_without_a_listed_price_has_none(model) -> None:
    assert find_price(model) is None


def test_the_list_has_a_date_and_no_price_of_nothing() -> None:
    assert dt.date.fromisoformat(PRICES_AS_OF) >= dt.date(2026, 9, 15)  # the day 3.8-live appeared
    for price in PRICES.values():
        assert 0 < price.text_in <= price.image_in <= price.audio_in < price.audio_out
        assert price.text_in < price.text_out < price.audio_out


def test_a_price_of_the_users_own_goes_before_the_list_field_by_field() -> None:
    listed = find_price("gemini-3.8-live")
    assert listed is not None

    told = {"models/gemini-3.8-live": {"audio_in": 1.0, "text_out": 0.0}, "mine": {"audio_in": 9.0}}
    price = find_price("models/gemini-3.8-live", told)
    assert price == Price(
        text_in=listed.text_in, audio_in=1.0, image_in=listed.image_in, text_out=0.0, audio_out=listed.audio_out
    )
    assert find_price("gemini-3.1-flash-live-preview", told) == find_price("gemini-3.1-flash-live-preview")


def test_a_model_that_the_list_lacks_needs_all_of_its_prices() -> None:
    whole = {"text_in": 1.0, "audio_in": 2.0, "image_in": 3.0, "text_out": 4.0, "audio_out": 5.0}
    assert find_price("mine", {"mine": whole}) == Price(text_in=1, audio_in=2, image_in=3, text_out=4, audio_out=5)

    with pytest.raises(ConfigError, match=r'^prices\."mine": text_in, image_in, text_out, audio_out must be there too'):
        find_price("mine", {"mine": {"audio_in": 2.0}})


def test_the_settings_take_the_fields_of_a_price_and_show_the_listed_ones() -> None:
    uncommented = "\n".join(line.removeprefix("#") for line in example_toml().splitlines() if line[:2] != "# ")
    prices = tomllib.loads(uncommented)["prices"]

    assert prices
    for model, told in prices.items():
        assert set(told) == {"text_in", "audio_in", "image_in", "text_out", "audio_out"}
        assert find_price(model, prices) == find_price(model)


counts = st.integers() | st.sampled_from([2**31, 10**400, -(10**400)])
details = st.dictionaries(st.sampled_from(["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT", OTHER, THOUGHTS, ""]), counts)
usages = st.builds(Usage, counts, counts, counts, counts, counts, counts, details, details)


@given(usages)
def test_whatever_the_server_counts_a_cost_is_a_number_and_no_refund(usage) -> None:
    assert 0 <= cost_usd(DECIMAL, usage) < float("inf")
    assert all(count > 0 for count in (*tokens_in(usage).values(), *tokens_out(usage).values()))
