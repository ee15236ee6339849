"""
What a talk costs: the list prices of the models, and the cost of one response.

The service bills tokens, not minutes. Each turn bills the whole session context again, sound of earlier turns at the
price of sound, so a talk costs the sum over all its `Usage`, and a later turn more than an earlier one
(https://ai.google.dev/gemini-api/docs/live-api/best-practices#pricing-billing, as of 2026-09-15; whoever compared sums
with invoices found 3 % between them: https://discuss.ai.google.dev/t/173248). The part of a prompt that is served from
cache costs the same: no Live model has a price for it.

What comes out here is an estimate by list price, without taxes, free tier, and what no `Usage` counts: transcripts
are billed as text written (some 200 tokens per minute of speech, a tenth of a cent), searches by the piece, and
whether the 3.8 models, which bill sound as long as they listen, count the silence between turns is not known.
"""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from flashlive_cli.errors import ConfigError
from flashlive_cli.protocol.events import Usage

PRICES_AS_OF: Final = "2026-10-10"
"""The day `PRICES` were read; the page said that it was last updated the day before."""

PRICES_SOURCE: Final = "https://ai.google.dev/gemini-api/docs/pricing"

OTHER: Final = "OTHER"
"""Stands in the place of a modality for tokens whose modality the service does not tell."""
THOUGHTS: Final = "THOUGHTS"
"""Stands in the place of a modality for tokens of thinking."""

_MILLION: Final = 1_000_000
_MOST_TOKENS: Final = 2**31 - 1  # the service counts in int32; more comes from nobody honest, and may fit no float


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What a model costs; US dollars per million tokens.

    Attributes:
        text_in: text read: instructions, functions and their answers, typed turns.
        audio_in: sound heard, and the model's own sound when it is read again.
        image_in: images and frames of video.
        text_out: text written, and thoughts.
        audio_out: sound spoken.
    """

    text_in: float
    audio_in: float
    image_in: float
    text_out: float
    audio_out: float

    def of_input(self, modality: str) -> float:
        """Return the price of what is read; text for a modality without a price of its own."""
        match modality:
            case "AUDIO":
                return self.audio_in
            case "IMAGE" | "VIDEO":
                return self.image_in
            case _:
                return self.text_in

    def of_output(self, modality: str) -> float:
        """Return the price of what is generated; text for a modality without a price of its own."""
        return self.audio_out if modality == "AUDIO" else self.text_out


_LIVE_3: Final = Price(text_in=0.75, audio_in=3.00, image_in=1.00, text_out=4.50, audio_out=12.00)
_NATIVE_AUDIO_2_5: Final = Price(text_in=0.50, audio_in=3.00, image_in=3.00, text_out=2.00, audio_out=12.00)

PRICES: Final[Mapping[str, Price]] = {
    "gemini-3.8-live": _LIVE_3,
    "gemini-3.8-live-extended-thinking": _LIVE_3,
    "gemini-3.1-flash-live-preview": _LIVE_3,
    "gemini-2.5-flash-native-audio-*": _NATIVE_AUDIO_2_5,
}
"""
Paid tier of the Gemini Developer API, by id or shell pattern. Only what the page prices is here: a guess would be
worse than no price. Of the 2.5 models it names the preview of 12-2025, as it did with the same prices that of 09-2025.
"""


def find_price(model_id: str, told: Mapping[str, Mapping[str, float]] | None = None) -> Price | None:
    """
    Return what a model costs, None where nobody knows.

    Args:
        model_id: bare, or with `models/`.
        told: prices of the user's own, by model and by field of `Price`; they go before the list's, field by field.

    Raises:
        ConfigError: `told` prices a part of a model that the list does not have.
    """
    bare = model_id.removeprefix("models/")
    listed = next((price for pattern, price in PRICES.items() if fnmatch.fnmatchcase(bare, pattern)), None)
    own: dict[str, float] = {}
    for name, given in (told or {}).items():
        if name.removeprefix("models/") == bare:
            own |= given
    if not own:
        return listed
    if listed is not None:
        return replace(listed, **own)
    if missing := [field.name for field in fields(Price) if field.name not in own]:
        raise ConfigError(f'prices."{bare}": {", ".join(missing)} must be there too: the list has no such model')
    return Price(**own)


def cost_usd(price: Price, usage: Usage) -> float:
    """
    Return what one response cost, in US dollars.

    Sound and images at their prices, all else at that of text: what has another modality or none, what the
    details leave over of the counts, the results of the service's own tools (they come on top of the prompt), thoughts.
    """
    read = sum(count * price.of_input(modality) for modality, count in tokens_in(usage).items())
    written = sum(count * price.of_output(modality) for modality, count in tokens_out(usage).items())
    return (read + written) / _MILLION


def tokens_in(usage: Usage) -> dict[str, int]:
    """Return the tokens billed as input, by modality or `OTHER`; none is 0 or less."""
    counts = _with_rest(usage.prompt_by_modality, usage.prompt)
    counts[OTHER] = counts.get(OTHER, 0) + _sane(usage.tool_use)
    return _without_zeros(counts)


def tokens_out(usage: Usage) -> dict[str, int]:
    """Return the tokens billed as output, by modality, `OTHER` or `THOUGHTS`; none is 0 or less."""
    counts = _with_rest(usage.response_by_modality, usage.response)
    counts[THOUGHTS] = counts.get(THOUGHTS, 0) + _sane(usage.thoughts)
    return _without_zeros(counts)


def _with_rest(details: Mapping[str, int], count: int) -> dict[str, int]:
    """Add what the details leave over; where they come to more than the count, they are believed."""
    counts = {modality: _sane(tokens) for modality, tokens in details.items()}
    counts[OTHER] = counts.get(OTHER, 0) + max(0, _sane(count) - sum(counts.values()))
    return counts


def _sane(count: int) -> int:
    return min(max(0, count), _MOST_TOKENS)


def _without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {modality: count for modality, count in counts.items() if count}
