"""
How many people can talk to one simulator at once? Real-time sessions on a `flashlive sim` process of its own.

Every session streams a microphone (two seconds of speech, six of silence, over and over) in messages of 20 to 100 ms
and listens to the replies. Printed is, over all sessions, the 99th percentile of how late a chunk of a reply came,
against its place in the reply: by its sound, at 4.4 times real time, counted from that reply's most timely chunk.
What the client adds itself is in it. Memory is the server's growth per session, CPU its share of one core. Where the
server waited for a core, something else was running, and the figures are not its own.

The client writes frames made beforehand to bare sockets, so that it costs little beside the server.

    python benchmarks/sim_load.py [--sessions 200] [--seconds 60]
"""

import argparse
import asyncio
import base64
import heapq
import json
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

PACE = 4.4
CHUNKS_MS = (20, 40, 60, 100)
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
UPGRADE = (
    f"GET {PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SETUP = {"setup": {"model": "models/gemini-3.8-live", "inputAudioTranscription": {}, "outputAudioTranscription": {}}}
AUDIO_AT = b'"data": "'


def frame(message: object) -> bytes:
    """Return a client's text frame; its mask is all zeros, which leaves the text as it is."""
    payload = json.dumps(message).encode()
    if len(payload) < 126:
        head = struct.pack("!BB", 0x81, 0x80 | len(payload))
    else:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, len(payload))
    return head + bytes(4) + payload


def microphone(ms: int) -> list[bytes]:
    """Return the frames of eight seconds: speech, then silence."""
    noise = Random(1)  # noqa: S311 - a sound
    step = 16 * ms
    samples = [round(noise.gauss(0, 3000)) if i < 32_000 and i % 2880 < 1920 else 0 for i in range(128_000)]
    pcm = struct.pack(f"<{len(samples)}h", *samples)
    frames = []
    for start in range(0, 128_000, step):
        data = base64.b64encode(pcm[2 * start : 2 * (start + step)]).decode()
        frames.append(frame({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}}))
    return frames


