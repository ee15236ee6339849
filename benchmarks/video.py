"""
Do pictures delay the sound? One talk without, and one with each 4K source, by turns; measured at the far end.

The client is `flashlive talk` as a process of its own, which speaks a clip in real time; the far end is a WebSocket
server in this one, which notes when each chunk of 20 ms arrives. Chunk n is late by the time since the earliest that it
could have come: n * 20 ms after the first, on the clock of the chunk that came soonest of all. What is told:

    p99, worst       lateness of the microphone's chunks, in ms; median of the rounds
    more             p99 above that of the talk without pictures in the same round; goal: no more than 2 ms
    stills           that arrived in a minute
    CPU              of the client, of one core, above that of the talk without; goal: no more than 15 %

The sources: a screen of 3840 by 2160 (Xvfb) on which something changes every half second; a film of that size, each
frame a JPEG, as a camera of that size gives them; a folder of JPEGs of that size. The clip sounds like speech to its
end, so stills are due once a second.

    python benchmarks/video.py [--seconds 30] [--rounds 3] [--source NAME]... [--json]
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of a measurement

from flashlive_cli.pcm import CHUNK_S

SIZE: Final = (3840, 2160)
SETTLE_CHUNKS: Final = 100
"""Two seconds in which the client loads what it needs, source and all; the sound is on its way by then as well."""
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Heard:
    """What arrived of one talk: when each chunk of sound did, and how many stills."""

    chunks_s: list[float] = field(default_factory=list)
    stills_s: list[float] = field(default_factory=list)
    still_bytes: list[int] = field(default_factory=list)


def picture(seed: int) -> Any:
    """Return a frame of 4K with soft colours and some letters."""
    colours = np.random.default_rng(seed).integers(20, 235, (27, 48, 3), dtype=np.uint8)
    frame = cv2.resize(colours, SIZE, interpolation=cv2.INTER_CUBIC)
    for line in range(24):
        cv2.putText(frame, f"line {line} of {seed}", (200, 200 + 80 * line), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 4)
    return frame


def write_clip(path: Path, seconds: float) -> None:
    """Write noise in syllables, which both ears take for speech."""
    at = np.arange(round(seconds * 16_000))
    noise = np.random.default_rng(7).normal(0, 3000, len(at)) * ((at / 16_000 % 0.18) < 0.12)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(noise.clip(-32768, 32767).astype("<i2").tobytes())


@contextlib.contextmanager
def a_screen(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Have an X server of 4K on which something changes."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[writer], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as number:
        name = f":{number.readline().strip()}"
    show = ["xloadimage", "-quiet", "-display", name, "-onroot", "-at"]
    cv2.imwrite(str(folder / "screen.png"), picture(1))
    for seed in (1, 2):
        cv2.imwrite(str(folder / f"patch{seed}.png"), picture(seed)[:64, :64])
    subprocess.run([*show, "0,0", str(folder / "screen.png")], check=True, capture_output=True)
    loop = f"while :; do for n in 1 2; do {' '.join(show)} 100,100 {folder}/patch$n.png; sleep 0.5; done; done"
    changing = subprocess.Popen(
        ["sh", "-c", loop], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield "screen", {"DISPLAY": name}
    finally:
        os.killpg(changing.pid, signal.SIGTERM)
        changing.wait()
        server.terminate()
        server.wait()


@contextlib.contextmanager
def a_film(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Have a film of 4K, four seconds of it, each frame a JPEG."""
    path = folder / "film.avi"
    frames = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    for number in range(40):
        frames.write(np.roll(picture(1), 40 * number, axis=1))
    frames.release()
    yield str(path), {}


