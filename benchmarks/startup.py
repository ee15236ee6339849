"""
How soon is flashlive there? `--help` on the screen, and a talk's setup message on the wire.

Each figure is the median of several runs that alternate with the others, so that a busy machine slows all alike; the
last column is the ratio to the baseline of the same run. The baseline for `--help` is Python starting and doing
nothing; for the setup it is Google's google-genai SDK opening a session with the same server, over TLS with a
throw-away certificate (the SDK dials nothing else).

    python benchmarks/startup.py [--runs 9] [--json]
"""

import argparse
import asyncio
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of the measurement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FLASHLIVE = [sys.executable, "-m", "flashlive_cli"]
EXAMPLES = Path(__file__).parents[1] / "examples"
TOOLS = str(EXAMPLES / "tools.py")
CLIP = str(EXAMPLES / "where-is-my-order.wav")

SDK = """
import asyncio
from google import genai
async def main():
    async with genai.Client().aio.live.connect(model="gemini-3.1-flash-live-preview", config={}):
        pass
asyncio.run(main())
"""

BUDGET_S = {"flashlive --help": 0.25, "talk, typed": 0.45, "talk, WAV and tools": 0.45}


@asynccontextmanager
async def far_end(folder: Path) -> "AsyncIterator[tuple[str, asyncio.Queue[float]]]":
    """Note when a setup message comes, and keep the client waiting: one that is hung up on dials again."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def handle(socket: ServerConnection) -> None:
        await socket.recv()
        arrivals.put_nowait(time.perf_counter())
        await socket.wait_closed()

    async with serve(handle, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", arrivals


async def measure(command: list[str], env: dict[str, str], arrivals: "asyncio.Queue[float] | None") -> float:
    """Return seconds from the start of a process to its end, or to its setup message."""
    quiet = asyncio.subprocess.DEVNULL
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=quiet, stderr=quiet)
    if arrivals is None:
        await process.wait()
        return time.perf_counter() - begun
    try:
        async with asyncio.timeout(30):
            return await arrivals.get() - begun
    finally:
        process.kill()
        await process.wait()


async def run(n_runs: int) -> list[dict[str, object]]:
    """Measure all, alternating; return a row each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with far_end(folder) as (url, arrivals):
            env = {
                **os.environ,
                "GEMINI_API_KEY": "none",
                "GOOGLE_GEMINI_BASE_URL": url,
                "SSL_CERT_FILE": str(folder / "ca.pem"),
                "XDG_CONFIG_HOME": name,
            }
            spoken = ["--input", CLIP, "--output", str(folder / "o.wav"), "--tools", TOOLS]
            cases: list[tuple[str, list[str], bool, str]] = [
                ("python -c pass", [sys.executable, "-c", "pass"], False, "python -c pass"),
                ("flashlive --help", [*FLASHLIVE, "--help"], False, "python -c pass"),
                ("google-genai connect", [sys.executable, "-c", SDK], True, "google-genai connect"),
                ("talk, typed", [*FLASHLIVE, "talk", "--text", "hi"], True, "google-genai connect"),
                ("talk, WAV and tools", [*FLASHLIVE, "talk", *spoken], True, "google-genai connect"),
            ]
            seconds: dict[str, list[float]] = {case: [] for case, *_ in cases}
            for _ in range(n_runs + 1):
                for case, command, dials, _baseline in cases:
                    seconds[case].append(await measure(command, env, arrivals if dials else None))
    seconds = {case: values[1:] for case, values in seconds.items()}  # the first writes byte code
    medians = {case: statistics.median(values) for case, values in seconds.items()}
    return [
        {
            "case": case,
            "median_s": round(medians[case], 3),
            "min_s": round(min(seconds[case]), 3),
            "budget_s": BUDGET_S.get(case),
            "baseline": baseline,
            "ratio": round(medians[case] / medians[baseline], 2),
        }
        for case, _, _, baseline in cases
    ]


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or a checkout is compiled anew at each start, and the SDK is not
    rows = asyncio.run(run(options.runs))
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'case':24}{'median s':>10}{'min s':>8}{'budget s':>10}  ratio to baseline")
    for row in rows:
        budget = row["budget_s"] or ""
        print(f"{row['case']:24}{row['median_s']:>10}{row['min_s']:>8}{budget:>10}  {row['ratio']} x {row['baseline']}")


if __name__ == "__main__":
    main()
