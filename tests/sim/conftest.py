"""A tiny client that speaks raw JSON, and the sounds it makes."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect  # noqa: TID251 - the other end of the simulator
from websockets.exceptions import ConnectionClosed  # noqa: TID251

from flashlive_cli.clock import Clock
from flashlive_cli.sim.server import serve

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PATIENCE_S = 20
SPEED = 20


def speech_like(seconds: float, rate_hz: int = 16_000, level: float = 3000.0) -> bytes:
    """Noise in syllables of 120 ms with 60 ms of quiet between them: what energy makes of speech."""
    at = np.arange(round(seconds * rate_hz))
    noise = np.random.default_rng(7).normal(0, level, len(at))
    syllable = (at / rate_hz % 0.18) < 0.12
    return bytes((noise * syllable).clip(-32768, 32767).astype("<i2").tobytes())


def silence(seconds: float, rate_hz: int = 16_000) -> bytes:
    return bytes(2 * round(seconds * rate_hz))


def pcm_of(message: dict[str, Any]) -> bytes:
    parts = message.get("serverContent", {}).get("modelTurn", {}).get("parts", [])
    return b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts if "inlineData" in part)


@dataclass
class Client:
    """One connection; `seen` keeps every message, `at` when it came on the simulator's clock."""

    ws: ClientConnection
    clock: Clock
    seen: list[dict[str, Any]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def send(self, **message: Any) -> None:
        await self.ws.send(json.dumps(message))

    async def setup(self, model: str = "models/gemini-3.1-flash-live-preview", **fields: Any) -> None:
        """Send a setup and wait until it is confirmed, with the handle that 3.x models send unasked."""
        await self.send(setup={"model": model, "inputAudioTranscription": {}, "outputAudioTranscription": {}} | fields)
        await self.until("setupComplete" if "2.5" in model else "sessionResumptionUpdate")

    async def say(self, pcm: bytes, rate_hz: int = 16_000, pace: bool = False) -> None:
        """Send sound in messages of 100 ms, at once or paced by the clock."""
        step = rate_hz // 10 * 2
        began = self.clock.now()
        for i in range(0, len(pcm), step):
            if pace:
                await self.clock.sleep_until(began + i / 2 / rate_hz)
            blob = {"data": base64.b64encode(pcm[i : i + step]).decode(), "mimeType": f"audio/pcm;rate={rate_hz}"}
            await self.send(realtimeInput={"audio": blob})

    async def type(self, text: str) -> None:
        await self.send(realtimeInput={"text": text})

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            raw = await self.ws.recv()
        assert isinstance(raw, bytes), "server messages travel in binary frames"
        assert raw.endswith(b"}\n")
        message: dict[str, Any] = json.loads(raw)
        self.seen.append(message)
        self.at.append(self.clock.now())
        return message

    async def until(self, what: str | Callable[[dict[str, Any]], object]) -> list[dict[str, Any]]:
        """Messages up to the first that has the key (its own or its serverContent's), that one included."""
        start = len(self.seen)
        while True:
            message = await self.receive()
            content = message.get("serverContent", {})
            if what(message) if callable(what) else (what in message or what in content):
                return self.seen[start:]

    async def turn(self) -> list[dict[str, Any]]:
        return await self.until("turnComplete")

    async def nothing_for(self, seconds: float) -> None:
        """Fails when a message comes within so many seconds of the clock."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.clock.real(seconds)):
                pytest.fail(f"unexpected {await self.ws.recv()!r}")

    async def closed(self) -> tuple[int, str]:
        """Close code and reason."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await self.ws.recv()
        assert self.ws.close_code is not None
        return self.ws.close_code, self.ws.close_reason or ""


def said(messages: list[dict[str, Any]]) -> str:
    """The output transcript."""
    return "".join(m.get("serverContent", {}).get("outputTranscription", {}).get("text", "") for m in messages)


def sound_s(messages: list[dict[str, Any]]) -> float:
    return sum(len(pcm_of(message)) for message in messages) / 48_000


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """What each message is, empty ones left out and runs of audio told once."""
    names: list[str] = []
    for message in messages:
        for key in [
            *message.get("serverContent", {}),
            *(k for k in message if k not in ("serverContent", "usageMetadata")),
        ]:
            name = message["voiceActivity"]["type"] if key == "voiceActivity" else key
            if name == "outputTranscription" or (names and names[-1] == name == "modelTurn"):
                continue
            names.append(name)
    return names


class Stage:
    """Opens simulators and clients, and closes them when the test ends."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self.stack = stack
        self.notes: list[str] = []
        self.clock = Clock(speed=SPEED)
        self.url = ""

    async def serve(self, speed: float = SPEED, **options: Any) -> Any:
        self.clock = Clock(speed=speed)
        server = await self.stack.enter_async_context(serve(clock=self.clock, on_note=self.notes.append, **options))
        self.url = server.url
        return server

    async def dial(self, path: str = PATH, **options: Any) -> Client:
        if not self.url:
            await self.serve()
        options = {"compression": None} | options
        ws = await self.stack.enter_async_context(connect(self.url + path, max_size=2**24, **options))
        return Client(ws, self.clock)


@pytest.fixture
async def stage(monkeypatch):
    """With tones for a voice: what is tested must not depend on the machine's espeak-ng."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    async with contextlib.AsyncExitStack() as stack:
        yield Stage(stack)


@pytest.fixture
def sounds():
    """Helpers by name: a test folder is no package to import from."""

    class Sounds:
        pass

    for helper in (speech_like, silence, pcm_of, said, sound_s, kinds):
        setattr(Sounds, helper.__name__, staticmethod(helper))
    return Sounds
