"""
Throw mutated bytes at everything that reads what others wrote: server messages, WAV files, scenarios, settings.

    python benchmarks/fuzz_readers.py [--runs 20000] [--seed 1] [--only wav]
    python benchmarks/fuzz_readers.py --atheris --only wav [--seconds 600] [--corpus FOLDER]

Starts from whole examples and mutates them by bytes and by pieces of one another. Each reader may return or raise the
errors it documents, and nothing else; no input may take more than `MOST_BYTES` of memory beyond its own size, nor
more than `MOST_S` of processor time. Sound is played to its end, as a file and as a pipe that gives a few bytes at a
time. With `--atheris` coverage leads the mutations (libFuzzer's; Linux and macOS): `pip install atheris`, which is no
dependency of flashlive, for it has wheels for some machines only. Exits with 1 and shows the input where a promise was
broken; of atheris that is a crash file, as of any libFuzzer.
"""

import argparse
import contextlib
import gc
import importlib
import io
import os
import random
import struct
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import IO, Final

from flashlive_cli.audio.clips import open_raw, open_wav
from flashlive_cli.config.precedence import resolve
from flashlive_cli.errors import ConfigError, FileError, RemoteProtocolError
from flashlive_cli.protocol import codec
from flashlive_cli.scenario.reading import read_script_file

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
MOST_BYTES: Final = 24 << 20
MOST_S: Final = 2.0
_TRIED: Final = Path(tempfile.gettempdir()) / f"flashlive-fuzz-{os.getpid()}"
"""The file that readers of files are given."""


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, octets: bytes) -> None:
        self._rest = octets

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say no: it is a pipe."""
        return False

    def readinto(self, buffer: object) -> int:
        """Give up to 997 bytes; whoever calls has taken room for all it asked for."""
        view = memoryview(buffer)  # type: ignore[arg-type] # any buffer
        n_bytes = min(997, len(view))
        piece, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        view[: len(piece)] = piece
        return len(piece)


def read_message(octets: bytes) -> None:
    """A server message."""
    with contextlib.suppress(RemoteProtocolError):
        codec.decode(octets)


def read_wav(octets: bytes) -> None:
    """A WAV, and bare sound."""
    _TRIED.write_bytes(octets)
    sources: list[Callable[[], IO[bytes]]] = [
        lambda: io.FileIO(_TRIED),
        lambda: Trickle(octets),  # type: ignore[list-item,return-value] # IO in all that is used
    ]
    for source in sources:
        for opened in (open_wav, open_raw):
            with contextlib.suppress(FileError), source() as stream:
                clip = opened(stream)
                while clip.read():
                    pass


def read_scenario(octets: bytes) -> None:
    """A scenario of the simulator."""
    _TRIED.write_bytes(octets)
    with contextlib.suppress(FileError, ConfigError):
        read_script_file(_TRIED)


def read_settings(octets: bytes) -> None:
    """A settings file."""
    _TRIED.write_bytes(octets)
    with contextlib.suppress(ConfigError):
        resolve({}, env={}, cwd=_TRIED.parent / "nowhere", user_file=_TRIED)


READERS: Final[dict[str, Callable[[bytes], None]]] = {
    "message": read_message,
    "wav": read_wav,
    "scenario": read_scenario,
    "settings": read_settings,
}


def wav(code: int, channels: int, rate_hz: int, bits: int, *, claimed: int, sound: bytes) -> bytes:
    """A WAV whose header claims what it is told to."""
    frame_bytes = channels * bits // 8 & 0xFFFF
    form = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * frame_bytes & 0xFFFFFFFF, frame_bytes, bits)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", claimed) + sound


MESSAGES: Final = (
    """{"setupComplete": {"sessionId": "a"}, "goAway": {"timeLeft": "9.5s"},
        "sessionResumptionUpdate": {"newHandle": "h", "resumable": true},
        "voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "1.880s"}}""",
    """{"serverContent": {"interrupted": true, "generationComplete": true, "turnComplete": true,
        "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAECAw=="}},
            {"text": "hm", "thought": true}]},
        "outputTranscription": {"text": "hi"}, "inputTranscription": {"text": "ho"}, "groundingMetadata":
            {"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "u", "title": "t"}}]}}}""",
    """{"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"a": [1, 2.5, {"b": null}]}}]},
        "toolCallCancellation": {"ids": ["1"]}, "usageMetadata": {"promptTokenCount": "12", "totalTokenCount": 5,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}]}}""",
)
SCENARIO: Final = """
faults = ["jitter", "stall:seconds=2"]
[[turn]]
text = "a"
[turn.sim]
reply = "b {f}"
delay_ms = 5
faults = ["drop-1006"]
calls = [{name = "f", args = {a = [1, {b = 2.5}]}, answer = "x{2,3}(a|b)*"}]
"""
SETTINGS: Final = """
voice = "Kore"
speed = 2
tools = ["~/a.py"]
[profile.fast]
silence_ms = 300
[prices."m"]
audio_in = 3
"""


