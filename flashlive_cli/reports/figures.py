"""What it took: time, tokens, money."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from msgspec import Struct


class UsageReported(Struct, frozen=True):
    """
    Tokens of one response, as the service counts them; not cumulative.

    Attributes:
        prompt_tokens: went in: the whole history each time.
        response_tokens: came out, thoughts not counted.
        thought_tokens: were thought.
        total_tokens: as the service adds them up.
        prompt_tokens_by_modality: `TEXT`, `AUDIO` …; need not add up to all.
        response_tokens_by_modality: the same of what came out.
        cost_usd: of this response; None where the model's price is not known.
        total_cost_usd: of the talk so far.
    """

    type: ClassVar = "usage"
    prompt_tokens: int
    response_tokens: int
    thought_tokens: int
    total_tokens: int
    prompt_tokens_by_modality: Mapping[str, int]
    response_tokens_by_modality: Mapping[str, int]
    cost_usd: float | None = None
    total_cost_usd: float | None = None


class TurnLatency(Struct, frozen=True):
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


class BargeInLatency(Struct, frozen=True):
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


class TalkSummary(Struct, frozen=True):
    """
    What the talk came to; told before it is closed.

    Attributes:
        duration_s: since its start.
        turns: that the server ended.
        barge_ins: replies that the user cut.
        tool_calls: that the model made.
        median_first_content_ms: over the turns, from the end of speech to the first content; None without any.
        median_first_sample_ms: from the end of speech to the first sample played.
        median_silence_ms: over the barge-ins, from the server's word to the last old sample played.
        prompt_tokens_by_modality: in all.
        response_tokens_by_modality: in all.
        cost_usd: in all; None where the model's price is not known.
        pictures: stills and images that were sent.
    """

    type: ClassVar = "summary"
    duration_s: float
    turns: int
    barge_ins: int
    tool_calls: int
    median_first_content_ms: float | None
    median_first_sample_ms: float | None
    median_silence_ms: float | None
    prompt_tokens_by_modality: Mapping[str, int]
    response_tokens_by_modality: Mapping[str, int]
    cost_usd: float | None
    pictures: int = 0
