"""
A WAV file that is valid while it is being written.

The header is patched as the sound grows, always after the sound it speaks of: whoever reads the file, or finds it
after the process was killed, sees sizes that fit. A pipe gets the sizes that mean "to the end" instead.
"""

import contextlib
import io
import os
import select
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, cast

from flashlive_cli.audio.wavread import reason
from flashlive_cli.errors import FileError, OutputFailed
from flashlive_cli.pcm import PcmFormat
from flashlive_cli.printable import printable
from flashlive_cli.private import open_private

_UNKNOWN_SIZE: Final = 0xFFFF_FFFF
"""What ffmpeg writes into a pipe, and what players take for "to the end"."""

_HEADER_BYTES: Final = 44
_MAX_DATA_BYTES: Final = _UNKNOWN_SIZE - _HEADER_BYTES
"""24 hours at 24 kHz; past that the header stays, and what follows is invisible to players."""


class WavWriter:
    """
    Writes PCM into a WAV; made by `create_wav`. One thread at a time.

    Attributes:
        name: printable, for messages.
        n_bytes: bytes of sound written.
    """

    def __init__(self, stream: IO[bytes], name: str, pcm_format: PcmFormat, *, ours: bool) -> None:
        self.name = printable(name)
        self.n_bytes = 0
        self._stream = stream
        self._ours = ours
        self._format = pcm_format
        self._patchable = _patchable(stream)
        self._origin = stream.tell() if self._patchable else 0
        self._announced = 0
        self._put(self._header(0 if self._patchable else _UNKNOWN_SIZE))

    def write(self, pcm: bytes) -> None:
        """
        Append sound in whole frames; blocks as long as the disk or the pipe does.

        Raises:
            OutputFailed: disk full, reader gone. What was written before is kept, and `close` makes it a valid file.
        """
        with self._mapped():
            self._put(pcm, counted=True)

    def sync(self) -> None:
        """
        Bring the header up to what was written. A killed process loses what was written since.

        Raises:
            OutputFailed: the file can no longer be written.
        """
        whole = self.n_bytes - self.n_bytes % self._format.frame_bytes
        size = min(whole, _MAX_DATA_BYTES)
        if not self._patchable or size == self._announced:
            return
        with self._mapped():
            self._stream.seek(self._origin)
            self._put(self._header(size))
            self._stream.seek(self._origin + _HEADER_BYTES + self.n_bytes)
        self._announced = size

    def close(self) -> None:
        """
        Finish the header; close what was opened here, while a stream that was handed in stays open.

        May be called again, to no effect.

        Raises:
            OutputFailed: the file could not be finished; it is as valid as after the last `sync`.
        """
        if self._stream.closed:
            return
        try:
            self.sync()
        finally:
            if self._ours:
                with self._mapped():
                    self._stream.close()

    def _header(self, data_bytes: int) -> bytes:
        riff_bytes = min(data_bytes + _HEADER_BYTES - 8, _UNKNOWN_SIZE)
        pcm = self._format
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", riff_bytes, b"WAVE"),
            *(b"fmt ", 16, 1, pcm.channels, pcm.rate_hz, pcm.rate_hz * pcm.frame_bytes, pcm.frame_bytes, 16),
            *(b"data", data_bytes),
        )

    def _put(self, piece: bytes, *, counted: bool = False) -> None:
        view = memoryview(piece)
        while view:
            n_taken = cast("int | None", self._stream.write(view))
            if n_taken is None:  # somebody made the pipe non-blocking
                select.select([], [self._stream], [])
                continue
            view = view[n_taken:]
            self.n_bytes += n_taken * counted
        self._stream.flush()

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as exc:  # ValueError: the stream was closed
            raise OutputFailed(f"{self.name}: takes no more sound: {reason(exc)}; what it took before is kept") from exc


def create_wav(
    target: str | os.PathLike[str] | IO[bytes], pcm_format: PcmFormat, *, name: str | None = None
) -> WavWriter:
    """
    Create or overwrite a WAV and write its header.

    A file is made readable by its owner only (0600), one that was there before included: it holds a conversation.

    Args:
        target: a path, `-` for standard output, or a binary stream, which stays the caller's to close. Standard
            output is written past `sys.stdout`, whose buffer has a lock that a thread left waiting there would
            hold when the interpreter shuts down.
        pcm_format: what `write` will be given.
        name: what messages call it; the path by default.

    Raises:
        FileError: it cannot be created or takes no data.
    """
    if not isinstance(target, str | os.PathLike):
        named = getattr(target, "name", None)
        name = name or (named if isinstance(named, str) else "the output stream")  # else it is a descriptor's number
        return _begin(lambda: target, pcm_format, name, ours=False)
    if target == "-":
        name = name or "standard output"
        return _begin(lambda: io.FileIO(1, "wb", closefd=False), pcm_format, name, ours=True)
    name = name or os.fspath(target)
    _check_parent(target, name)
    return _begin(lambda: io.FileIO(open_private(target, os.O_TRUNC), "wb"), pcm_format, name, ours=True)


def check_target(target: str | os.PathLike[str]) -> None:
    """
    See whether `create_wav` could write here, and leave what is here as it is.

    Raises:
        FileError: it could not. That a disk is full, or a device or pipe takes nothing, shows only later.
    """
    name, path = os.fspath(target), Path(target)
    _check_parent(target, name)
    try:
        existed = path.exists()
        if not existed or path.is_file() or path.is_dir():  # opening a pipe would wait for its reader
            os.close(open_private(path, 0))
        if not existed:
            path.unlink()
    except (OSError, ValueError) as exc:
        raise FileError(f"{printable(name)}: cannot be created: {reason(exc)}") from exc


def _check_parent(target: str | os.PathLike[str], name: str) -> None:
    if not (parent := Path(target).parent).is_dir():
        raise FileError(f"{printable(name)}: cannot be created: there is no directory {printable(str(parent))}")


def _begin(make: Callable[[], IO[bytes]], pcm_format: PcmFormat, name: str, *, ours: bool) -> WavWriter:
    stream: IO[bytes] | None = None
    try:
        stream = make()
        return WavWriter(stream, name, pcm_format, ours=ours)
    except (OSError, ValueError) as exc:  # ValueError: a closed stream, or a null in the path
        if stream and ours:
            with contextlib.suppress(OSError):
                stream.close()
        raise FileError(f"{printable(name)}: cannot be created: {reason(exc)}") from exc


def _patchable(stream: IO[bytes]) -> bool:
    """Whether the header can be rewritten: a regular file, and not one that was opened to append (`>> all.wav`)."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):  # io.BytesIO and the like
        return stream.seekable()
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
