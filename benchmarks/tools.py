"""
Does sound wait for tools? Fifty calls of two seconds each are open while a reply arrives.

A server on loopback makes fifty calls in one message, then sends 40 ms of sound every 40 ms for three seconds, each
message marked with a number of its own. The client is the real session with the real toolbox; its speaker notes when
each message is handed to it. The delay from `send` on the server to the speaker is told as median, 99th percentile and
largest, and as the ratio to the same without calls. Both sides share one process and one event loop, which makes the
figures larger than they are between two.

    python benchmarks/tools.py [--json]
"""

import argparse
import asyncio
import base64
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of a measurement

from flashlive_cli.clock import Clock
from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import find_model
from flashlive_cli.session.endpoint import find_endpoint
from flashlive_cli.session.givens import Sound, Typed
from flashlive_cli.session.talk import Talk
from flashlive_cli.toolbox import load_tools
from flashlive_cli.toolset import Toolset

CALLS: Final = 50
MESSAGES: Final = 75
MESSAGE_MS: Final = 40
TOOLS: Final = '''
import asyncio, time

def nap(n: int) -> str:
    """Sleep in a thread."""
    time.sleep(2)
    return "rested"

async def doze(n: int) -> str:
    """Sleep in the loop."""
    await asyncio.sleep(2)
    return "rested"
'''


class Ears:
    """A speaker that notes when each message came."""

    held_frames = 0
    played_frames = 0

    def __init__(self) -> None:
        self.came_s: dict[int, float] = {}

    def write(self, pcm: bytes) -> None:
        """Note when it came."""
        self.came_s[int.from_bytes(pcm[:2], "little")] = time.perf_counter()

    def complete(self) -> None:
        """Nothing is played."""

    def flush(self) -> int:
        """Nothing is held."""
        return 0

    def listen(self, *_: object) -> None:
        """Nothing is told."""

    async def drained(self) -> None:
        """Nothing is held."""

    def prepare(self) -> None:
        """Nothing takes time."""

    async def open(self) -> Sound:
        """Be the mouth; nobody listens."""
        return Sound(self)


async def measure(tool: str | None, tools: Toolset) -> list[float]:
    """Return the delays of all messages in milliseconds, with that tool called, or none."""
    sent_s: dict[int, float] = {}

    async def far_end(socket: ServerConnection) -> None:
        async def say(message: dict[str, Any]) -> None:
            await socket.send(json.dumps(message).encode())

        await socket.recv()
        await say({"setupComplete": {}})
        await socket.recv()
        calls = [{"id": f"c{n}", "name": tool, "args": {"n": n}} for n in range(CALLS)] if tool else []
        if calls:
            await say({"toolCall": {"functionCalls": calls}})
        for number in range(1, MESSAGES + 1):
            pcm = number.to_bytes(2, "little") * WIRE_OUT.frames_of_ms(MESSAGE_MS)
            data = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
            sent_s[number] = time.perf_counter()
            await say({"serverContent": {"modelTurn": {"parts": [{"inlineData": data}]}}})
            await asyncio.sleep(MESSAGE_MS / 1000)
        for _ in calls:
            await socket.recv()
        await say({"serverContent": {"generationComplete": True}})
        await say({"serverContent": {"turnComplete": True}})
        await socket.wait_closed()

    ears, model = Ears(), find_model("gemini-3.8-live")
    async with serve(far_end, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        talk = Talk(
            endpoint=find_endpoint(f"ws://127.0.0.1:{port}", "none"),
            model=model,
            setup=c.Setup(model=model.resource, functions=tools.functions),
            sound=ears,
            listener=lambda _: None,
            clock=Clock(),
            tools=tools,
        )
        await talk.hold([Typed("go")])
    assert len(ears.came_s) == MESSAGES, "sound was lost"
    return [1000 * (ears.came_s[number] - sent_s[number]) for number in sent_s]


def figures(delays_ms: list[float]) -> dict[str, float]:
    """Median, 99th percentile and largest."""
    ordered = sorted(delays_ms)
    return {
        "median_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
        "largest_ms": round(ordered[-1], 2),
    }


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print all that was measured instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tools.py"
        path.write_text(TOOLS, encoding="utf-8")
        tools = Toolset(load_tools(path, timeout_s=60))
        found = {name or "none": await measure(name, tools) for name in (None, "nap", "doze")}
    if options.json:
        print(json.dumps(found))
        return
    base = figures(found["none"])
    for name, label in (("none", "no calls"), ("nap", "50 sync calls"), ("doze", "50 async calls")):
        told = figures(found[name])
        ratios = " ".join(
            f"{key.removesuffix('_ms')} {told[key]:6.2f} ms ({told[key] / base[key]:.1f}x)" for key in told
        )
        print(f"{label:15} {ratios}")


if __name__ == "__main__":
    asyncio.run(main())
