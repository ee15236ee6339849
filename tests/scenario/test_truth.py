"""
What is measured of a turn, against the truth: a far end that hears when the clip came and knows when it cut in.

The clip's edges are known to the sample, and so are those of the replies. When each block of a reply was handed to the
device is seen by a spy in the player's thread. So first sound, interruption, flush and end of each turn are known, on
a clock of the test's own, without any report or recording of the client's.
"""

import asyncio
import base64
import statistics
import time
import wave
from dataclasses import dataclass, field

import numpy as np
from websockets.asyncio.server import ServerConnection, serve  # noqa: TID251 - the far end of a test
from websockets.exceptions import ConnectionClosed  # noqa: TID251 - the same

from flashlive_cli.audio.playout import Playout
from flashlive_cli.scenario.reading import read_scenario
from flashlive_cli.scenario.run import Stage, hold_case
from flashlive_cli.scenario.variants import cases_of
from flashlive_cli.session.endpoint import find_endpoint

N_BARGE_INS = 5
TOLERANCE_MS = 10.0
LEVEL = 9000
CHUNK_S = 0.02

BEFORE_S, SPEECH_S, AFTER_S = 0.13, 0.31, 0.17
"""Of the clip: silence, sound, silence."""
REPLY_BEFORE_S, REPLY_S, REPLY_AFTER_S = 0.11, 0.47, 0.09
"""Of a short reply."""


class Spy:
    """Sees what the player takes: of each sound when its first block was handed over, and when the last one ends."""

    def __init__(self) -> None:
        self.sounds: list[tuple[float, float]] = []
        self._take = Playout.take
        self._sounding = False

    def take(self, playout: Playout, n_frames: int) -> bytes:
        pcm = self._take(playout, n_frames)
        now = time.perf_counter()
        if pcm and not self._sounding:
            self.sounds.append((now, now))
        if pcm:
            self.sounds[-1] = self.sounds[-1][0], now + len(pcm) / 48_000
        self._sounding = bool(pcm)
        return pcm


@dataclass
class Truth:
    """Of one barge-in and its answer, in seconds of the wall's clock."""

    asked_from_s: float = 0.0
    asked_until_s: float = 0.0
    interrupted_s: float = 0.0
    silenced_s: float = 0.0
    answered_from_s: float = 0.0

    def figures(self) -> dict[str, float]:
        end_s = self.answered_from_s + REPLY_S
        return {
            "interrupted_ms": 1000 * (self.interrupted_s - self.asked_from_s),
            "flushed_ms": 1000 * (self.silenced_s - self.interrupted_s),
            "first_audio_ms": 1000 * (self.answered_from_s - self.asked_until_s),
            "complete_ms": 1000 * (end_s - self.asked_until_s),
            "audio_ms": 1000 * REPLY_S,
        }


