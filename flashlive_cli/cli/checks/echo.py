"""
The speaker in the microphone: how late, how loud, and how well it can be taken out again.

A burst of noise tells delay and loudness. Then something like speech is played, and the canceller of a talk has to
learn the room as it would there.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np

from flashlive_cli.audio.cardmic import CardMicrophone
from flashlive_cli.audio.cardspeaker import CardSpeaker
from flashlive_cli.audio.ear import Ear
from flashlive_cli.audio.echo import Echo, reference_ring
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.cli.checks import Check, failure
from flashlive_cli.cli.checks.microphone import next_chunk
from flashlive_cli.cli.checks.sounds import Sound, noise_burst, speech_like
from flashlive_cli.cli.checks.speaker import play
from flashlive_cli.cli.choice import Choice
from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.pcm import CHUNK_S, FULL_SCALE, SILENCE_DBFS, WIRE_IN, WIRE_OUT

MOST_DELAY_S: Final = 1.0
GOOD_ERLE_DB: Final = 10.0
_BEFORE_S: Final = 0.4
_LIKENESS: Final = 8.0
"""By how many standard deviations the right delay must stand out from the wrong ones, of which there are 16000."""
_RISING_S: Final = 0.01
_RINGING_S: Final = 0.1
"""What is this close before and after the right delay is likely, too: the noise is like itself, and a room rings on."""
_PATTERN_LIKENESS: Final = 0.6
"""Correlation of two patterns of fifty chips: chance reaches 0.4."""
_STEP_FRAMES: Final = 32


@dataclass(frozen=True, slots=True)
class Coupling:
    """
    How the microphone hears the speaker.

    Attributes:
        delay_ms: from the sound's handing over to its return, devices included.
        level_db: of what is heard, against what was played.
    """

    delay_ms: float
    level_db: float


def couple(heard: Sound, heard_from_s: float, played: Sound, played_from_s: float) -> Coupling | None:
    """
    Find a sound in another.

    Args:
        heard: 16 kHz, full scale 1.
        heard_from_s: when its first sample came, on the clock of `played_from_s`.
        played: the same for what was played; it begins within `heard`, half a second or more after its start.
        played_from_s: when its first sample was handed to the speaker.

    Returns:
        None where it is not in there.
    """
    first = max(0, round((played_from_s - heard_from_s) * WIRE_IN.rate_hz))
    before, heard = heard[:first], heard[first:]
    at = _find_samples(heard, played)
    if at is None:
        at = _find_pattern(heard, played)
    if at is None:
        return None
    noise_power = float(np.square(before).mean()) if first else 0.0
    power = max(float(np.square(heard[at : at + played.size]).mean()) - noise_power, 1e-12)
    delay_s = heard_from_s + (first + at) / WIRE_IN.rate_hz - played_from_s
    return Coupling(1000 * delay_s, 10 * float(np.log10(power / np.square(played).mean())))


def _find_samples(heard: Sound, played: Sound) -> int | None:
    """Find it sample by sample: even far below other noise."""
    size = heard.size + played.size
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    likeness = np.abs(np.fft.irfft(spectrum, size))[: round(MOST_DELAY_S * WIRE_IN.rate_hz)]
    at = int(likeness.argmax())
    rising, ringing = round(_RISING_S * WIRE_IN.rate_hz), round(_RINGING_S * WIRE_IN.rate_hz)
    wrong = np.delete(likeness, np.arange(max(0, at - rising), min(likeness.size, at + ringing)))
    stands_out = likeness[at] > _LIKENESS * max(float(np.sqrt(np.square(wrong).mean())), 1e-9)
    return at if stands_out else None


def _find_pattern(heard: Sound, played: Sound) -> int | None:
    """Find its comings and goings: even where a sound server bends time to bring two clocks together."""
    powers, pattern = _powers(heard), _powers(played)
    n_delays = min(round(MOST_DELAY_S * WIRE_IN.rate_hz) // _STEP_FRAMES, powers.size - pattern.size)
    if n_delays < 1 or not powers.any():
        return None
    windows = np.lib.stride_tricks.sliding_window_view(powers, pattern.size)[:n_delays]
    deviations = windows - windows.mean(axis=1, keepdims=True)
    pattern -= pattern.mean()
    norms = np.sqrt(np.square(deviations).sum(axis=1) * np.square(pattern).sum())
    likeness = deviations @ pattern / np.maximum(norms, 1e-12)
    at = int(likeness.argmax())
    return at * _STEP_FRAMES if likeness[at] > _PATTERN_LIKENESS else None


def _powers(sound: Sound) -> Sound:
    powers: Sound = np.square(sound[: sound.size // _STEP_FRAMES * _STEP_FRAMES]).reshape(-1, _STEP_FRAMES).sum(axis=1)
    return powers


class _Rig:
    """Both devices, open; what the microphone hears is kept."""

    def __init__(self, clock: Clock, microphone: CardMicrophone, speaker: CardSpeaker, lost: list[DeviceError]) -> None:
        self.microphone = microphone
        self.speaker = speaker
        self._clock = clock
        self._lost = lost
        self._arrived_s: list[float] = []
        self._chunks: list[bytes] = []
        self._started_s: list[float] = []
        speaker.listen(self._started_s.append, lambda _: None)

    async def play(self, sound: Sound) -> None:
        """Play a sound, and listen from before to after it. Raises DeviceError when either device fails."""
        self._arrived_s, self._chunks = [], []
        self._started_s.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen(), name="doctor listens")
                await asyncio.sleep(_BEFORE_S)
                await play(self.speaker, sound)
                await asyncio.sleep(MOST_DELAY_S)
                listening.cancel()
        except ExceptionGroup as group:
            error = group.exceptions[0]
            raise error if isinstance(error, DeviceError) else group from None

    async def _listen(self) -> None:
        while True:
            self._chunks.append(await next_chunk(self.microphone, self._lost))
            self._arrived_s.append(self._clock.now())

    def coupling(self, played: Sound) -> Coupling | None:
        """Compare what was heard with what was played, at 24 kHz."""
        if not self._started_s or not self._chunks:
            return None
        heard = np.frombuffer(b"".join(self._chunks), "<i2") / FULL_SCALE
        # a chunk may be read late, but never early
        heard_from_s = min(when - (n + 1) * CHUNK_S for n, when in enumerate(self._arrived_s))
        resample = Resampler(WIRE_OUT.rate_hz, WIRE_IN.rate_hz)
        samples = played.astype(np.float32)
        at_16_khz = np.concatenate((resample(samples), resample.finish())).astype(np.float64)
        return couple(heard, heard_from_s, at_16_khz, self._started_s[0] - self.speaker.latency_s)


async def check_echo(hears: Choice, speaks: Choice) -> Check:
    """Measure, and say which `--echo` to use."""
    try:
        async with AsyncExitStack() as stack:
            clock = Clock()
            lost: list[DeviceError] = []
            speaker = await CardSpeaker.open(clock, speaks.device, lost=lost.append, make_reference=reference_ring)
            stack.push_async_callback(speaker.close)
            microphone = await CardMicrophone.open(clock, hears.device, Ear(), lost=lost.append)
            stack.push_async_callback(microphone.close)
            return await _measure(_Rig(clock, microphone, speaker, lost))
    except FlashliveError as error:
        return failure("echo", error, "run this again; flashlive devices lists other devices")


async def _measure(rig: _Rig) -> Check:
    burst = noise_burst()
    await rig.play(burst)
    coupling = rig.coupling(burst)
    if coupling is None:
        found = (
            "the microphone does not hear the speaker: with headphones --echo off is fine, and lets you cut in at once"
        )
        return Check("echo", "ok", found, figures=_figures(None, None, "off"))
    heard = f"the speaker is heard {coupling.delay_ms:.0f} ms later, at {coupling.level_db:.0f} dB"
    try:
        echo = _attach(rig)
    except DeviceError as error:
        advice = f"pip install pywebrtc-audio; {error.advice}"
        return Check("echo", "warning", f"{heard}; {error.words}", advice, _figures(coupling, None, "half"))
    await rig.play(speech_like())
    erle_db = echo.erle_db
    if echo.state == "half":
        words = "the canceller failed"
    elif erle_db is None:
        found = f"{heard}, so softly that it hardly matters: --echo auto is fine, and with headphones --echo off"
        return Check("echo", "ok", found, figures=_figures(coupling, None, "cancel"))
    elif erle_db >= GOOD_ERLE_DB:
        found = f"{heard}, and cancelled by {erle_db:.0f} dB: --echo auto (or cancel) works"
        return Check("echo", "ok", found, figures=_figures(coupling, erle_db, "cancel"))
    else:
        words = f"the canceller takes out {erle_db:.0f} dB of it"
    advice = "use --echo half or headphones; turning the speaker down helps too"
    return Check("echo", "warning", f"{heard}; {words}", advice, _figures(coupling, erle_db, "half"))


def _attach(rig: _Rig) -> Echo:
    """Put the canceller of a talk before the microphone. Raises DeviceError where there is none."""
    speaker, microphone = rig.speaker, rig.microphone
    assert speaker.reference is not None, "it was asked for"
    delay_ms = round(1000 * (speaker.latency_s + microphone.latency_s))
    echo = Echo("cancel", speaker.reference, reference_format=speaker.pcm, delay_ms=delay_ms)
    microphone.clean = echo
    return echo


def _figures(coupling: Coupling | None, erle_db: float | None, recommended: str) -> dict[str, object]:
    return {
        "delay_ms": round(coupling.delay_ms, 1) if coupling else None,
        "coupling_db": round(coupling.level_db, 1) if coupling else None,
        "erle_db": round(min(erle_db, -SILENCE_DBFS), 1) if erle_db is not None else None,
        "recommended_echo": recommended,
    }
