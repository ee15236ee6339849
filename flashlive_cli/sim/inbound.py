"""
What a client said after setup, judged and typed.

A breach raises `Refusal` with the close code and reason of the service; what the service ignores is left out.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flashlive_cli.sim.grammar import ALPHA_MESSAGE, BETA_MESSAGE
from flashlive_cli.sim.profile import Profile
from flashlive_cli.sim.schema import Refusal, invalid_argument, parse_json, snake
from flashlive_cli.sim.setup import Setup, Tool, judge_tools, text_of
from flashlive_cli.sim.sight import Picture, Unreadable, look_at

_NOT_SETUP: Final = frozenset(
    spelled for name in BETA_MESSAGE.fields if name != "setup" for spelled in (name, snake(name))
)
_EXPLICIT_ACTIVITY: Final = "Explicit activity control is not supported when automatic activity detection is enabled."
_NOT_IMPLEMENTED: Final = "Operation is not implemented, or supported, or enabled."

_STILLS: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
_RATES: Final = range(1_000, 192_001)


@dataclass(frozen=True, slots=True)
class Audio:
    """A slice of the stream: mono s16le, whole frames, at the rate the client declared."""

    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Still:
    """One picture shown through realtime input."""

    picture: Picture


@dataclass(frozen=True, slots=True)
class Typed:
    """Text through realtime input."""

    text: str


@dataclass(frozen=True, slots=True)
class ActivityStart:
    """Manual mode: the user begins."""


@dataclass(frozen=True, slots=True)
class ActivityEnd:
    """Manual mode: the user is done."""


@dataclass(frozen=True, slots=True)
class AudioStreamEnd:
    """The microphone is off."""


@dataclass(frozen=True, slots=True)
class Content:
    """
    Client content.

    Attributes:
        text: of the user's turns in this message, joined.
        history_text: of all turns, both roles, with calls and responses as JSON: what the model reads.
        stills: pictures inline.
        audio_s: seconds of PCM inline.
        turn_complete: the model may answer.
    """

    text: str
    history_text: str
    stills: tuple[Picture, ...]
    audio_s: float
    turn_complete: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One function response; `scheduling` is INTERRUPT, WHEN_IDLE or SILENT."""

    call_id: str
    name: str
    response: Mapping[str, Any]
    scheduling: str
    will_continue: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """The function responses of one message."""

    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class ContextUpdate:
    """A new instruction, new tools, or both; None leaves what there is."""

    instruction: str | None
    tools: tuple[Tool, ...] | None
    tools_json: str | None


ClientMessage = Audio | Still | Typed | ActivityStart | ActivityEnd | AudioStreamEnd | Content | Answers | ContextUpdate


_MAY_SHOW: Final = re.compile(rb"image/|\\", re.IGNORECASE)


def may_show(raw: bytes) -> bool:
    """Whether a message may hold a picture, so that it takes long to read; never False for one that does."""
    return _MAY_SHOW.search(raw) is not None  # a backslash, as JSON has other spellings for every letter


def read_first(raw: bytes, *, version: str) -> Mapping[str, Any]:
    """The body of the `setup` that must come first, its names and types checked, its values not yet judged."""
    value = parse_json(raw)
    if value.keys() <= _NOT_SETUP:
        raise _only_the_first()
    message = (ALPHA_MESSAGE if version == "v1alpha" else BETA_MESSAGE).read(value, "")
    if "setup" not in message:
        raise _only_the_first()
    setup: Mapping[str, Any] = message["setup"]
    return setup


def read_later(raw: bytes, setup: Setup) -> list[ClientMessage]:
    """What one message after setup says, in the order in which it counts; in any thread, see `may_show`."""
    value = parse_json(raw)
    if "setup" in value:
        raise _only_the_first()
    message = BETA_MESSAGE.read(value, "")
    if "realtimeInput" in message:
        return _realtime(message["realtimeInput"], setup)
    if "clientContent" in message:
        return [_content(message["clientContent"], setup.profile)]
    if "toolResponse" in message:
        responses = message["toolResponse"].get("functionResponses", ())
        return [Answers(tuple(_answer(response, setup.profile) for response in responses))]
    if "contextUpdate" in message:
        return [_context(message["contextUpdate"], setup.profile)]
    raise invalid_argument()


def _only_the_first() -> Refusal:
    return Refusal(1007, "setup must be the first message and only the first")


def _realtime(realtime: Mapping[str, Any], setup: Setup) -> list[ClientMessage]:
    said: list[ClientMessage] = []
    if ("activityStart" in realtime or "activityEnd" in realtime) and setup.automatic:
        raise Refusal(1007, _EXPLICIT_ACTIVITY)
    if "activityStart" in realtime:
        said.append(ActivityStart())
    # of mediaChunks only the first was ever used
    for blob in [*realtime.get("mediaChunks", ())[:1], realtime.get("audio"), realtime.get("video")]:
        if blob is not None:
            mime = blob.get("mimeType", "")
            said.append(_still(blob) if mime.startswith("image/") else _audio(blob))
    if "video" in realtime and not realtime["video"].get("mimeType", "").startswith("image/"):
        raise invalid_argument("video takes image/jpeg, image/png or image/webp.")
    if "audio" in realtime and realtime["audio"].get("mimeType", "").startswith("image/"):
        raise invalid_argument("audio takes audio/pcm.")
    if "text" in realtime:
        said.append(Typed(realtime["text"]))
    if "activityEnd" in realtime:
        said.append(ActivityEnd())
    if realtime.get("audioStreamEnd", False):
        said.append(AudioStreamEnd())
    return said


