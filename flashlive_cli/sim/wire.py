"""What passes over the simulator's sockets, told to whoever keeps or shows it. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flashlive_cli.pcm import WIRE_IN, PcmFormat

_LONGEST: Final = 240


@dataclass(frozen=True, slots=True)
class Opened:
    """
    A connection has said its first message.

    Attributes:
        connection: number, from 1.
        session: number of the session it belongs to, from 1; a resumed one keeps its number.
        credential: key or token; not to be kept. Empty for none.
        at_s: when its socket opened, on the conversation's clock.
    """

    connection: int
    session: int
    credential: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Passed:
    """One message; `by` is `c` for the client, `s` for the server."""

    connection: int
    session: int
    by: str
    raw: bytes
    at_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection is over; `by` is who closed it, `code` 1006 for nobody."""

    connection: int
    session: int
    by: str
    code: int
    reason: str
    at_s: float


WireEvent = Opened | Passed | Ended


def compact(raw: bytes) -> str:
    """A message in one short line: sound by its length, pictures by their size. Not yet safe for a terminal."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return f"not JSON: {raw[:_LONGEST].decode('utf-8', 'replace')}"
    told = json.dumps(_without_blobs(message), ensure_ascii=False, separators=(",", ":"))
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}… ({len(told)} characters)"


def sound_ms(raw: bytes) -> float | None:
    """Milliseconds of sound in a message that is sound and nothing else; None for any other."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    blobs: list[Any] = []
    match message:
        case {"realtimeInput": {"audio": dict(blob), **more}} | {"realtime_input": {"audio": dict(blob), **more}}:
            blobs = [] if more else [blob]
        case {"serverContent": {"modelTurn": {"parts": list(parts)}, **more}}:
            found = [part.get("inlineData") if isinstance(part, dict) else None for part in parts]
            blobs = [] if more or not all(isinstance(blob, dict) for blob in found) else found
    return sum(map(_blob_ms, blobs)) if blobs else None


def _blob_ms(blob: Mapping[str, Any]) -> float:
    data, rate = blob.get("data"), _mime(blob).rpartition("rate=")[2]
    pcm = PcmFormat(int(rate)) if re.fullmatch(r"[1-9]\d{0,5}", rate, re.ASCII) else WIRE_IN
    return pcm.seconds_in(len(data) * 3 // 4) * 1000 if isinstance(data, str) else 0.0


def _mime(blob: Mapping[str, Any]) -> str:
    return str(blob.get("mimeType") or blob.get("mime_type") or "")


def _without_blobs(value: object) -> object:
    match value:
        case {"data": str(data)} if isinstance(value, dict) and _mime(value):
            mime = _mime(value)
            told = f"{_blob_ms(value):.0f} ms" if mime.startswith("audio/pcm") else f"{len(data) * 3 // 4} bytes"
            return f"<{mime}, {told}>"
        case dict():
            return {key: _without_blobs(child) for key, child in value.items()}
        case list():
            return [_without_blobs(child) for child in value]
        case _:
            return value
