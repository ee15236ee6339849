"""
The one message that comes fifty times a second from everybody, read without the care that all others get. Pure.

A piece of microphone in its plain form, as clients write it, takes a tenth of the time this way; whatever is written
in the least differently, or is wrong, is left to `inbound`, which knows what to say about it.
"""

import binascii
import re
from typing import Final

from flashlive_cli.sim.inbound import Audio

_RATES: Final = {b"audio/pcm;rate=16000": 16_000, b"audio/pcm": 16_000, b"audio/pcm;rate=24000": 24_000}
_MIME: Final = rb'"mime(?:Type|_type)": ?"([a-z0-9/;=]*)"'
_HEAD: Final = re.compile(rb'\{"realtime(?:Input|_input)": ?\{"audio": ?\{(?:' + _MIME + rb', ?)?"data": ?"')
_TAIL: Final = re.compile(rb'"(?:, ?' + _MIME + rb")?\}\}\}")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def read_sound(raw: bytes) -> Audio | None:
    """The sound in a message that is sound in its plain form and nothing else; None for all others."""
    head = _HEAD.match(raw)
    if head is None:
        return None
    end = raw.find(b'"', head.end())
    tail = _TAIL.fullmatch(raw, max(0, end))
    if tail is None or (head[1] is None) == (tail[1] is None):
        return None
    rate_hz = _RATES.get(tail[1] if head[1] is None else head[1])
    if rate_hz is None:
        return None
    data = raw[head.end() : end]
    if b"-" in data or b"_" in data:
        data = data.translate(_STANDARD)
    try:
        pcm = binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        return None
    return Audio(pcm, rate_hz) if len(pcm) % 2 == 0 else None
