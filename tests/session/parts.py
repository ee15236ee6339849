"""The far end of a talk that outlives its connections: one part to play after another."""

import asyncio
import base64
from typing import Any

SOON = (0.01,) * 40
ACCEPTED = {"setupComplete": {}}
HANDLE = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}
GO_AWAY = {"goAway": {"timeLeft": "50s"}}


class FarEnd:
    """Accepts one connection after another, each with a part to play; keeps what the client said on each."""

    def __init__(self, *parts: Any) -> None:
        self.setups: list[dict[str, Any]] = []
        self.heard: list[list[dict[str, Any]]] = []
        self.peers: list[Any] = []
        self._parts = list(parts)

    async def __call__(self, peer: Any) -> None:
        self.setups.append((await peer.next())["setup"])
        self.heard.append([])
        self.peers.append(peer)
        part = self._parts.pop(0) if self._parts else refuse
        await part(self, peer)

    async def next(self, peer: Any) -> dict[str, Any]:
        message = await peer.next()
        self.heard[self.peers.index(peer)].append(message)
        return message

    def handles(self) -> list[str | None]:
        return [setup.get("sessionResumption", {}).get("handle") for setup in self.setups]

    def said(self, n: int) -> list[object]:
        """What the client said on a connection: dyes of sound, typed text, else the message."""
        found: list[object] = []
        for message in self.heard[n]:
            given = message.get("realtimeInput", {})
            if "audio" in given:
                found.append(base64.b64decode(given["audio"]["data"])[0])
            else:
                found.append(given.get("text", message))
        return found


async def refuse(_far_end: FarEnd, peer: Any) -> None:
    await peer.socket.close(1011, "Internal error encountered.")


def abort(peer: Any) -> None:
    peer.socket.transport.abort()


async def accept(peer: Any) -> None:
    await peer.say(ACCEPTED, HANDLE)


async def answer(far_end: FarEnd, peer: Any) -> None:
    """Accept, take one message, and answer it."""
    await accept(peer)
    await answer_next(far_end, peer)


async def answer_next(far_end: FarEnd, peer: Any) -> None:
    """Take one message, and answer it."""
    await far_end.next(peer)
    await peer.answer()


async def seeded(far_end: FarEnd, peer: Any) -> None:
    """Accept, take the history and one message, and answer it."""
    await accept(peer)
    await far_end.next(peer)
    await far_end.next(peer)
    await peer.answer()


class Slow:
    """A tool that answers when it is let."""

    names = ("order",)

    def __init__(self) -> None:
        self.called = 0
        self.go = asyncio.Event()

    def asks(self, name):
        return False

    def scheduling(self, name):
        return None

    async def outcomes(self, name, args):
        self.called += 1
        await self.go.wait()

        class Done:
            response: dict[str, object] = {"output": "ordered"}  # noqa: RUF012 - never changed
            final = True

        yield Done()


async def calls_and_breaks(far_end: FarEnd, peer: Any) -> None:
    await accept(peer)
    await far_end.next(peer)
    await peer.say({"toolCall": {"functionCalls": [{"id": "a", "name": "order", "args": {}}]}})
    await peer.say({"serverContent": {}})
    await (await peer.socket.ping())  # all of it is there now
    abort(peer)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def chunk(dye: int) -> bytes:
    return bytes([dye, 0]) * 320
