"""The messages of the server, in the shape of each model family."""

import base64
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.sim import indented
from flashlive_cli.sim.profile import ActivityShape, Empties, Profile

Message = Mapping[str, Any]

SETUP_COMPLETE: Message = {"setupComplete": {}}
INTERRUPTED: Message = {"serverContent": {"interrupted": True}}
GENERATION_COMPLETE: Message = {"serverContent": {"generationComplete": True}}


class Raw(Mapping[str, Any]):
    """A message that is no JSON: only its bytes count, and as a mapping it is empty."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_MIME = f"audio/pcm;rate={WIRE_OUT.rate_hz}"


def encode(message: Message) -> bytes:
    """What travels in the binary frame: indented JSON with a newline at its end, as recorded from the service."""
    if isinstance(message, Raw):
        return message.frame
    return (indented.dumps(message) + "\n").encode("utf-8", "replace")


def new_handle() -> str:
    """A resumption handle: 36 characters of UUID on the models recorded."""
    return str(uuid.uuid4())


def resumption_update(handle: str) -> Message:
    """The session can be taken up from here."""
    return {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}


def not_resumable() -> Message:
    """This moment is no restart point: both of its fields have their defaults, which are left out."""
    return {"sessionResumptionUpdate": {}}


def go_away(left_s: float) -> Message:
    """The connection will be cut so and so soon."""
    return {"goAway": {"timeLeft": f"{left_s:g}s"}}


def new_call_id(profile: Profile) -> str:
    """An id that looks like the family's."""
    prefix, digits = profile.call_id
    return f"{prefix}{secrets.randbelow(9 * 10 ** (digits - 1)) + 10 ** (digits - 1)}"


def activity(profile: Profile, kind: str, offset_s: float) -> list[Message]:
    """`ACTIVITY_START` or `ACTIVITY_END`, or nothing where the family sends none."""
    found = {"type": kind, "audioOffset": duration(offset_s)}
    match profile.activity:
        case ActivityShape.ABSENT:
            return []
        case ActivityShape.ALONE:
            return [{"voiceActivity": found}]
        case ActivityShape.BESIDE_CONTENT:
            return [{"serverContent": {}, "voiceActivity": found}]


def duration(seconds: float) -> str:
    """A Duration as protobuf writes it: `5s`, `1.880s`; offsets come in steps of 20 ms."""
    ms = round(seconds * 50) * 20
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms / 1000:.3f}s"


def heard(profile: Profile, text: str) -> list[Message]:
    """The input transcript: one message, or word pieces that carry their own spaces."""
    pieces = [f" {word}" for word in text.split()] if profile.heard_in_pieces else [text]
    return [{"serverContent": {"inputTranscription": {"text": piece}}} for piece in pieces]


def before_reply(profile: Profile) -> list[Message]:
    """The empty messages that precede a reply or a call."""
    match profile.empties:
        case Empties.NONE:
            return []
        case Empties.AROUND_REPLIES:
            return [{"serverContent": {}}]
        case Empties.BEFORE_EVERY_CHUNK:
            return [{}, {"serverContent": {}}]


def thought(profile: Profile, text: str) -> Message:
    """A thought part: never to be shown as a caption."""
    return {"serverContent": {"modelTurn": _model_turn(profile, {"text": text, "thought": True})}}


def audio(profile: Profile, pcm: bytes, text: str) -> list[Message]:
    """One chunk of a reply with the transcript that belongs there, `text` being empty for none."""
    messages: list[Message] = []
    content: dict[str, Any] = {}
    if pcm:
        if profile.empties is Empties.BEFORE_EVERY_CHUNK:
            messages.append({})
        data = base64.b64encode(pcm).decode("ascii")
        content["modelTurn"] = _model_turn(profile, {"inlineData": {"mimeType": _MIME, "data": data}})
    if text and profile.said_apart:
        messages.append({"serverContent": {"outputTranscription": {"text": text}}})
    elif text:
        content["outputTranscription"] = {"text": text}
    if content:
        messages.append({"serverContent": content})
    return messages


def _model_turn(profile: Profile, part: Message) -> Message:
    return {"parts": [part], "role": "model"} if profile.role else {"parts": [part]}


def tool_call(profile: Profile, calls: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Message:
    """Calls as (id, name, arguments)."""
    functions = [{"name": name, "args": args, "id": call_id} for call_id, name, args in calls]
    message: dict[str, Any] = {"toolCall": {"functionCalls": functions}}
    return message | {"interactionStatus": "IN_PROGRESS"} if profile.status else message


def cancellation(ids: Iterable[str]) -> Message:
    """These calls need no answer any more."""
    return {"toolCallCancellation": {"ids": list(ids)}}


def turn_complete(profile: Profile, usage: Mapping[str, Any], *, idle: bool) -> Message:
    """The end of a turn; `idle` where the family tells whether work goes on."""
    content: dict[str, Any] = {"turnComplete": True}
    if profile.status:
        content["interactionStatus"] = "IDLE" if idle else "IN_PROGRESS"
    return {"serverContent": content, "usageMetadata": usage} if usage else {"serverContent": content}