def _audio(blob: Mapping[str, Any]) -> Audio:
    rate_hz = _pcm_rate(blob.get("mimeType", ""))
    if rate_hz is None:
        raise invalid_argument(f"Unsupported audio type {blob.get('mimeType', '')!r}; send audio/pcm;rate=16000.")
    pcm: bytes = blob.get("data", b"")
    if len(pcm) % 2:
        raise invalid_argument("Audio must be whole 16-bit samples.")
    return Audio(pcm, rate_hz)


def _pcm_rate(mime: str) -> int | None:
    """Bare `audio/pcm` means 16 kHz; containers and `audio/l16` are refused."""
    kind, *parameters = (part.strip() for part in mime.lower().split(";"))
    if kind != "audio/pcm":
        return None
    for parameter in parameters:
        if parameter.startswith("rate"):
            match = re.fullmatch(r"rate\s*=\s*(\d{1,6})", parameter, re.ASCII)
            return int(match[1]) if match and int(match[1]) in _RATES else None
    return 16_000


def _still(blob: Mapping[str, Any]) -> Still:
    if blob["mimeType"].lower() not in _STILLS:
        raise invalid_argument(f"Unsupported image type {blob['mimeType']!r}.")
    return Still(_picture(blob))


def _picture(blob: Mapping[str, Any]) -> Picture:
    if not blob.get("data"):
        raise invalid_argument("An image without data.")
    try:
        return look_at(blob["data"], blob["mimeType"].lower())
    except Unreadable as exc:
        raise invalid_argument(f"Unable to process input image: {exc}.") from exc


def _content(content: Mapping[str, Any], profile: Profile) -> Content:
    turns: Sequence[Mapping[str, Any]] = content.get("turns", ())
    stills: list[Picture] = []
    audio_s = 0.0
    read: list[str] = []
    for turn in turns:
        # `function` was seen to close with 1007 as well
        if turn.get("role", "user") not in ("user", "model"):
            raise invalid_argument("Please use a valid role: user, model.")
        for part in turn.get("parts", ()):
            if "inlineData" in part:
                pictured, heard_s = _inline(part["inlineData"], profile)
                stills += pictured
                audio_s += heard_s
            elif "functionCall" in part or "functionResponse" in part:
                if not profile.seeded_calls:
                    raise Refusal(1007, "Precondition check failed.")
                read.append(json.dumps(part, default=str))
            elif "text" in part:
                read.append(part["text"])
            elif "fileData" in part or "executableCode" in part or "codeExecutionResult" in part:
                raise Refusal(1008, _NOT_IMPLEMENTED)
    asked = [text_of(turn) for turn in turns if turn.get("role", "user") == "user"]
    return Content(
        text="\n".join(text for text in asked if text),
        history_text="\n".join(read),
        stills=tuple(stills),
        audio_s=audio_s,
        turn_complete=content.get("turnComplete", False),
    )


def _inline(blob: Mapping[str, Any], profile: Profile) -> tuple[tuple[Picture, ...], float]:
    mime: str = blob.get("mimeType", "").lower()
    if mime in _STILLS:
        return (_picture(blob),), 0.0
    if mime.startswith("audio/"):
        if not profile.audio_in_history:
            raise Refusal(1007, "Precondition check failed.")
        # 24 kHz was seen to be refused (pydantic-ai, `realtime/google.py`)
        if _pcm_rate(mime) == 16_000:
            return (), len(blob.get("data", b"")) / 32_000
    raise Refusal(1008, _NOT_IMPLEMENTED)


def _answer(response: Mapping[str, Any], profile: Profile) -> Answer:
    if not response.get("id"):
        raise invalid_argument("A function response needs the id of its call.")
    scheduling = response.get("scheduling", "SCHEDULING_UNSPECIFIED")
    if scheduling != "SCHEDULING_UNSPECIFIED" and not profile.scheduling:
        raise Refusal(1007, "Function response scheduling is not supported for this model.")
    will_continue = response.get("willContinue", False)
    if will_continue and not profile.will_continue:
        raise invalid_argument("willContinue is not supported for this model.")
    for part in response.get("parts", ()):
        mime = part.get("inlineData", {}).get("mimeType", "").lower()
        # a PDF was seen to close the socket (pydantic-ai, `realtime/google.py`)
        if mime not in _STILLS and not mime.startswith("text/"):
            raise Refusal(1008, _NOT_IMPLEMENTED)
    return Answer(
        call_id=response["id"],
        name=response.get("name", ""),
        response=response.get("response", {}),
        scheduling="WHEN_IDLE" if scheduling == "SCHEDULING_UNSPECIFIED" else scheduling,
        will_continue=will_continue,
    )


def _context(update: Mapping[str, Any], profile: Profile) -> ContextUpdate:
    listed: Sequence[Mapping[str, Any]] | None = None
    if "tools" in update:
        listed = update["tools"].get("tools", ())
    return ContextUpdate(
        instruction=text_of(update["systemInstruction"]) if "systemInstruction" in update else None,
        tools=None if listed is None else judge_tools(listed, profile),
        tools_json=None if listed is None else json.dumps(listed, ensure_ascii=False),
    )
