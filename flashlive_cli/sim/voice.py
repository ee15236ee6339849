"""
How a text becomes sound: a recording the scenario names, espeak-ng where installed, tones elsewhere.

A `Speech` knows its length at once and gives out its frames in pieces, so that the event loop never works for
more than a moment. espeak-ng is a process of its own; it is given the text on stdin, never as an argument.
"""

import asyncio
import shutil
import subprocess
import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.pcm import FULL_SCALE, WIRE_OUT
from flashlive_cli.sim.resample import Samples, excerpt
from flashlive_cli.sim.tones import CHARACTERS_PER_S, Tones
from flashlive_cli.sim.workers import Workers

_PATIENCE_S: Final = 10.0
"""Ten seconds of speech take espeak-ng 0.1 s; one that takes this long hangs."""
_KEPT: Final = 32
_AT_ONCE: Final = 2
"""Processes of espeak-ng: two hundred clients that ask together would have two hundred."""


class Speech(Protocol):
    """Something to say, mono at 24 kHz."""

    @property
    def n_frames(self) -> int:
        """Its length."""
        ...

    def chunk(self, start: int, n_frames: int) -> bytes:
        """Frames `start` to `start + n_frames` as s16le; silence past the end."""
        ...


_MIN_RATE_HZ, _MAX_RATE_HZ = 4_000, 192_000
"""Beyond, a header is damaged: at 1 Hz a kilobyte would be spoken for eight minutes."""


class Recorded:
    """Samples at any rate, read at 24 kHz as they are asked for: a `Speech`."""

    def __init__(self, samples: Samples, rate_hz: int) -> None:
        self._samples = samples
        self._rate_hz = rate_hz
        self.n_frames = len(samples) * WIRE_OUT.rate_hz // rate_hz

    def chunk(self, start: int, n_frames: int) -> bytes:
        """Frames `start` to `start + n_frames` as s16le."""
        part = excerpt(self._samples, self._rate_hz, WIRE_OUT.rate_hz, start, n_frames)
        return np.clip(part, -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()


def read_wav(path: Path) -> Recorded:
    """
    A WAV file of 16-bit PCM, mixed to mono.

    Raises:
        FileError: it cannot be read, or is something else.
    """
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as exc:
        raise FileError(f"{path}: {reason_of(exc)}") from exc
    recorded = parse_wav(raw)
    if recorded is None:
        raise FileError(f"{path}: not a WAV file of 16-bit PCM")
    return recorded


def parse_wav(raw: bytes) -> Recorded | None:
    """
    The sound of a RIFF file, or None when it is no 16-bit PCM.

    Sizes in the header may lie: espeak-ng writes to a pipe and cannot know them. Hence not the `wave` module.
    """
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        return None
    at = 12
    channels = rate_hz = 0
    while at + 8 <= len(raw):
        name, size = raw[at : at + 4], int.from_bytes(raw[at + 4 : at + 8], "little")
        body = raw[at + 8 : at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            # 1 is PCM, 0xFFFE its extensible spelling
            kind, bits = int.from_bytes(body[:2], "little"), int.from_bytes(body[14:16], "little")
            channels, rate_hz = int.from_bytes(body[2:4], "little"), int.from_bytes(body[4:8], "little")
            if kind not in (1, 0xFFFE) or bits != 16 or not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
                return None
        if name == b"data" and channels and rate_hz:
            whole = len(body) - len(body) % (2 * channels)
            frames = np.frombuffer(body[:whole], "<i2").astype(np.float32).reshape(-1, channels)
            return Recorded(frames.mean(axis=1, dtype=np.float32), rate_hz)
        at += 8 + size + size % 2
    return None


class Voice:
    """
    Says texts; one for all connections of a server.

    Args:
        espeak: path of espeak-ng; None for tones.
    """

    def __init__(self, espeak: str | None = None) -> None:
        self._espeak = espeak
        self._rehearsed: OrderedDict[tuple[str, str], Speech] = OrderedDict()
        self._rehearsing: set[tuple[str, str]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._speakers = Workers(_AT_ONCE, "sim-speakers")

    @classmethod
    def of_this_machine(cls) -> "Voice":
        """With espeak-ng, when it is on PATH."""
        return cls(shutil.which("espeak-ng"))

    async def say(self, text: str, voice: str) -> Speech:
        """The text as sound; nothing it could contain makes this fail."""
        known = self._rehearsed.get((text, voice))
        if known is not None:
            self._rehearsed.move_to_end((text, voice))
            return known
        if self._espeak is None or not text.strip():
            return self._keep(text, voice, Tones(text, voice))
        async with self._places:
            known = self._rehearsed.get((text, voice))  # somebody ahead of us may have asked for the same
            spoken = known or await self._ask_espeak(text, voice)
        if spoken is None:
            return Tones(text, voice)
        # next to nothing said, or every sign of a foreign script spelled out: tones tell more about the length
        usual = WIRE_OUT.rate_hz * len(text) // CHARACTERS_PER_S
        telling = usual // 8 <= spoken.n_frames <= usual * 4 + 2 * WIRE_OUT.rate_hz
        return self._keep(text, voice, spoken if telling else Tones(text, voice))

    def _keep(self, text: str, voice: str, speech: Speech) -> Speech:
        self._rehearsed[text, voice] = speech
        while len(self._rehearsed) > _KEPT:
            self._rehearsed.popitem(last=False)
        return speech

    def close(self) -> None:
        """Nobody listens any more: begin nothing."""
        self._speakers.close()

    async def rehearse(self, text: str, voice: str) -> None:
        """
        Prepare a text that will be said word for word.

        espeak-ng takes 0.1 s, which is 2 s of a conversation that runs twenty times as fast.
        """
        if (text, voice) in self._rehearsed or (text, voice) in self._rehearsing:
            return
        self._rehearsing.add((text, voice))
        try:
            await self.say(text, voice)
        finally:
            self._rehearsing.discard((text, voice))

    async def _ask_espeak(self, text: str, voice: str) -> Speech | None:
        assert self._espeak is not None
        pitch = 25 + zlib.crc32(voice.encode()) % 50
        command = [self._espeak, "--stdin", "--stdout", "-b", "1", "-s", "170", "-p", str(pitch)]
        utterance = _Utterance(command, text.encode("utf-8", "replace"))
        try:
            return await self._speakers.run(utterance.speak)
        except asyncio.CancelledError:
            utterance.give_up()
            raise


class _Utterance:
    """
    One run of espeak-ng, in a thread, which ends what it has begun: a task that is cancelled twice leaves a process.

    `give_up` may be called from any thread.
    """

    def __init__(self, command: Sequence[str], text: bytes) -> None:
        self._command = command
        self._text = text
        self._lock = threading.Lock()
        self._given_up = False
        self._process: subprocess.Popen[bytes] | None = None

    def speak(self) -> Speech | None:
        """Return what it says; None where it cannot, or was given up."""
        process = self._started()
        if process is None:
            return None
        with process:
            try:
                sound, _ = process.communicate(self._text, timeout=_PATIENCE_S)
            except (OSError, subprocess.TimeoutExpired):
                process.kill()
                return None
        return parse_wav(sound)

    def give_up(self) -> None:
        """End it, or see that it does not begin."""
        with self._lock:
            self._given_up = True
            if self._process is not None:
                self._process.kill()

    def _started(self) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._given_up:
                return None
            try:
                self._process = subprocess.Popen(  # noqa: S603 - an argument list, and a program that we looked up
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except OSError:
                return None
            return self._process
