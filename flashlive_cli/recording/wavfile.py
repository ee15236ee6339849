"""
A stereo WAV that both sides write into wherever they are, and that is valid at any moment.

Sound may come late, to a place that was passed long ago (a microphone's, held back while the talk moved to another
connection), so the file is no stream: each side is laid at its place, over what the other side has there already.
What nobody lays is silence.

The header keeps room for a `ds64` chunk. Past 4 GiB, which is 12 hours, the file becomes an RF64 (EBU Tech 3306) in
place, which is what `ffmpeg` and most editors read.
"""

import contextlib
import os
import struct
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from flashlive_cli.pcm import WIRE_OUT, PcmFormat
from flashlive_cli.private import open_private

STEREO: Final = PcmFormat(WIRE_OUT.rate_hz, 2)
USER: Final = 0
MODEL: Final = 1

_DS64_BYTES: Final = 28
_HEADER_BYTES: Final = 12 + 8 + _DS64_BYTES + 24 + 8
_MAX_RIFF_BYTES: Final = 0xFFFF_FFFF


class StereoFile:
    """
    Writes `USER`'s and `MODEL`'s sound, 24 kHz s16le, into one new file. One thread at a time.

    Attributes:
        n_frames: how long it is.

    Raises:
        OSError: from any method: the disk is full or gone. What was laid before stays readable.
    """

    def __init__(self, path: Path) -> None:
        self.n_frames = 0
        os.close(open_private(path, os.O_TRUNC))
        self._file: IO[bytes] = path.open("r+b", buffering=0)
        self._announced = -1
        self.sync()

    def lay(self, side: int, frame: int, samples: npt.NDArray[np.int16]) -> None:
        """
        Put one side's sound at its place, over what was there of that side.

        Args:
            side: `USER` or `MODEL`.
            frame: of the first sample, from the file's start; not negative.
            samples: int16, shape `(n,)`.
        """
        place = _HEADER_BYTES + STEREO.bytes_of(frame)
        frames = np.zeros((samples.size, 2), "<i2")
        if frame < self.n_frames:
            self._file.seek(place)
            there = np.frombuffer(self._read(STEREO.bytes_of(samples.size)), "<i2").reshape(-1, 2)
            frames[: len(there)] = there
        frames[:, side] = samples
        self._file.seek(place)
        self._write(frames.tobytes())
        self.n_frames = max(self.n_frames, frame + samples.size)

    def sync(self) -> None:
        """Bring the header up to what was laid; until then, that is not part of the sound."""
        if self.n_frames != self._announced:
            self._file.seek(0)
            self._write(_header(STEREO.bytes_of(self.n_frames)))
            self._announced = self.n_frames

    def close(self) -> None:
        """Finish the header and close the file; the latter also where the former fails."""
        try:
            self.sync()
        finally:
            with contextlib.suppress(OSError):  # the sound is there, or `sync` has told
                self._file.close()

    def _read(self, n_bytes: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < n_bytes and (piece := self._file.read(n_bytes - len(pieces))):
            pieces += piece
        return bytes(pieces[: len(pieces) - len(pieces) % STEREO.frame_bytes])

    def _write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]


def _header(n_bytes: int) -> bytes:
    """Return the header of so much sound, always of the same length."""
    riff_bytes = _HEADER_BYTES - 8 + n_bytes
    large = riff_bytes > _MAX_RIFF_BYTES
    n_frames = STEREO.frames_in(n_bytes)
    return struct.pack(
        "<4sI4s4sIQQQI4sIHHIIHH4sI",
        *(b"RF64" if large else b"RIFF", _MAX_RIFF_BYTES if large else riff_bytes, b"WAVE"),
        *(b"ds64" if large else b"JUNK", _DS64_BYTES),
        *((riff_bytes, n_bytes, n_frames, 0) if large else (0, 0, 0, 0)),
        *(b"fmt ", 16, 1, STEREO.channels, STEREO.rate_hz),
        *(STEREO.rate_hz * STEREO.frame_bytes, STEREO.frame_bytes, 16),
        *(b"data", _MAX_RIFF_BYTES if large else n_bytes),
    )
