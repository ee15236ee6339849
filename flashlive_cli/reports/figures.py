"""What it took: time, tokens, money."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens of one response, as the service counts them; not cumulative."""

    type: ClassVar = "usage"
    prompt_tokens: int
    response_tokens: int
    thought_tokens: int
    total_tokens: int
    prompt_tokens_by_modality: Mapping[str, int]
    response_tokens_by_modality: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """
    How long the user waited, in stages that add up to `total_ms`.

    Attributes:
        speech_end_to_content_ms: from the end of speech (or the typed line) to the first content or tool call.
        content_to_audio_ms: from there to the first sound received.
        audio_to_sample_ms: from there to the first sample played.
        total_ms: from the end of speech to the first sample played.
    """

    type: ClassVar = "latency"
    speech_end_to_content_ms: float
    content_to_audio_ms: float
    audio_to_sample_ms: float
    total_ms: float
    kind: Literal["turn"] = "turn"


@dataclass(frozen=True, slots=True)
class BargeInLatency:
    """
    How long the voice went on after the user cut in.

    Attributes:
        speech_start_to_interrupted_ms: from the user's first sound to the server's word; None where not known.
        interrupted_to_silence_ms: from there to the last old sample played.
    """

    type: ClassVar = "latency"
    speech_start_to_interrupted_ms: float | None
    interrupted_to_silence_ms: float
    kind: Literal["barge_in"] = "barge_in"
