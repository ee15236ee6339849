"""
A bounded ring of sound between two threads.

One design, two policies. A capture ring (`overwrite=True`) is small and loses its oldest sound when full: late
speech is worth less than live speech. A playback ring (`overwrite=False`) starts with room for minutes and grows
rather than lose sound or push back: replies arrive faster than they are spoken, and the message that says
`interrupted` travels behind them on the same socket.
"""

import threading
from collections.abc import Callable
from typing import Final

MONO_BYTES: Final = 2
"""Of a frame of mono int16."""


class Ring:
    """
    Interleaved int16 little-endian sound, first in, first out; positions are counted in frames since the start.

    One thread writes and flushes, one thread reads, and neither role changes hands while the ring is in use.
    Anyone may read the counters. A plain lock is held for one memory copy (about a microsecond for 20 ms of
    sound), for what a flush shapes (20 us for 5 ms), and, after minutes and on the writer's side, for a copy of all
    that is held, when the ring grows.

    At any moment `written_frames == read_frames + flushed_frames + overrun_frames + held_frames`.

    Args:
        capacity_frames: room at the start, at least 1.
        overwrite: what a full ring does on `write`: True pushes out its oldest frames, False grows.
        frame_bytes: of one frame: two for each channel.
    """

    def __init__(self, capacity_frames: int, *, overwrite: bool, frame_bytes: int = MONO_BYTES) -> None:
        if capacity_frames < 1:
            raise ValueError(f"a ring needs room for at least one frame, not {capacity_frames}")
        self._frame_bytes = frame_bytes
        self._overwrite = overwrite
        self._lock = threading.Lock()
        self._memory = memoryview(bytearray(capacity_frames * self._frame_bytes))
        self._start = 0  # byte position of the oldest frame
        self._held = 0  # bytes
        self._written = self._read = self._flushed = self._overrun = 0  # bytes, ever

    def write(self, pcm: bytes | bytearray | memoryview) -> int:
        """
        Append sound; return how many of the oldest frames it pushed out, which is 0 for a ring that grows.

        Args:
            pcm: interleaved int16 little-endian, any length; a torn last frame is ignored.

        Called by the ring's one writer, perhaps inside a sound card's deadline: copies and returns.
        """
        new = memoryview(pcm).cast("B")
        n_new = len(new) - len(new) % self._frame_bytes
        if not self._overwrite and self._held + n_new > len(self._memory):
            self._grow(self._held + n_new)
        with self._lock:
            capacity = len(self._memory)
            self._written += n_new
            kept = new[max(0, n_new - capacity) : n_new]  # the rest is pushed out before it is in
            n_kept = len(kept)
            forgotten = max(0, self._held + n_kept - capacity)
            self._drop_oldest(forgotten)
            end = (self._start + self._held) % capacity
            n_first = min(n_kept, capacity - end)
            self._memory[end : end + n_first] = kept[:n_first]
            self._memory[: n_kept - n_first] = kept[n_first:]
            self._held += n_kept
            pushed_out = forgotten + n_new - n_kept
            self._overrun += pushed_out
        return pushed_out // self._frame_bytes

    def read(self, n_frames: int) -> bytes:
        """
        Take up to `n_frames` of the oldest frames; fewer, or none, when the ring holds fewer.

        Called by the ring's one reader.
        """
        with self._lock:
            n_bytes = min(n_frames * self._frame_bytes, self._held)
            until = self._start + n_bytes
            pcm = bytes(self._memory[self._start : until])
            if until > len(self._memory):
                pcm += self._memory[: until - len(self._memory)]
            self._drop_oldest(n_bytes)
            self._read += n_bytes
        return pcm

    def read_into(self, block: bytearray | memoryview) -> int:
        """
        Fill the start of `block` with the oldest frames; return how many frames that were. Allocates no sound.

        Args:
            block: room for whole frames; what lies past the returned frames is left as it was.

        Called by the ring's one reader, perhaps inside a sound card's deadline.
        """
        room = memoryview(block).cast("B")
        with self._lock:
            n_bytes = min(len(room) - len(room) % self._frame_bytes, self._held)
            n_first = min(n_bytes, len(self._memory) - self._start)
            room[:n_first] = self._memory[self._start : self._start + n_first]
            room[n_first:n_bytes] = self._memory[: n_bytes - n_first]
            self._drop_oldest(n_bytes)
            self._read += n_bytes
        return n_bytes // self._frame_bytes

    def flush(self, keep_frames: int = 0, *, shape: Callable[[bytes], bytes] | None = None) -> int:
        """
        Forget what is held, but for the `keep_frames` the reader takes next; return how many frames were dropped.

        The kept frames are there to be faded out, so that the cut does not click; `shape` does that at once, and
        returns as many bytes as it is given; it runs under the lock, and must not touch the ring.

        Called by the ring's writer, so that what it writes afterwards is never flushed and what it wrote before
        never survives.
        """
        with self._lock:
            dropped = max(0, self._held - keep_frames * self._frame_bytes)
            self._held -= dropped
            self._flushed += dropped
            if shape is not None and self._held:
                self._put_back(shape(self._peek(self._held)))
        return dropped // self._frame_bytes

    def peek(self, n_frames: int) -> bytes:
        """Return up to `n_frames` of the oldest frames, which stay; anyone's, for meters."""
        with self._lock:
            return self._peek(min(n_frames * self._frame_bytes, self._held))

    @property
    def capacity_frames(self) -> int:
        """Frames there is room for now."""
        return len(self._memory) // self._frame_bytes

    @property
    def held_frames(self) -> int:
        """Frames written and neither read, nor flushed, nor pushed out."""
        return self._held // self._frame_bytes

    @property
    def written_frames(self) -> int:
        """Frames written, ever."""
        return self._written // self._frame_bytes

    @property
    def read_frames(self) -> int:
        """Frames read, ever: for a playback ring, what was played."""
        return self._read // self._frame_bytes

    @property
    def flushed_frames(self) -> int:
        """Frames dropped by `flush`, ever."""
        return self._flushed // self._frame_bytes

    @property
    def overrun_frames(self) -> int:
        """Frames pushed out by newer ones, ever."""
        return self._overrun // self._frame_bytes

    def _peek(self, n_bytes: int) -> bytes:
        until = self._start + n_bytes
        return bytes(self._memory[self._start : until]) + bytes(self._memory[: max(0, until - len(self._memory))])

    def _put_back(self, pcm: bytes) -> None:
        n_first = min(self._held, len(self._memory) - self._start)
        self._memory[self._start : self._start + n_first] = pcm[:n_first]
        self._memory[: self._held - n_first] = pcm[n_first : self._held]

    def _drop_oldest(self, n_bytes: int) -> None:
        self._start = (self._start + n_bytes) % len(self._memory)
        self._held -= n_bytes

    def _grow(self, n_bytes: int) -> None:
        """Move to memory for `n_bytes` or twice today's. The writer's; meanwhile the reader can only free more."""
        larger = memoryview(bytearray(max(n_bytes, 2 * len(self._memory))))
        with self._lock:
            n_first = min(self._held, len(self._memory) - self._start)
            larger[:n_first] = self._memory[self._start : self._start + n_first]
            larger[n_first : self._held] = self._memory[: self._held - n_first]
            self._memory, self._start = larger, 0