@contextlib.contextmanager
def a_folder(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Have five photographs of 4K."""
    photographs = folder / "photographs"
    photographs.mkdir()
    for seed in range(5):
        cv2.imwrite(str(photographs / f"{seed}.jpg"), picture(seed))
    yield str(photographs), {}


SOURCES: Final = {"screen": a_screen, "film": a_film, "folder": a_folder}


@contextlib.asynccontextmanager
async def far_end() -> AsyncIterator[tuple[str, list[Heard]]]:
    """Take talks, one after another, and answer nothing but the setup."""
    heard: list[Heard] = []

    async def listen(connection: ServerConnection) -> None:
        now = Heard()
        heard.append(now)
        async for message in connection:
            at = time.monotonic()
            text = message if isinstance(message, str) else message.decode()
            if text.startswith('{"realtimeInput":{"audio"'):
                now.chunks_s.append(at)
            elif text.startswith('{"realtimeInput":{"video"'):
                now.stills_s.append(at)
                now.still_bytes.append(len(text))
            elif text.startswith('{"setup"'):
                await connection.send(b'{"setupComplete":{}}')

    async with serve(listen, "127.0.0.1", 0, max_size=None, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


def cpu_s(pid: int) -> float:
    """Return what a process has worked so far, all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def talk(url: str, clip: Path, seconds: float, video: str | None, env: dict[str, str]) -> float:
    """Let the client speak the clip; return what it worked in the middle of it, as a share of a core."""
    shows = ["--video", video] if video else []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "flashlive_cli", "talk", "--url", url, "--input", str(clip), *shows, "--format", "json",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | env,
    )  # fmt: skip
    try:
        await asyncio.sleep(3)
        begun_s, before_s = time.monotonic(), cpu_s(process.pid)
        await asyncio.sleep(seconds - 4)
        return (cpu_s(process.pid) - before_s) / (time.monotonic() - begun_s)
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


def lateness_ms(heard: Heard, seconds: float) -> list[float]:
    """Return how late each chunk of the clip was, the first ones left out."""
    due = [at - CHUNK_S * number for number, at in enumerate(heard.chunks_s[: round((seconds - 1) / CHUNK_S)])]
    earliest = min(due)
    return [1000 * (at - earliest) for at in due[SETTLE_CHUNKS:]]


@dataclass(frozen=True)
class Figures:
    """What one talk came to."""

    p99_ms: float
    worst_ms: float
    stills_a_minute: float
    still_kb: float
    cpu: float


async def measure(seconds: float, clip: Path, video: str | None, env: dict[str, str]) -> Figures:
    """Hold one talk."""
    async with far_end() as (url, heard):
        cpu = await talk(url, clip, seconds, video, env)
        late = lateness_ms(heard[0], seconds)
        return Figures(
            p99_ms=float(np.percentile(late, 99)),
            worst_ms=max(late),
            stills_a_minute=60 * len(heard[0].stills_s) / seconds,
            still_kb=statistics.mean(heard[0].still_bytes) / 1000 if heard[0].still_bytes else 0.0,
            cpu=cpu,
        )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each talk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", action="append", choices=tuple(SOURCES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if missing := [name for name in ("Xvfb", "xloadimage") if not shutil.which(name)]:
        raise SystemExit(f"{' and '.join(missing)} not installed")
    wanted = options.source or list(SOURCES)
    found: dict[str, list[Figures]] = {name: [] for name in ("none", *wanted)}
    with tempfile.TemporaryDirectory(prefix="fl-video-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        clip = folder / "clip.wav"
        write_clip(clip, options.seconds)
        seen = {source: stack.enter_context(SOURCES[source](folder)) for source in wanted}
        for _ in range(options.rounds):
            for source, figures in found.items():
                video, env = seen.get(source, (None, {}))
                figures.append(asyncio.run(measure(options.seconds, clip, video, env)))
    report(found, as_json=options.json)


def report(found: dict[str, list[Figures]], *, as_json: bool) -> None:
    """Print the medians of the rounds."""
    rows = {}
    for source, rounds in found.items():
        pairs = list(zip(rounds, found["none"], strict=True))
        rows[source] = {
            "p99_ms": statistics.median(each.p99_ms for each in rounds),
            "worst_ms": statistics.median(each.worst_ms for each in rounds),
            "p99_more_ms": statistics.median(each.p99_ms - without.p99_ms for each, without in pairs),
            "stills_a_minute": statistics.median(each.stills_a_minute for each in rounds),
            "still_kb": statistics.median(each.still_kb for each in rounds),
            "cpu_percent": statistics.median(100 * each.cpu for each in rounds),
            "cpu_more_percent": statistics.median(100 * (each.cpu - without.cpu) for each, without in pairs),
        }
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'pictures':10} {'p99':>8} {'worst':>8} {'more':>8} {'stills':>7} {'kB':>6} {'CPU':>6} {'more':>6}")
    for source, row in rows.items():
        print(
            f"{source:10} {row['p99_ms']:5.1f} ms {row['worst_ms']:5.1f} ms {row['p99_more_ms']:5.1f} ms "
            f"{row['stills_a_minute']:7.0f} {row['still_kb']:6.0f} {row['cpu_percent']:4.1f} % "
            f"{row['cpu_more_percent']:4.1f} %"
        )


if __name__ == "__main__":
    main()
