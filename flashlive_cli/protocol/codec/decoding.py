"""
Server JSON -> events.

The far end writes protobuf JSON: names in camelCase; unknown names are ignored, known names of the wrong type are
errors, a field that is `null` or absent has its default.
"""

import binascii
import contextlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from flashlive_cli.errors import RemoteProtocolError
from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.protocol import events as e

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What protobuf can say; JSON can say numbers that no sum of money survives."""

_MAX_DEPTH: Final = 100
"""Of a call's arguments: what protobuf's own JSON readers take. Deeper ones, and Python's `json` cannot write them."""


class _Wire(msgspec.Struct, rename="camel"):
    """A server object: unknown fields ignored, absent and null alike."""


class _Blob(_Wire):
    mime_type: str | None = None
    data: msgspec.Raw = msgspec.Raw()  # decoded once it is known to be sound


class _Part(_Wire):
    text: str | None = None
    thought: bool | None = None
    inline_data: _Blob | None = None


class _Content(_Wire):
    parts: list[_Part] | None = None


class _Transcription(_Wire):
    text: str | None = None


class _Web(_Wire):
    uri: str | None = None
    title: str | None = None


class _GroundingChunk(_Wire):
    web: _Web | None = None


class _Grounding(_Wire):
    web_search_queries: list[str] | None = None
    grounding_chunks: list[_GroundingChunk] | None = None


class _ServerContent(_Wire):
    model_turn: _Content | None = None
    input_transcription: _Transcription | None = None
    interim_input_transcription: _Transcription | None = None
    output_transcription: _Transcription | None = None
    interrupted: bool | None = None
    generation_complete: bool | None = None
    turn_complete: bool | None = None
    turn_complete_reason: str | None = None
    waiting_for_input: bool | None = None
    interaction_status: str | None = None
    grounding_metadata: _Grounding | None = None


class _SetupComplete(_Wire):
    session_id: str | None = None


class _FunctionCall(_Wire):
    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None


class _ToolCall(_Wire):
    function_calls: list[_FunctionCall] | None = None


class _ToolCallCancellation(_Wire):
    ids: list[str] | None = None


class _GoAway(_Wire):
    time_left: str | None = None


class _SessionResumptionUpdate(_Wire):
    new_handle: str | None = None
    resumable: bool | None = None


class _VoiceActivity(_Wire):
    type: str | None = None
    voice_activity_type: str | None = None  # the SDK's name for the same
    audio_offset: str | None = None


class _ModalityCount(_Wire):
    modality: str | None = None
    token_count: _Count | None = None


class _Usage(_Wire):
    prompt_token_count: _Count | None = None
    cached_content_token_count: _Count | None = None
    response_token_count: _Count | None = None
    candidates_token_count: _Count | None = None  # Vertex's name for the same
    tool_use_prompt_token_count: _Count | None = None
    thoughts_token_count: _Count | None = None
    total_token_count: _Count | None = None
    prompt_tokens_details: list[_ModalityCount] | None = None
    response_tokens_details: list[_ModalityCount] | None = None
    candidates_tokens_details: list[_ModalityCount] | None = None


class _ServerMessage(_Wire):
    setup_complete: _SetupComplete | None = None
    server_content: _ServerContent | None = None
    tool_call: _ToolCall | None = None
    tool_call_cancellation: _ToolCallCancellation | None = None
    go_away: _GoAway | None = None
    session_resumption_update: _SessionResumptionUpdate | None = None
    voice_activity: _VoiceActivity | None = None
    usage_metadata: _Usage | None = None
    interaction_status: str | None = None  # the thinking guide shows it here, the SDK inside serverContent


# strict=False: an int64 may be a JSON string
_decoder: Final = msgspec.json.Decoder(_ServerMessage, strict=False)
_blob_decoder: Final = msgspec.json.Decoder(bytes | None)
_text_decoder: Final = msgspec.json.Decoder(str)

_DURATION: Final = re.compile(r"(-?\d{1,12}(?:\.\d{1,9})?)s")
_AUDIO_TYPE: Final = re.compile(r"audio/pcm(?:\s*;\s*rate=(\d{1,6}))?\s*", re.ASCII | re.IGNORECASE)


def decode(raw: bytes | str) -> list[e.Event]:
    """
    Read one server message.

    Args:
        raw: UTF-8 JSON; the service sends it in binary WebSocket messages, some proxies in text ones.

    Returns:
        What it says, in the order in which it takes effect; empty for the empty messages that are normal on 3.x.

    Raises:
        RemoteProtocolError: not JSON, or a known field of the wrong type.
    """
    try:
        message = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise RemoteProtocolError(f"the server sent what is no Live API message: {exc}") from exc
    return list(_read(message))


