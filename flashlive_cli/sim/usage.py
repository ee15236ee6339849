"""The tokens of a conversation, counted from what was really exchanged."""

import math
from collections import Counter
from typing import Any, Final

TOKENS_PER_AUDIO_S: Final = 25
"""ai.google.dev, Live capabilities: about 25 tokens a second of audio, in and out."""
TOKENS_PER_STILL: Final = {"LOW": 64, "MEDIUM": 256, "HIGH": 256}
"""By media resolution, as the API's reference gives it for the models before 3."""
_TOKENS_PER_STILL: Final = 258
"""The same capabilities page, where no resolution was asked for."""
_CHARACTERS_PER_TOKEN: Final = 4

_ORDER: Final = ("TEXT", "AUDIO", "IMAGE")


def text_tokens(text: str) -> int:
    """About four characters a token."""
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


class Ledger:
    """
    What the model has read and said. Pure arithmetic.

    A turn's prompt is everything before it, which is why long talks grow expensive; closing the turn moves what was
    said into the history.

    Args:
        details_calls: the text of calls has an entry of its own among the details; else it is in the sums only.
    """

    def __init__(self, *, details_calls: bool = True) -> None:
        self._details_calls = details_calls
        self._standing = 0
        self._thoughts = 0
        self._history: Counter[str] = Counter()
        self._said: Counter[str] = Counter()

    def stand_on(self, instruction: str, tools_json: str) -> None:
        """The instruction and the tools, part of every prompt, in place of those before."""
        self._standing = text_tokens(instruction) + (text_tokens(tools_json) if len(tools_json) > 2 else 0)

    def read(self, text: str) -> None:
        """Text came in."""
        self._history["TEXT"] += text_tokens(text)

    def hear(self, seconds: float) -> None:
        """Audio came in."""
        self._history["AUDIO"] += math.ceil(seconds * TOKENS_PER_AUDIO_S)

    def see(self, stills: int, resolution: str = "") -> None:
        """Pictures came in, to be looked at as closely as that: `LOW`, `MEDIUM`, `HIGH`, or nothing was said."""
        self._history["IMAGE"] += stills * TOKENS_PER_STILL.get(resolution, _TOKENS_PER_STILL)

    def say_text(self, text: str) -> None:
        """A call or another text went out."""
        self._said["TEXT"] += text_tokens(text)

    def say_audio(self, seconds: float) -> None:
        """The audio of one reply went out, so and so long in all."""
        self._said["AUDIO"] += math.ceil(seconds * TOKENS_PER_AUDIO_S)

    def think(self, tokens: int) -> None:
        """The model thought; of no length in particular, so it varies by what was read."""
        if tokens:
            self._thoughts += tokens + self._history.total() % 7

    def forget_reply(self) -> None:
        """What was said of the turn under way is lost with its connection."""
        self._said = Counter()
        self._thoughts = 0

    def close_turn(self) -> dict[str, Any]:
        """`usageMetadata` of the turn, zeros omitted; what was said becomes history."""
        prompt = self._history + Counter({"TEXT": self._standing})
        usage: dict[str, Any] = {
            "promptTokenCount": prompt.total(),
            "responseTokenCount": self._said.total(),
            "totalTokenCount": prompt.total() + self._said.total(),
            "promptTokensDetails": _details(prompt),
            "responseTokensDetails": _details(self._said if self._details_calls else _without_text(self._said)),
            "thoughtsTokenCount": self._thoughts,  # in no sum, as recorded
        }
        self._history += self._said
        self._said = Counter()
        self._thoughts = 0
        return {name: value for name, value in usage.items() if value}


def _without_text(tokens: Counter[str]) -> Counter[str]:
    return Counter({name: count for name, count in tokens.items() if name != "TEXT"})


def _details(tokens: Counter[str]) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": tokens[name]} for name in _ORDER if tokens[name]]