@dataclass(slots=True)
class Listener(asyncio.Protocol):
    """One session's client: takes frames apart, and notes when which sound came."""

    frames: list[bytes]
    chunk_s: float
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    transport: asyncio.Transport | None = None
    lateness_ms: list[float] = field(default_factory=list)
    n_sent: int = 0
    n_replies: int = 0
    lost: bool = False
    _received: bytearray = field(default_factory=bytearray)
    _upgraded: bool = False
    _chunks: list[tuple[float, float]] = field(default_factory=list)  # (when, seconds of sound before it)
    _said_s: float = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(UPGRADE.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """Note it: nobody should lose one."""
        del exc
        self.lost = True
        self.ready.set()

    def data_received(self, data: bytes) -> None:
        """Take whole frames."""
        now = time.perf_counter()
        self._received += data
        if not self._upgraded:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._received[: end + 4]
            self._upgraded = True
            assert self.transport is not None
            self.transport.write(frame(SETUP))
        at = 0
        for start, end in self._bounds():
            self._take(start, end, now)
            at = end
        del self._received[:at]

    def _bounds(self) -> Iterator[tuple[int, int]]:
        at = 0
        while len(self._received) - at >= 2:
            length, start = self._received[at + 1], at + 2
            if length >= 126:
                size = 2 if length == 126 else 8
                if len(self._received) - start < size:
                    return
                length = int.from_bytes(self._received[start : start + size])
                start += size
            if len(self._received) < start + length:
                return
            at = start + length
            yield start, at

    def _take(self, start: int, end: int, now: float) -> None:
        begin = self._received.find(AUDIO_AT, start, end)
        if begin >= 0:
            begin += len(AUDIO_AT)
            self._chunks.append((now, self._said_s))
            self._said_s += (self._received.find(b'"', begin, end) - begin) * 3 / 4 / 48_000
        elif not self.ready.is_set() and self._received.find(b"setupComplete", start, end) >= 0:
            self.ready.set()
        elif self._chunks and self._received.find(b"turnComplete", start, end) >= 0:
            drift = [when - said_s / PACE for when, said_s in self._chunks]
            self.lateness_ms += [(late - min(drift)) * 1000 for late in drift]
            self.n_replies += 1
            self._chunks, self._said_s = [], 0.0

    def send(self) -> None:
        """Say the next piece."""
        assert self.transport is not None
        self.transport.write(self.frames[self.n_sent % len(self.frames)])
        self.n_sent += 1


@dataclass(frozen=True, slots=True)
class Figures:
    """What a process has used so far."""

    cpu_s: float
    waited_s: float  # ready to run, and no core free
    rss_bytes: int

    @classmethod
    def of(cls, pid: int) -> "Figures":
        """Read them from Linux."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        ticks = os.sysconf("SC_CLK_TCK")
        waited_s = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
        return cls((int(fields[11]) + int(fields[12])) / ticks, waited_s, pages * os.sysconf("SC_PAGE_SIZE"))


async def load(port: int, pid: int, n_sessions: int, seconds: float) -> None:
    """Hold the sessions, and print the figures."""
    loop = asyncio.get_running_loop()
    clips = {ms: microphone(ms) for ms in CHUNKS_MS}
    before = Figures.of(pid)
    listeners = []
    for i in range(n_sessions):
        ms = CHUNKS_MS[i % len(CHUNKS_MS)]
        listener = Listener(clips[ms], ms / 1000)
        await loop.create_connection(lambda listener=listener: listener, "127.0.0.1", port)  # type: ignore[misc]
        listeners.append(listener)
    await asyncio.gather(*(listener.ready.wait() for listener in listeners))
    begun, began = Figures.of(pid), time.perf_counter()
    random = Random(2)  # noqa: S311 - people do not speak in chorus
    due = []
    for i, listener in enumerate(listeners):
        listener.n_sent = int(random.random() * len(listener.frames))
        due.append((began + random.random() * listener.chunk_s, i))
    heapq.heapify(due)
    own_late_ms = []
    while (now := time.perf_counter()) - began < seconds:
        while due[0][0] <= now:
            when, i = heapq.heappop(due)
            if not listeners[i].lost:
                listeners[i].send()
            own_late_ms.append((now - when) * 1000)
            heapq.heappush(due, (when + listeners[i].chunk_s, i))
        await asyncio.sleep(max(0.002, due[0][0] - time.perf_counter()))
    ended, took_s = Figures.of(pid), time.perf_counter() - began
    judged = [listener for listener in listeners if listener.lateness_ms]
    p99s = sorted(statistics.quantiles(listener.lateness_ms, n=100)[98] for listener in judged)
    print(f"{n_sessions} sessions for {took_s:.0f} s, {sum(x.lost for x in listeners)} lost, ", end="")
    print(
        f"{sum(x.n_sent for x in listeners) / took_s:.0f} messages/s up, {sum(x.n_replies for x in listeners)} replies"
    )
    print(f"p99 lateness by session: median {statistics.median(p99s):.1f} ms, worst {p99s[-1]:.1f} ms")
    print(
        f"latest chunk of all: {max(max(x.lateness_ms) for x in judged):.1f} ms; {n_sessions - len(judged)} heard none"
    )
    print(f"the client's own lateness, p99: {statistics.quantiles(own_late_ms, n=100)[98]:.1f} ms")
    print(f"memory: {(ended.rss_bytes - before.rss_bytes) / n_sessions / 2**20:.2f} MiB a session")
    waited_s = ended.waited_s - begun.waited_s
    print(
        f"CPU: {(ended.cpu_s - begun.cpu_s) / took_s:.0%} of a core; waited for one {waited_s / took_s:.0%} of the time"
    )


def main() -> None:
    """Start a simulator, talk to it, and end it."""
    parser = argparse.ArgumentParser(description="many sessions at once")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, help="of a simulator that is running already, with --pid")
    parser.add_argument("--pid", type=int)
    args = parser.parse_args()
    if args.port:
        asyncio.run(load(args.port, args.pid, args.sessions, args.seconds))
        return
    command = [sys.executable, "-m", "flashlive_cli", "sim", "--port", "0", "--json", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(json.loads(server.stdout.readline())["url"].rpartition(":")[2])
            asyncio.run(load(port, server.pid, args.sessions, args.seconds))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
