"""The microphone: opened as a talk opens it, and listened to for some seconds."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.cardmic import CardMicrophone
from flashlive_cli.audio.ear import CLIPPED_SAMPLE, CLIPPED_SHARE, CLIPS, CLIPS_ADVICE, SILENT, SILENT_ADVICE, Ear
from flashlive_cli.cli.checks import Check, failure
from flashlive_cli.cli.checks.cards import choose, words_on
from flashlive_cli.cli.choice import Choice
from flashlive_cli.clock import Clock
from flashlive_cli.config import Resolved
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.pcm import CHUNK_MS, FULL_SCALE, WIRE_IN, dbfs

CHUNK_FRAMES: Final = WIRE_IN.frames_of_ms(CHUNK_MS)
SETTLING_CHUNKS: Final = 10
"""Devices begin with a pop, a fade-in, or what was in their buffers."""
_DELIVERY_PATIENCE_S: Final = 3.0
_LATE_MS: Final = 150.0
_NOISY_DBFS: Final = -40.0
_FAINT_DBFS: Final = -66.0
_DIRECT_CURRENT: Final = 0.05
_CHOOSE: Final = "flashlive devices lists the others: --input-device NAME"

Sound16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Heard:
    """
    What some seconds of a microphone are like.

    Attributes:
        level_dbfs: root mean square, without direct current.
        peak_dbfs: the loudest sample.
        floor_dbfs: the tenth of the 20 ms chunks that is the quietest is below this.
        clipped_share: of the samples, at the end of the scale.
        direct_current: mean of the samples, of full scale 1.
    """

    level_dbfs: float
    peak_dbfs: float
    floor_dbfs: float
    clipped_share: float
    direct_current: float


def measure(samples: Sound16) -> Heard:
    """Measure whole chunks of 16 kHz mono, at least one."""
    chunks = samples[: samples.size // CHUNK_FRAMES * CHUNK_FRAMES].reshape(-1, CHUNK_FRAMES).astype(np.float64)
    powers = chunks.var(axis=1)  # the variance leaves direct current out
    clipped = np.abs(samples.astype(np.int32)) > CLIPPED_SAMPLE
    return Heard(
        level_dbfs=dbfs(float(powers.mean()) ** 0.5 / FULL_SCALE),
        peak_dbfs=dbfs(float(np.abs(chunks).max()) / FULL_SCALE),
        floor_dbfs=dbfs(float(np.quantile(powers, 0.1)) ** 0.5 / FULL_SCALE),
        clipped_share=float(clipped.mean()),
        direct_current=float(chunks.mean()) / FULL_SCALE,
    )


async def check_microphone(resolved: Resolved, *, seconds: float) -> tuple[Check, Choice | None]:
    """Open it, listen, close it; return what was found, and the device where it works."""
    try:
        choice = await choose("input", resolved)
        lost: list[DeviceError] = []
        microphone = await CardMicrophone.open(Clock(), choice.device, Ear(), lost=lost.append)
        try:
            samples, gap_ms = await _listen(microphone, seconds, lost)
        finally:
            await microphone.close()
    except FlashliveError as error:
        return failure("microphone", error, _CHOOSE), None
    heard = measure(samples)
    name, troubles = words_on(choice, "input", resolved)
    pcm, latency_ms = microphone.pcm, 1000 * microphone.latency_s
    figures = {
        "device": choice.device.name,
        "rate_hz": pcm.rate_hz,
        "channels": pcm.channels,
        "latency_ms": round(latency_ms, 1),
        "listened_s": round(seconds, 1),
        "level_dbfs": round(heard.level_dbfs, 1),
        "peak_dbfs": round(heard.peak_dbfs, 1),
        "floor_dbfs": round(heard.floor_dbfs, 1),
        "clipped_percent": round(100 * heard.clipped_share, 2),
        "direct_current_percent": round(100 * heard.direct_current, 2),
        "largest_gap_ms": round(gap_ms, 1),
        "lost_ms": round(microphone.lost_ms, 1),
    }
    shown = f"{name}, {pcm.rate_hz} Hz x {pcm.channels}, holds {latency_ms:.0f} ms, gaps up to {gap_ms:.0f} ms"
    if samples.any():
        shown += f"; level {heard.level_dbfs:.0f}, peak {heard.peak_dbfs:.0f}, floor {heard.floor_dbfs:.0f} dBFS"
    troubles += _troubles(samples, heard, gap_ms, seconds)
    if not troubles:
        return Check("microphone", "ok", shown, figures=figures), choice
    words, advice = zip(*troubles, strict=True)
    return Check("microphone", "warning", "; ".join((shown, *words)), "; ".join(advice), figures), choice


async def _listen(microphone: CardMicrophone, seconds: float, lost: list[DeviceError]) -> tuple[Sound16, float]:
    """Read so many seconds; return them, and the longest time between two chunks in milliseconds."""
    chunks: list[bytes] = []
    times_s: list[float] = []
    wanted = SETTLING_CHUNKS + max(1, round(1000 * seconds / CHUNK_MS))
    while len(chunks) < wanted:
        chunks.append(await next_chunk(microphone, lost))
        times_s.append(time.perf_counter())
    samples = np.frombuffer(b"".join(chunks[SETTLING_CHUNKS:]), "<i2")
    return samples, 1000 * float(np.diff(times_s[SETTLING_CHUNKS - 1 :]).max())


async def next_chunk(microphone: CardMicrophone, lost: list[DeviceError]) -> bytes:
    """
    Wait for a chunk, but not for ever.

    Raises:
        DeviceError: none comes.
    """
    try:
        async with asyncio.timeout(_DELIVERY_PATIENCE_S):
            chunk = await microphone.read()
    except TimeoutError as exc:
        raise lost[0] if lost else DeviceError(f"{microphone.name} delivers no sound") from exc
    if lost:  # what comes is silence that stands in
        raise lost[0]
    return chunk


def _troubles(samples: Sound16, heard: Heard, gap_ms: float, seconds: float) -> list[tuple[str, str]]:
    """Say what is wrong, each with what to do."""
    troubles: list[tuple[str, str]] = []
    if not samples.any():
        troubles.append((f"{SILENT} in {seconds:g} s", SILENT_ADVICE))
    elif heard.peak_dbfs < _FAINT_DBFS:
        advice = "if you spoke, turn its level up in the sound settings (Linux: alsamixer or pavucontrol)"
        troubles.append(("next to nothing is heard", advice))
    if heard.clipped_share > CLIPPED_SHARE:
        troubles.append((CLIPS, CLIPS_ADVICE))
    elif heard.floor_dbfs > _NOISY_DBFS:
        troubles.append(("it never gets quiet", "pause when you run this; else turn its level down, or use a headset"))
    if abs(heard.direct_current) > _DIRECT_CURRENT:
        troubles.append(
            (f"{100 * heard.direct_current:.0f} % direct current", "harmless here; try another socket or adapter")
        )
    if gap_ms > _LATE_MS:
        troubles.append(("sound comes late and in heaps", "end what keeps this machine busy"))
    return troubles
