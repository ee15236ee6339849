"""Server messages made unusual: each function takes a message and returns what is sent in its stead. Pure."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from flashlive_cli.sim.outbound import Message, Raw

_TRANSCRIPTS: Final = ("inputTranscription", "outputTranscription")
_UNKNOWN: Final[Message] = {"flashliveUnheardOf": {"why": "faults", "nested": [1, {"deep": None}], "flag": True}}


def _content(message: Message) -> Mapping[str, Any]:
    content: Mapping[str, Any] = message.get("serverContent", {})
    return content


def without_audio(message: Message) -> list[Message]:
    """The message without its sound; nothing when it was nothing else."""
    content = _content(message)
    parts = content.get("modelTurn", {}).get("parts", ())
    if not any("inlineData" in part for part in parts):
        return [message]
    left = [part for part in parts if "inlineData" not in part]
    rest = {name: value for name, value in content.items() if name != "modelTurn"}
    if left:
        rest["modelTurn"] = {**content["modelTurn"], "parts": left}
    return _with_content(message, rest)


def transcripts_apart(message: Message) -> tuple[list[Message], list[Message]]:
    """The message without its transcripts, and these."""
    content = _content(message)
    found: list[Message] = [{"serverContent": {name: content[name]}} for name in _TRANSCRIPTS if name in content]
    if not found:
        return [message], []
    rest = {name: value for name, value in content.items() if name not in _TRANSCRIPTS}
    return _with_content(message, rest), found


def _with_content(message: Message, content: Mapping[str, Any]) -> list[Message]:
    others = {name: value for name, value in message.items() if name != "serverContent"}
    if content:
        return [{"serverContent": content, **others}]
    return [others] if others else []


def in_parts(message: Message, n_parts: int) -> Message:
    """The sound of the message in so many parts, or as many as it has samples."""
    content = _content(message)
    turn = content.get("modelTurn")
    if turn is None:
        return message
    parts: list[Any] = []
    for part in turn["parts"]:
        if "inlineData" not in part:
            parts.append(part)
            continue
        pcm = base64.b64decode(part["inlineData"]["data"])
        step = max(1, -(-len(pcm) // 2 // n_parts)) * 2
        for start in range(0, len(pcm), step):
            data = base64.b64encode(pcm[start : start + step]).decode("ascii")
            parts.append({**part, "inlineData": {**part["inlineData"], "data": data}})
    return {**message, "serverContent": {**content, "modelTurn": {**turn, "parts": parts}}}


def with_unknown_fields(message: Message) -> list[Message]:
    """The message with strangers at every level, and a strange message before it where it is one of content."""
    strange: dict[str, Any] = {name: _strange(value) for name, value in message.items()}
    strange |= {"flashliveExtra": {"n": 1}}
    return [_UNKNOWN, strange] if "serverContent" in message else [strange]


def _strange(value: Any) -> Any:
    """Objects gain a field, down to arguments of calls and usage counts, which are the client's own business."""
    if not isinstance(value, Mapping):
        return value
    grown: dict[str, Any] = {}
    for name, child in value.items():
        if name == "args":
            grown[name] = child
        elif isinstance(child, list):
            grown[name] = [_strange(item) for item in child]
        else:
            grown[name] = _strange(child)
    return grown | {"flashliveExtra": "x"}


def merged(first: Message, second: Message) -> Message | None:
    """Both in one message; None where both say the same kind of thing and one would be lost."""
    if isinstance(first, Raw) or isinstance(second, Raw):
        return None
    both: dict[str, Any] = dict(first)
    for name, value in second.items():
        if name not in both:
            both[name] = value
        elif name == "serverContent":
            content = _merged_content(both[name], value)
            if content is None:
                return None
            both[name] = content
        else:
            return None
    return both


def _merged_content(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, Any] | None:
    both = dict(first)
    for name, value in second.items():
        if name not in both:
            both[name] = value
        elif name == "modelTurn":
            both[name] = {**value, "parts": [*both[name]["parts"], *value["parts"]]}
        elif name in _TRANSCRIPTS:
            both[name] = {"text": both[name]["text"] + value["text"]}
        else:
            return None
    return both


def cut_short(message: Message) -> Raw:
    """The first half of a message: no JSON."""
    raw = json.dumps(message).encode()
    return Raw(raw[: max(1, len(raw) // 2)])


def huge(mib: float) -> Message:
    """A message of so many MiB that a client may skip: what a search result could be."""
    filler = "<p>flashlive</p>" * max(1, round(mib * 2**20 / 16))
    return {"serverContent": {"groundingMetadata": {"searchEntryPoint": {"renderedContent": filler}}}}
