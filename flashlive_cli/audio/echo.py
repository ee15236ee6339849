"""
What the microphone hears of the speaker, taken out again.

`cancel` subtracts it (AEC3 of WebRTC, 32 dB measured on synthetic rooms, 8 ms delay); `half` mutes the microphone
while the speaker sounds, at the price of barge-in by voice; headphones need neither. The played sound is taken where
it is handed to the device, faded and flushed as it was, and brought to the microphone's rate here.

The canceller learns the room for 1-1.5 s of sound. In its first two seconds of sound the microphone is muted while
the speaker sounds, or the model would interrupt its own first sentence; a measured convergence opened too early, and
after 1.5 s more of a loud echo came through than after two. In pauses longer than `TAIL_MS` it is open even then.

All this runs in the event loop 50 times a second, between sleeps, when everything is slow: with the caches cold, a
call into numpy costs 30-50 us whatever it does, hence memory that is made once and one matrix product a chunk.
"""

import math
from collections import deque
from collections.abc import Callable
from operator import mul
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from flashlive_cli.audio.lateness import LATEST_MS
from flashlive_cli.audio.rates import filter_size, kernel
from flashlive_cli.audio.ring import Ring
from flashlive_cli.errors import DeviceError
from flashlive_cli.pcm import CHUNK_BYTES, CHUNK_MS, FULL_SCALE, SILENCE_DBFS, WIRE_IN, WIRE_OUT, PcmFormat
from flashlive_cli.printable import printable

if TYPE_CHECKING:
    from pywebrtc_audio import EchoCanceller

Mode = Literal["cancel", "half"]
State = Literal["learning", "cancelling", "half"]

REFERENCE_RING_MS: Final = LATEST_MS + CHUNK_MS
"""What the microphone's ring holds, and a chunk: where that loses its oldest sound, this one must lose it too."""
KEPT_BACKLOG_MS: Final = 30
LATEST_BACKLOG_MS: Final = 60
"""
More reference than that waiting, for a whole second, is cut to `KEPT_BACKLOG_MS`: the clocks drifted, or one device
was opened before the other. Between replies, where a cut costs nothing, all above the latter is. A reference that
comes later than its echo is of no use: 32 dB become 1-12. A moment's backlog is the loop's delay, and stays: the
microphone's sound waits with it.
"""
WARM_UP_S: Final = 2.0
TAIL_MS: Final = 250
"""So long a room goes on sounding after the speaker stopped."""
AUDIBLE_DB: Final = 10.0
"""So far above the microphone's own noise an echo tells how well it is cancelled."""

_SETTLE_CHUNKS: Final = 50
_MEASURE_CHUNKS: Final = 5
"""Levels are measured in one chunk of so many."""
_MEASUREMENTS: Final = 30
"""3 s of echo, so that a user who speaks over it for a second does not change the median."""
_FLOOR_RISE_DB: Final = 0.1
"""Between two measurements: the noise of a room changes."""
_ROWS: Final = 8
"""So many rows does the resampler make of a step where it can: few, and of the matrix no more than 40 columns."""


def reference_ring(fmt: PcmFormat = WIRE_OUT) -> Ring:
    """Make the ring that a speaker writes what it plays into, as it was played."""
    return Ring(fmt.frames_of_ms(REFERENCE_RING_MS), overwrite=True, frame_bytes=fmt.frame_bytes)