def examples(reader: str) -> list[bytes]:
    """Return what the mutations start from."""
    match reader:
        case "message":
            return [message.encode() for message in MESSAGES]
        case "scenario":
            return [SCENARIO.encode(), *(path.read_bytes() for path in EXAMPLES.glob("*.toml"))]
        case "settings":
            example = EXAMPLES.parent / "config.example.toml"
            return [SETTINGS.encode(), example.read_bytes().replace(b"\n#", b"\n")]
    sound = bytes(range(256)) * 8
    return [
        wav(1, 1, 16_000, 16, claimed=len(sound), sound=sound),
        wav(1, 2, 44_100, 24, claimed=0xFFFFFFFF, sound=sound),
        wav(3, 1, 48_000, 64, claimed=0x7FFF_0000, sound=sound),
        wav(1, 65_535, 192_000, 32, claimed=0xFFFFFFFF, sound=sound),
        wav(1, 1, 8_000, 8, claimed=0, sound=sound + b"LIST\4\0\0\0abcd"),
    ]


def mutated(random_: random.Random, seeds: list[bytes], words: list[bytes]) -> bytes:
    """One of the examples with a few things wrong."""
    octets = bytearray(random_.choice(seeds))
    for _ in range(random_.randint(1, 6)):
        at = random_.randint(0, len(octets))
        match random_.randrange(7):
            case 0 if octets:
                octets[min(at, len(octets) - 1)] = random_.randrange(256)
            case 1:
                del octets[at : at + random_.randint(1, 40)]
            case 2:
                octets[at:at] = random_.choice(words)
            case 3:
                other = random_.choice(seeds)
                start = random_.randint(0, len(other))
                octets[at : at + random_.randint(0, 30)] = other[start : start + random_.randint(1, 60)]
            case 4:
                octets[at:at] = octets[at : at + random_.randint(1, 30)] * random_.choice((1, 2, 2000))
            case 5:
                octets[at : at + 4] = random_.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
            case _:
                octets[at : at + random_.randint(1, 8)] = random_.choice(words)
    return bytes(octets)


WORDS: Final = [
    b"[", b"]", b"{", b"}", b'"', b"'", b"\\", b"\n", b"=", b".", b"null", b"true", b"-1", b"1e999", b"nan", b"inf",
    b"9" * 30, b"9" * 5000, b"[" * 3000, b"{" * 3000, b"(" * 2000, b"a{99999999999}", b"\\u0000", b"\\ud800", b"\0",
    b"\xff", b"\xef\xbb\xbf", b"fmt ", b"data", b"LIST", b"1979-05-27T07:32:00Z", b"[[turn]]", b"[turn.sim]",
    b'answer = "', b'voice_wav = "', b"\x1b[31m", "ż".encode(),
]  # fmt: skip


@contextlib.contextmanager
def within_bounds(octets: bytes) -> Iterator[None]:
    """Fail where what is done inside takes more memory or time than it may."""
    tracemalloc.reset_peak()
    before, began_s = tracemalloc.get_traced_memory()[0], time.process_time()
    yield
    took_s, peak = time.process_time() - began_s, tracemalloc.get_traced_memory()[1] - before
    if took_s > MOST_S:
        raise AssertionError(f"it took {took_s:.1f} s of processor time")
    if tracemalloc.is_tracing() and peak > MOST_BYTES + 20 * len(octets):
        raise AssertionError(f"it took {peak / 1e6:.0f} MB for an input of {len(octets)} bytes")


def throw(reader: str, runs: int, seed: int) -> int:
    """Throw mutated examples at a reader; return the exit code."""
    random_ = random.Random(f"{seed} {reader}")  # noqa: S311 - to be repeated, not to be secret
    seeds = examples(reader)
    read = READERS[reader]
    for octets in seeds:
        read(octets)
    tracemalloc.start()
    for number in range(runs):
        octets = mutated(random_, seeds, WORDS)
        try:
            with within_bounds(octets):
                read(octets)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it should not have come
            shown = octets if len(octets) < 1000 else octets[:1000] + b"..."
            print(f"{reader}: {type(exc).__name__}: {exc}\nrun {number} of --seed {seed}: {shown!r}", file=sys.stderr)
            return 1
    tracemalloc.stop()
    print(f"{reader}: {runs} inputs read or refused as documented")
    return 0


def lead(reader: str, seconds: int, corpus: Path) -> None:
    """Let atheris lead; it ends the process."""
    atheris = importlib.import_module("atheris")  # no dependency
    folder = corpus / reader
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(examples(reader)):
        (folder / f"example-{number}").write_bytes(octets)
    read = READERS[reader]
    for function in gc.get_objects():  # of all that is loaded, NumPy too, it would take minutes
        if isinstance(function, FunctionType) and str(function.__module__).startswith(("flashlive_cli", "tomllib")):
            atheris.instrument_func(function)
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-rss_limit_mb=2048", "-timeout=10"]
    atheris.Setup([sys.argv[0], str(folder), *options], lambda octets: read(bytes(octets)))
    atheris.Fuzz()


def main() -> int:
    """Fuzz what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=READERS)
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "flashlive-corpus")
    asked = parser.parse_args()
    try:
        if asked.atheris:
            lead(asked.only or "message", asked.seconds, asked.corpus)
        return max(throw(reader, asked.runs, asked.seed) for reader in ([asked.only] if asked.only else READERS))
    finally:
        _TRIED.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