@dataclass
class FarEnd:
    """Plays a long reply to each first clip, is cut by each second one, and answers that."""

    truths: list[Truth] = field(default_factory=list)

    async def __call__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._chunks: asyncio.Queue[tuple[float, np.ndarray]] = asyncio.Queue()
        await socket.recv()
        await socket.send(b'{"setupComplete": {}}')
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen())
            for number in range(N_BARGE_INS):
                await self._hear_begin()
                await self._hear_end()
                truth = Truth()
                self.truths.append(truth)
                await self._say(_square(24_000, 3.0))
                truth.asked_from_s = await self._hear_begin()
                await _sleep_until(truth.asked_from_s + 0.2 + 0.0073 * number)
                truth.interrupted_s = time.perf_counter()
                await socket.send(b'{"serverContent": {"interrupted": true}}')
                await socket.send(b'{"serverContent": {"turnComplete": true}}')
                truth.asked_until_s = await self._hear_end()
                await _sleep_until(truth.asked_until_s + 0.5 + 0.0051 * number)
                short = np.concatenate(
                    (_silence(24_000, REPLY_BEFORE_S), _square(24_000, REPLY_S), _silence(24_000, REPLY_AFTER_S))
                )
                await self._say(short)
                await asyncio.sleep(len(short) / 24_000)
                await socket.send(b'{"serverContent": {"turnComplete": true}}')
            await listening

    async def _listen(self) -> None:
        try:
            async for message in self._socket:
                text = message.decode() if isinstance(message, bytes) else message
                data = text.split('"data":', 1)[1].split('"')[1]
                self._chunks.put_nowait((time.perf_counter(), np.frombuffer(base64.b64decode(data), "<i2")))
        except ConnectionClosed:
            pass

    async def _hear_begin(self) -> float:
        """Wait for sound; return when its first sample was said: a chunk is sent when its last one has been."""
        while True:
            arrived_s, samples = await self._chunks.get()
            self._latest = arrived_s, samples
            if (loud := np.flatnonzero(samples)).size:
                return arrived_s - CHUNK_S + int(loud[0]) / 16_000

    async def _hear_end(self) -> float:
        """Wait for silence after sound; return when the last sample of that was said."""
        while np.any(self._latest[1]):
            arrived_s, samples = self._latest
            until_s = arrived_s - CHUNK_S + (int(np.flatnonzero(samples)[-1]) + 1) / 16_000
            self._latest = await self._chunks.get()
        return until_s

    async def _say(self, samples: np.ndarray) -> None:
        """Send all of a reply at once: it is played as it comes."""
        data = base64.b64encode(samples.tobytes())
        await self._socket.send(
            b'{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "' + data + b'"}}]}}}'
        )
        await self._socket.send(b'{"serverContent": {"generationComplete": true}}')


async def test_what_is_measured_is_what_was(tmp_path, monkeypatch):
    spy = Spy()

    def spied(playout: Playout, n_frames: int) -> bytes:
        return spy.take(playout, n_frames)

    monkeypatch.setattr(Playout, "take", spied)
    with wave.open(str(tmp_path / "clip.wav"), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(16_000)
        pcm = (_silence(16_000, BEFORE_S), _square(16_000, SPEECH_S), _silence(16_000, AFTER_S))
        clip.writeframes(np.concatenate(pcm).tobytes())
    first = '[[turn]]\nsay = "clip.wav"\n'
    second = first + 'after = { event = "reply.first_sample", ms = 300 }\n'
    path = tmp_path / "s.toml"
    path.write_text((first + second) * N_BARGE_INS, encoding="utf-8")
    (case,) = cases_of(read_scenario(path))
    far_end = FarEnd()

    async with serve(far_end, "127.0.0.1", 0, max_size=None) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        outcome = (await hold_case(case, Stage(endpoint=find_endpoint(url, "k")))).outcome

    assert outcome.error is None
    assert not outcome.warnings
    assert len(spy.sounds) == 2 * N_BARGE_INS
    for truth, (_, silenced_s), (began_s, _) in zip(far_end.truths, spy.sounds[::2], spy.sounds[1::2], strict=True):
        truth.silenced_s, truth.answered_from_s = silenced_s, began_s + REPLY_BEFORE_S
    errors: dict[str, list[float]] = {}
    for turn, truth in zip(outcome.turns[1::2], far_end.truths, strict=True):
        for name, known in truth.figures().items():
            measured = getattr(turn.figures, name)
            assert measured is not None, name
            errors.setdefault(name, []).append(measured - known)
    for name, found in errors.items():
        print(name, "median", round(statistics.median(found), 2), [round(error, 1) for error in found])
    for name, found in errors.items():
        assert abs(statistics.median(found)) <= TOLERANCE_MS, (name, found)
    assert all(abs(error) < 0.1 for error in errors["audio_ms"]), "counted in samples"


def _square(rate_hz: int, seconds: float) -> np.ndarray:
    return np.full(round(rate_hz * seconds), LEVEL, "<i2")


def _silence(rate_hz: int, seconds: float) -> np.ndarray:
    return np.zeros(round(rate_hz * seconds), "<i2")


async def _sleep_until(when_s: float) -> None:
    await asyncio.sleep(when_s - time.perf_counter())