class Echo:
    """
    Cleans 20 ms chunks of the microphone, one after another; one owner, no thread.

    Where a device is opened again the way from speaker to microphone is another: that takes an echo of its own.

    Attributes:
        mode: what is done; `cancel` becomes `half` when the canceller fails.
    """

    def __init__(
        self,
        mode: Mode,
        reference: Ring,
        *,
        reference_format: PcmFormat = WIRE_OUT,
        delay_ms: int,
        on_fallback: Callable[[str], None] | None = None,
    ) -> None:
        """
        Begin.

        Args:
            mode: what to do.
            reference: what the speaker plays; read here alone. See `reference_ring`.
            reference_format: of its frames. All channels carry the same sound, of which the first is taken.
            delay_ms: what both devices hold together; shortens the learning.
            on_fallback: is told once, in one line, that the canceller failed and the microphone is muted from here
                on while the speaker sounds.

        Raises:
            DeviceError: `cancel` is not to be had on this machine.
        """
        self.mode: Mode = mode
        self._played = _Played(reference, reference_format)
        self._on_fallback = on_fallback
        self._canceller = _make_canceller(delay_ms) if mode == "cancel" else None
        # the canceller takes arrays: this one is filled anew for every chunk
        self._near = bytearray(CHUNK_BYTES)
        self._near_samples = np.frombuffer(self._near, np.int16)
        self._heard_ms = 0
        self._since_far_ms = math.inf
        self._chunks = 0
        self._floor_dbfs: float | None = None
        self._measured_db: deque[float] = deque(maxlen=_MEASUREMENTS)

    @property
    def state(self) -> State:
        """What is being done; while `learning` the microphone is muted when the speaker sounds."""
        if self.mode == "half":
            return "half"
        return "learning" if self._heard_ms < 1000 * WARM_UP_S else "cancelling"

    @property
    def erle_db(self) -> float | None:
        """By how much the echo is lowered: the median over its last 3 s; None while none could be heard."""
        return median(self._measured_db) if self._measured_db else None

    def __call__(self, chunk: bytes) -> bytes:
        """Take `CHUNK_BYTES` as heard; return as many without the speaker's sound."""
        sounding = self._played.advance()
        if sounding:
            self._since_far_ms = 0.0
            self._heard_ms += CHUNK_MS
        else:
            self._since_far_ms += CHUNK_MS
        echoing = self._since_far_ms <= TAIL_MS
        clean = self._cancelled(chunk, echoing=echoing)
        if echoing and self.state != "cancelling":
            return bytes(len(chunk))
        return clean

    def _cancelled(self, chunk: bytes, *, echoing: bool) -> bytes:
        if self._canceller is None:
            return chunk
        self._near[:] = chunk
        try:
            clean = self._canceller.process(self._near_samples, self._played.samples()).tobytes()
        except Exception as exc:  # noqa: BLE001 - a stranger's code, and the talk is worth more than its barge-in
            self._fall_back(exc)
            return chunk
        self._chunks += 1
        if self._chunks % _MEASURE_CHUNKS == 0:
            self._measure(chunk, clean, echoing=echoing)
        return clean

    def _fall_back(self, reason: Exception) -> None:
        self.mode = "half"
        self._canceller = None
        self._measured_db.clear()
        if self._on_fallback is not None:
            what = printable(f"{type(reason).__name__}: {reason}".removesuffix(": "))
            self._on_fallback(
                f"the echo canceller failed ({what}): half duplex, the microphone is off while the reply sounds"
            )

    def _measure(self, near: bytes, clean: bytes, *, echoing: bool) -> None:
        near_dbfs = _level_dbfs(near)
        floor_dbfs = self._floor_dbfs
        if not echoing:
            # who speaks pauses now and then: the quietest is the microphone's own noise
            rising = near_dbfs if floor_dbfs is None else floor_dbfs + _FLOOR_RISE_DB
            self._floor_dbfs = min(near_dbfs, rising)
        elif floor_dbfs is not None and near_dbfs >= floor_dbfs + AUDIBLE_DB:
            self._measured_db.append(near_dbfs - _level_dbfs(clean))


