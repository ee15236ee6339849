"""
What the microphone hears of the speaker, taken out again.

`cancel` subtracts it (AEC3 of WebRTC, 32 dB measured on synthetic rooms, 8 ms delay); `half` mutes the microphone
while the speaker sounds, at the price of barge-in by voice; `off` is for headphones. The played sound is taken where
it is handed to the device, faded and flushed as it was, and brought to the microphone's rate here.

The canceller learns the room for 1-1.5 s of sound. In its first two seconds of sound the microphone is muted while
the speaker sounds, or the model would interrupt its own first sentence; a measured convergence opened too early.
"""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.rates import Resampler
from flashlive_cli.audio.ring import Ring
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import FULL_SCALE, WIRE_IN, WIRE_OUT

Mode = Literal["cancel", "half", "off"]
Samples16 = npt.NDArray[np.int16]

CHUNK_MS: Final = 20
REFERENCE_RING_MS: Final = 500
LATEST_BACKLOG_MS: Final = 160
"""More reference than that waiting means that the clocks drifted apart: cut to `KEPT_BACKLOG_MS`."""
KEPT_BACKLOG_MS: Final = 40
WARM_UP_S: Final = 2.0
TAIL_MS: Final = 250
"""So long a room goes on sounding after the speaker stopped."""


def reference_ring() -> Ring:
    """Make the ring that a speaker writes what it plays into, at 24 kHz."""
    return Ring(WIRE_OUT.frames_of_ms(REFERENCE_RING_MS), overwrite=True)


class Echo:
    """
    Cleans 20 ms chunks of the microphone, one after another; one owner, no thread.

    Attributes:
        mode: what is done.
        erle_db: by how much the sound was lowered while the speaker played, smoothed; 0 before it did.
    """

    def __init__(self, mode: Literal["cancel", "half"], reference: Ring, *, delay_ms: int) -> None:
        """
        Begin; `delay_ms` is what both devices hold together, and shortens the learning.

        Raises:
            DeviceError: `cancel` is not to be had on this machine.
        """
        self.mode: Mode = mode
        self.erle_db = 0.0
        self._reference = reference
        self._to_wire = Resampler(WIRE_OUT.rate_hz, WIRE_IN.rate_hz)
        self._far = np.zeros(0, np.float32)
        self._cancel = _make_canceller(delay_ms) if mode == "cancel" else None
        self._far_s = 0.0
        self._since_far_ms = float("inf")

    def __call__(self, chunk: bytes) -> bytes:
        """Take 640 bytes as heard; return as many without the speaker's sound."""
        near = np.frombuffer(chunk, "<i2")
        far = self._played(near.size)
        sounding = bool(far.any())
        self._since_far_ms = 0.0 if sounding else self._since_far_ms + CHUNK_MS
        if sounding:
            self._far_s += CHUNK_MS / 1000
        clean = self._cancel(near, far) if self._cancel else near
        if sounding and self._cancel:
            self._measure(near, clean)
        echoing = self._since_far_ms <= TAIL_MS
        if echoing and (self._cancel is None or self._far_s < WARM_UP_S):
            return bytes(len(chunk))
        return clean.astype("<i2").tobytes()

    def _played(self, n_frames: int) -> Samples16:
        """Return the next so many frames of what was played, at 16 kHz; silence where nothing was."""
        wanted = WIRE_OUT.frames_of_ms(CHUNK_MS)
        if self._reference.held_frames > WIRE_OUT.frames_of_ms(LATEST_BACKLOG_MS):
            self._reference.read(self._reference.held_frames - WIRE_OUT.frames_of_ms(KEPT_BACKLOG_MS))
        pcm = self._reference.read(wanted).ljust(WIRE_OUT.bytes_of(wanted), b"\0")
        samples = self._to_wire(np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE))
        self._far = np.concatenate((self._far, samples))
        taken, self._far = self._far[:n_frames], self._far[n_frames:]
        far = np.zeros(n_frames, np.int16)
        far[: taken.size] = np.clip(taken * FULL_SCALE, -32768, 32767)
        return far

    def _measure(self, near: Samples16, clean: Samples16) -> None:
        before = float(np.square(near.astype(np.float32)).mean()) + 1.0
        after = float(np.square(clean.astype(np.float32)).mean()) + 1.0
        self.erle_db += 0.05 * (10 * float(np.log10(before / after)) - self.erle_db)


def _make_canceller(delay_ms: int) -> Callable[[Samples16, Samples16], Samples16]:
    try:
        from pywebrtc_audio import AudioProcessor  # noqa: PLC0415 - a machine without a wheel for it can still talk
    except ImportError as exc:
        raise DeviceError(
            "echo cancellation needs pywebrtc-audio, which is not installed; --echo half does without"
        ) from exc
    processor = AudioProcessor(sample_rate=WIRE_IN.rate_hz, echo_cancellation=True, stream_delay_ms=delay_ms)

    def cancel(near: Samples16, far: Samples16) -> Samples16:
        clean: Samples16 = processor.process(near, far)
        return clean

    return cancel
