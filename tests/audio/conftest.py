"""WAV files written by hand, and time that passes only when somebody sleeps."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from flashlive_cli.clock import Clock


def wav_bytes(
    sound: bytes,
    *,
    code: int = 1,
    bits: int = 16,
    channels: int = 1,
    rate_hz: int = 16_000,
    extensible: bool = False,
    container_bytes: int | None = None,
    data_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A WAV from its parts: chunks `before` come ahead of `fmt `, those `after` follow the sound."""
    frame = channels * (container_bytes or -(-bits // 8))
    fmt = struct.pack(
        "<HHIIHH", 0xFFFE if extensible else code, channels, rate_hz, rate_hz * frame, frame & 0xFFFF, bits
    )
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, code) + bytes.fromhex("000000001000800000aa00389b71")
    size = len(sound) if data_size is None else data_size
    body = b"WAVE" + before + chunk(b"fmt ", fmt) + b"data" + struct.pack("<I", size) + sound
    body += bytes(len(sound) % 2) + after
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


@dataclass
class VirtualClock(Clock):
    """A clock whose sleepers are woken at once, exactly on time, and move it on by sleeping."""

    elapsed_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.slept.append(seconds)
        self.elapsed_s += max(0.0, seconds)


@pytest.fixture
def rig(card: Any) -> Any:
    """The virtual card, and PortAudio, which sees it."""
    from flashlive_cli.audio.devices import load_portaudio

    load_portaudio()
    return card


@pytest.fixture
def make_wav() -> Callable[..., bytes]:
    return wav_bytes


@pytest.fixture
def make_chunk() -> Callable[[bytes, bytes], bytes]:
    return chunk


@pytest.fixture
def virtual_clock() -> VirtualClock:
    return VirtualClock()