class _Played:
    """
    What was played, in steps of 20 ms and at 16 kHz, in step with the microphone.

    Each step takes 20 ms from the ring, whether they sound or not. Where the ring holds less, silence stands in, and
    what comes late is taken later: so much of it then waits in the ring from there on, which bridges the next delay.

    A rate that has no whole number of frames in 20 ms (11025, but no sound card's own) gives one away now and then.
    """

    def __init__(self, ring: Ring, fmt: PcmFormat) -> None:
        self._ring = ring
        self._format = fmt
        self._step_frames, self._spare = divmod(fmt.rate_hz * CHUNK_MS, 1000)
        self._kept_frames = fmt.frames_of_ms(KEPT_BACKLOG_MS)
        self._latest_frames = fmt.frames_of_ms(LATEST_BACKLOG_MS)

        step_out = WIRE_IN.frames_of_ms(CHUNK_MS)
        n_rows = math.gcd(self._step_frames, _ROWS)
        row_frames = self._step_frames // n_rows
        self._kernel = _filter_matrix(fmt.rate_hz, row_frames, step_out // n_rows)

        # one piece of memory, seen as bytes that are read into and as windows that are multiplied
        past_bytes = fmt.bytes_of(self._kernel.shape[0] - row_frames)
        self._pcm = bytearray(past_bytes + fmt.bytes_of(self._step_frames))
        self._silence = bytes(len(self._pcm))
        self._past = memoryview(self._pcm)[:past_bytes]
        self._fresh = memoryview(self._pcm)[past_bytes:]
        self._latest = memoryview(self._pcm)[len(self._pcm) - past_bytes :]
        first_channel = np.frombuffer(self._pcm, "<i2")[:: fmt.channels]
        self._rows = np.lib.stride_tricks.sliding_window_view(first_channel, self._kernel.shape[0])[::row_frames]

        self._samples = np.zeros(step_out, np.int16)
        self._sample_rows = self._samples.reshape(n_rows, -1)
        self._quiet = np.zeros(step_out, np.int16)
        self._sounding = False
        self._owed = 0
        self._least_frames = self._ring.capacity_frames
        self._settle_in = 1

    def advance(self) -> bool:
        """Take the next step; return whether anything sounds in it."""
        self._cut_backlog()
        self._past[:] = bytes(self._latest)
        if self._spare:
            self._owed += self._spare
            if self._owed >= 1000:
                self._owed -= 1000
                self._ring.read(1)
        n_bytes = self._format.bytes_of(self._ring.read_into(self._fresh))
        if n_bytes < len(self._fresh):
            self._fresh[n_bytes:] = bytes(len(self._fresh) - n_bytes)
        self._sounding = self._pcm != self._silence
        return self._sounding

    def samples(self) -> npt.NDArray[np.int16]:
        """Return the step taken last as 320 samples, about 6 dB lower; good until the next call."""
        if not self._sounding:
            return self._quiet
        np.matmul(self._rows, self._kernel, out=self._sample_rows, casting="unsafe")
        return self._samples

    def _cut_backlog(self) -> None:
        """Drop what has waited for a second, at once before the first step; while sound plays, only if it is much."""
        self._least_frames = min(self._least_frames, self._ring.held_frames)
        self._settle_in -= 1
        if self._settle_in:
            return
        if self._least_frames > (self._latest_frames if self._sounding else self._kept_frames):
            self._ring.read(self._least_frames - self._kept_frames)
        self._least_frames = self._ring.capacity_frames
        self._settle_in = _SETTLE_CHUNKS


def _filter_matrix(rate_hz: int, n_in: int, n_out: int) -> npt.NDArray[np.float32]:
    """
    The filter of `rates` as a matrix: a row of int16 at `rate_hz` times it is a row at 16 kHz.

    Its shape is `(n_in + 2 * reach, n_out)`: the row of input begins `2 * reach` frames before the `n_in` fresh ones.
    No sum of weights exceeds 1, so that no peak between two samples can overflow an int16.
    """
    cutoff, reach = filter_size(rate_hz, WIRE_IN.rate_hz)
    t = np.arange(n_in + 2 * reach)[:, None] - reach - np.arange(n_out) * (n_in / n_out)
    weights = np.zeros(t.shape, np.float32)
    near = np.abs(t) < reach
    weights[near] = kernel(t[near], cutoff, reach)
    weights /= np.abs(weights).sum(axis=0).max()
    return weights


def _level_dbfs(pcm: bytes) -> float:
    """Like `pcm.level_dbfs`, at half its cost where numpy's code is not in the caches."""
    samples = memoryview(pcm).cast("h")
    mean_square = sum(map(mul, samples, samples)) / len(samples)
    return 10 * math.log10(mean_square / FULL_SCALE**2) if mean_square else SILENCE_DBFS


def _make_canceller(delay_ms: int) -> "EchoCanceller":
    try:
        from pywebrtc_audio import EchoCanceller  # noqa: PLC0415 - a machine without a wheel for it can still talk
    except ImportError as exc:
        raise DeviceError(
            "echo cancellation needs pywebrtc-audio, which is not installed", "--echo half does without"
        ) from exc
    return EchoCanceller(WIRE_IN.rate_hz, stream_delay_ms=delay_ms)
