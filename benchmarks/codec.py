"""
What does a message of sound cost? Our codec against the standard library's json and base64.

Median of several rounds that alternate, so that a busy machine slows both alike. The baseline does what a simple
client does: `json.loads`, look the part up, `b64decode`; and `b64encode`, `json.dumps`.

    python benchmarks/codec.py [--rounds 15]
"""

import argparse
import base64
import json
import statistics
import timeit
from collections.abc import Callable

from flashlive_cli.protocol import codec
from flashlive_cli.protocol.commands import SendAudio


def server_message(ms: int) -> bytes:
    """Return a message with so much 24 kHz sound, as a server sends it."""
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(bytes(48 * ms)).decode()}}
    return json.dumps({"serverContent": {"modelTurn": {"parts": [part], "role": "model"}}}, indent=2).encode()


def plain_decode(raw: bytes) -> bytes:
    """Take the sound out of a message the simple way."""
    part = json.loads(raw)["serverContent"]["modelTurn"]["parts"][0]
    return base64.b64decode(part["inlineData"]["data"])


def plain_encode(pcm: bytes) -> str:
    """Write a microphone message the simple way."""
    blob = {"data": base64.b64encode(pcm).decode(), "mimeType": "audio/pcm;rate=16000"}
    return json.dumps({"realtimeInput": {"audio": blob}})


def compare(ours: Callable[[], object], theirs: Callable[[], object], n_rounds: int) -> tuple[float, float]:
    """Return the median microseconds of one call of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(n_rounds):
        for call, spent in zip((ours, theirs), times, strict=True):
            spent.append(timeit.timeit(call, number=500) / 500 * 1e6)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Print a row for each length of sound."""
    parser = argparse.ArgumentParser(description="the cost of a message of sound")
    parser.add_argument("--rounds", type=int, default=15)
    n_rounds = parser.parse_args().rounds
    print(f"{'message':20}{'ours us':>9}{'json us':>9}  ratio")
    for ms in (40, 200, 1000):
        raw = server_message(ms)
        ours, theirs = compare(lambda raw=raw: codec.decode(raw), lambda raw=raw: plain_decode(raw), n_rounds)  # type: ignore[misc]
        print(f"{f'decode {ms} ms':20}{ours:>9.1f}{theirs:>9.1f}  {ours / theirs:.2f}")
    pcm = bytes(640)
    ours, theirs = compare(lambda: codec.encode(SendAudio(pcm)), lambda: plain_encode(pcm), n_rounds)
    print(f"{'encode 20 ms':20}{ours:>9.1f}{theirs:>9.1f}  {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
