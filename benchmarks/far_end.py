"""
The far end of `live_sound.py`: a server that speaks as much of the Live API as a voice client needs.

TLS with a throw-away certificate, because Google's SDK dials nothing else; binary frames of indented JSON, as the
service sends them. It neither validates nor decides anything: the measurement tells it what to say when. Shares no
code with flashlive, nor with its simulator.
"""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import trustme
from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of the measurement
from websockets.exceptions import ConnectionClosed  # noqa: TID251

from benchmarks.sound_rig import Samples

MESSAGE_MS = 200
SPEED = 4.4  # times faster than it is spoken: what the service was seen to do
VOICE_RATE_HZ = 24000


class FarEnd:
    """
    The server's side of one talk. Whatever it sends raises ConnectionError once the client has hung up.

    Attributes:
        setup_s: when the client's setup message came.
        heard: when each message with microphone sound came, and its samples, 16 kHz.
        listening: set once there is any.
    """

    def __init__(self) -> None:
        self.setup_s = 0.0
        self.heard: list[tuple[float, Samples]] = []
        self.listening = asyncio.Event()
        self._socket: ServerConnection | None = None

    async def take_in(self, socket: ServerConnection) -> None:
        """Take in what the client sends, until it hangs up."""
        self._socket = socket
        with suppress(ConnectionClosed):  # a goodbye is not asked for
            async for raw in socket:
                now_s = time.monotonic()
                message = json.loads(raw)
                if "setup" in message:
                    self.setup_s = now_s
                    await self.say({"setupComplete": {}})
                spoken = message.get("realtimeInput") or message.get("realtime_input") or {}
                if "audio" in spoken:
                    self.heard.append((now_s, _samples(spoken["audio"]["data"])))
                    self.listening.set()

    async def say(self, message: dict[str, Any]) -> None:
        """Send one message."""
        await self._send(_wire(message))

    async def _send(self, raw: bytes) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(raw)
        except ConnectionClosed as exc:
            raise ConnectionError("the client has hung up") from exc

    async def reply(self, messages: Sequence[bytes], *, for_s: float = float("inf")) -> float:
        """Send a reply, or as much of it as goes out in so many seconds; return when it was begun."""
        begun_s = time.monotonic()
        for n, raw in enumerate(messages, 1):
            await self._send(raw)
            due_s = n * MESSAGE_MS / 1000 / SPEED
            await asyncio.sleep(begun_s + min(due_s, for_s) - time.monotonic())
            if due_s > for_s:
                return begun_s
        await self.say({"serverContent": {"generationComplete": True}})
        return begun_s

    async def interrupt(self) -> float:
        """Say that the user has cut in; return when that left."""
        left_s = time.monotonic()
        await self.say({"serverContent": {"interrupted": True}})
        await self.end_turn()
        return left_s

    async def end_turn(self) -> None:
        """Say that the turn is over."""
        await self.say({"serverContent": {"turnComplete": True}})

    async def call(self, tool: str) -> None:
        """Call a tool, and wait for nothing."""
        await self.say({"toolCall": {"functionCalls": [{"id": "call-1", "name": tool, "args": {}}]}})


def voice_messages(samples: Samples) -> list[bytes]:
    """Write the messages of a reply: 24 kHz mono, so many milliseconds each."""
    size = VOICE_RATE_HZ * MESSAGE_MS // 1000
    return [_wire(_voice(samples[i : i + size])) for i in range(0, len(samples), size)]


def _voice(samples: Samples) -> dict[str, Any]:
    data = base64.b64encode(samples.astype("<i2").tobytes()).decode()
    blob = {"mimeType": f"audio/pcm;rate={VOICE_RATE_HZ}", "data": data}
    return {"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}}


def _samples(data: str) -> Samples:
    standard = data.replace("-", "+").replace("_", "/")  # the SDK writes the other alphabet
    return np.frombuffer(base64.b64decode(standard), "<i2")


def _wire(message: dict[str, Any]) -> bytes:
    return json.dumps(message, indent=2).encode() + b"\n"


@asynccontextmanager
async def far_end(folder: Path) -> AsyncIterator[tuple[FarEnd, dict[str, str]]]:
    """Serve one talk; yield it and the environment in which a client finds its way there."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    far = FarEnd()
    async with serve(far.take_in, "127.0.0.1", 0, ssl=context, compression=None) as server:
        yield (
            far,
            {
                "GOOGLE_GEMINI_BASE_URL": f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}",
                "GEMINI_API_KEY": "none",
                "SSL_CERT_FILE": str(folder / "ca.pem"),
                "XDG_CONFIG_HOME": str(folder),
            },
        )