def _read(message: _ServerMessage) -> Iterator[e.Event]:
    if message.setup_complete is not None:
        yield e.SetupComplete(message.setup_complete.session_id)
    if (update := message.session_resumption_update) is not None:
        yield e.HandleIssued(update.new_handle if update.new_handle and update.resumable else None)
    if message.voice_activity is not None:
        yield from _read_activity(message.voice_activity)
    content = message.server_content or _ServerContent()
    yield from _read_speech(content)
    if content.interrupted:
        yield e.Interrupted()
    if content.generation_complete:
        yield e.GenerationComplete()
    if message.tool_call is not None:
        for call in message.tool_call.function_calls or ():
            if not call.id:
                raise RemoteProtocolError(f"the server called {call.name!r} without an id, which cannot be answered")
            if _deeper_than(_MAX_DEPTH, call.args):
                raise RemoteProtocolError(
                    f"the server called {call.name!r} with arguments over {_MAX_DEPTH} levels deep"
                )
            yield e.ToolCall(call.id, call.name or "", call.args or {})
    if message.tool_call_cancellation is not None:
        yield e.ToolCallCancelled(tuple(message.tool_call_cancellation.ids or ()))
    if message.usage_metadata is not None:
        yield _read_usage(message.usage_metadata)
    if status := content.interaction_status or message.interaction_status:
        yield e.InteractionChanged(status)
    if content.turn_complete:
        yield e.TurnComplete(content.turn_complete_reason, bool(content.waiting_for_input))
    if message.go_away is not None:
        yield e.GoAway(_seconds(message.go_away.time_left) or 0.0)


def _deeper_than(levels: int, value: object) -> bool:
    """Whether objects and lists are nested more deeply; without recursion, whose end this looks for."""
    layer = [value]
    for _ in range(levels + 1):
        inside = [
            list(item.values()) if isinstance(item, dict) else item for item in layer if isinstance(item, dict | list)
        ]
        if not inside:
            return False
        layer = [child for children in inside for child in children]
    return True


def _read_activity(activity: _VoiceActivity) -> Iterator[e.Event]:
    offset_s = _seconds(activity.audio_offset)
    match activity.type or activity.voice_activity_type:
        case "ACTIVITY_START":
            yield e.SpeechStarted(offset_s)
        case "ACTIVITY_END":
            yield e.SpeechEnded(offset_s)
        case _:
            return  # a kind that this version does not know


def _read_speech(content: _ServerContent) -> Iterator[e.Event]:
    parts = (content.model_turn.parts if content.model_turn else None) or ()
    for part in parts:
        if part.inline_data is not None:
            if pcm := _read_audio(part.inline_data):
                yield e.AudioChunk(pcm)
        elif part.text:
            yield e.Thought(part.text) if part.thought else e.ModelText(part.text)
    if (heard := content.input_transcription) is not None and heard.text:
        yield e.InputTranscript(heard.text)
    if (guess := content.interim_input_transcription) is not None and guess.text:
        yield e.InputTranscript(guess.text, interim=True)
    if (said := content.output_transcription) is not None and said.text:
        yield e.OutputTranscript(said.text)
    if (grounding := content.grounding_metadata) is not None:
        webs = [chunk.web for chunk in grounding.grounding_chunks or () if chunk.web is not None]
        sources = tuple((web.title or "", web.uri or "") for web in webs)
        yield e.Grounded(tuple(grounding.web_search_queries or ()), sources)


def _read_audio(blob: _Blob) -> bytes | None:
    """Return mono s16le at 24 kHz; None when the blob is not sound."""
    kind = _AUDIO_TYPE.fullmatch(blob.mime_type or "audio/pcm")
    if kind is None:
        return None
    if kind[1] and int(kind[1]) != WIRE_OUT.rate_hz:
        raise RemoteProtocolError(f"the server sent sound at {kind[1]} Hz; a Live server says {WIRE_OUT.rate_hz}")
    pcm = _read_base64(blob.data) or b""
    if len(pcm) % WIRE_OUT.frame_bytes:
        raise RemoteProtocolError(f"the server sent sound of {len(pcm)} bytes, which is no whole number of samples")
    return pcm


def _read_base64(raw: msgspec.Raw) -> bytes | None:
    if not raw:
        return None
    with contextlib.suppress(msgspec.MsgspecError):
        standard: bytes | None = _blob_decoder.decode(raw)
        return standard
    # the service sends standard base64, padded; proxies may re-encode it for URLs
    try:
        text = _text_decoder.decode(raw).replace("-", "+").replace("_", "/").rstrip("=")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise RemoteProtocolError(f"the server sent sound that is no base64: {exc}") from exc


def _read_usage(usage: _Usage) -> e.Usage:
    return e.Usage(
        prompt=usage.prompt_token_count or 0,
        response=usage.response_token_count or usage.candidates_token_count or 0,
        thoughts=usage.thoughts_token_count or 0,
        cached=usage.cached_content_token_count or 0,
        tool_use=usage.tool_use_prompt_token_count or 0,
        total=usage.total_token_count or 0,
        prompt_by_modality=_counts(usage.prompt_tokens_details),
        response_by_modality=_counts(usage.response_tokens_details or usage.candidates_tokens_details),
    )


def _counts(details: list[_ModalityCount] | None) -> dict[str, int]:
    return {count.modality: count.token_count or 0 for count in details or () if count.modality}


def _seconds(duration: str | None) -> float | None:
    """Read a protobuf Duration such as `50s` or `1.880s`; what is over already is 0."""
    if duration is None:
        return None
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise RemoteProtocolError(f"the server sent {duration!r} where a duration such as '50s' belongs")
    return max(0.0, float(match[1]))
