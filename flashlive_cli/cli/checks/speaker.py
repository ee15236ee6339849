"""The speaker: opened as a talk opens it, and a soft tone played at the pace of a talk."""

import asyncio
import time
from typing import Final

import numpy as np

from flashlive_cli.audio.cardspeaker import CardSpeaker
from flashlive_cli.audio.ring import Ring
from flashlive_cli.cli.checks import Check, failure
from flashlive_cli.cli.checks.cards import choose, words_on
from flashlive_cli.cli.checks.sounds import Sound, faded
from flashlive_cli.cli.choice import Choice
from flashlive_cli.clock import Clock
from flashlive_cli.config import Resolved
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.pcm import CHUNK_MS, FULL_SCALE, WIRE_OUT, PcmFormat

TONE_S: Final = 0.5
TONE_HZ: Final = 440
TONE_LEVEL_DBFS: Final = -20.0
_FADE_S: Final = 0.06
_AHEAD_S: Final = 0.1
"""As far as a service that is not fast is ahead of the speaker."""
_PATIENCE_S: Final = 3.0
_LATE_MS: Final = 100.0
_SLOW_MS: Final = 150.0
_CHOOSE: Final = "flashlive devices lists the others: --output-device NAME"


class _Pulse(Ring):
    """Takes what is played, throws it away, and notes the longest time between two blocks."""

    def __init__(self, _pcm: PcmFormat) -> None:
        super().__init__(1, overwrite=True)
        self.largest_gap_s = 0.0
        self._last_s = float("inf")

    def write(self, pcm: bytes | bytearray | memoryview) -> int:
        """Take a block, in PortAudio's thread."""
        now_s = time.perf_counter()
        self.largest_gap_s = max(self.largest_gap_s, now_s - self._last_s)
        self._last_s = now_s
        return len(pcm)


def make_tone() -> Sound:
    """Return the tone, faded, full scale 1, 24 kHz."""
    at_s = np.arange(round(TONE_S * WIRE_OUT.rate_hz)) / WIRE_OUT.rate_hz
    tone = np.sqrt(2) * 10 ** (TONE_LEVEL_DBFS / 20) * np.sin(2 * np.pi * TONE_HZ * at_s)
    return faded(tone, _FADE_S)


async def play(speaker: CardSpeaker, sound: Sound) -> None:
    """
    Play a 24 kHz sound of full scale 1, as it would come from a service that is a tenth of a second ahead.

    Raises:
        DeviceError: it does not come to an end.
    """
    pcm = np.rint(sound * FULL_SCALE).astype("<i2").tobytes()
    step = WIRE_OUT.bytes_of_ms(CHUNK_MS)
    clock = Clock()
    for start in range(0, len(pcm), step):
        await clock.sleep_until(WIRE_OUT.seconds_in(start) - _AHEAD_S)
        speaker.write(pcm[start : start + step])
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await speaker.drained()
    except TimeoutError as exc:
        raise DeviceError(f"{speaker.name} does not play what it is given") from exc


async def check_speaker(resolved: Resolved, *, quiet: bool) -> tuple[Check, Choice | None]:
    """Open it, play the tone, close it; return what was found, and the device where it works."""
    pulses: list[_Pulse] = []

    def make_pulse(pcm: PcmFormat) -> Ring:
        pulses.append(_Pulse(pcm))
        return pulses[-1]

    try:
        choice = await choose("output", resolved)
        lost: list[DeviceError] = []
        speaker = await CardSpeaker.open(Clock(), choice.device, lost=lost.append, make_reference=make_pulse)
        try:
            await play(speaker, np.zeros(round(TONE_S * WIRE_OUT.rate_hz)) if quiet else make_tone())
        except DeviceError:
            if lost:
                raise lost[0] from None
            raise
        finally:
            await speaker.close()
    except FlashliveError as error:
        return failure("speaker", error, _CHOOSE), None
    name, troubles = words_on(choice, "output", resolved)
    pcm, latency_ms, gap_ms = speaker.pcm, 1000 * speaker.latency_s, 1000 * pulses[-1].largest_gap_s
    figures = {
        "device": choice.device.name,
        "rate_hz": pcm.rate_hz,
        "channels": pcm.channels,
        "latency_ms": round(latency_ms, 1),
        "underruns": speaker.underruns,
        "largest_gap_ms": round(gap_ms, 1),
        "tone_dbfs": None if quiet else TONE_LEVEL_DBFS,
    }
    shown = f"{name}, {pcm.rate_hz} Hz x {pcm.channels}, holds {latency_ms:.0f} ms, gaps up to {gap_ms:.0f} ms"
    shown += "; no tone was played" if quiet else "; a soft tone was played: you should have heard it"
    if speaker.underruns or gap_ms > _LATE_MS:
        troubles.append(("it ran dry", "end what keeps this machine busy"))
    if latency_ms > _SLOW_MS:
        troubles.append(("it holds much sound", "a wired speaker or headset lets you cut in sooner"))
    if not troubles:
        return Check("speaker", "ok", shown, figures=figures), choice
    words, advice = zip(*troubles, strict=True)
    return Check("speaker", "warning", "; ".join((shown, *words)), "; ".join(advice), figures), choice
