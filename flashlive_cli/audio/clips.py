"""
Clips: sound from a file or pipe, as 16 kHz mono s16le whatever it was written as.

`open_wav` and `open_raw` look at the start of their source at once, so that a wrong file is an error before any
connection is made; the rest is read, converted and handed on block by block.
"""

import os
from typing import IO, TYPE_CHECKING, Final, Protocol

from flashlive_cli.audio.wavread import SoundFormat, Source, find_sound, open_source
from flashlive_cli.errors import FileError
from flashlive_cli.pcm import WIRE_IN

if TYPE_CHECKING:
    from flashlive_cli.audio.samples import Converter

_BLOCKS_PER_S: Final = 10
"""A block of 100 ms costs 0.1 ms to convert; a live pipe gives what it has and is not made to wait for a whole one."""


_MAX_BLOCK_BYTES: Final = 1 << 19
"""
Of one read, whatever a header claims: 100 ms of 65535 channels of doubles at 192 kHz are 10 GB. A frame is never more.
"""


class Clip(Protocol):
    """
    A piece of sound that is read once, from its start to its end, by one thread.

    Attributes:
        name: printable, for messages.
        live: whether the sound comes as it is made (a pipe), so that waiting for it must not hold anything up.
        warnings: what was wrong with it and could be lived with, one line each; for a pipe, complete once `read` has
            returned `b""`.
        duration_s: seconds of sound; None when the source does not say.
    """

    name: str
    live: bool
    warnings: list[str]
    duration_s: float | None

    def read(self) -> bytes:
        """
        Return the next sound, 16 kHz mono s16le, of whatever length; `b""` at the end.

        Blocks as long as the disk or the pipe does. Raises `FileError` when reading fails.
        """
        ...

    def close(self) -> None:
        """Give the source back. Not while another thread is in `read`."""
        ...


class WavClip:
    """
    A WAV as a clip: channels mixed by their mean, any rate brought to 16 kHz. See `Clip` and `open_wav`.

    Floats that are no numbers count as 0, and what is beyond full scale is clipped.
    """

    live: bool
    name: str

    def __init__(self, source: Source, sound_format: SoundFormat, promised_bytes: int | None) -> None:
        self._promised = promised_bytes
        self.name, self.live = source.name, source.live
        self.warnings: list[str] = []
        self.duration_s: float | None = None
        self._source = source
        self._format = sound_format
        self._n_read = 0  # bytes of sound
        self._torn = b""  # the start of a frame whose rest has not come yet
        self._converter: Converter | None = None
        self._ended = False
        if not source.live:
            here = source.remaining()
            n_bytes = here if promised_bytes is None else min(here, promised_bytes)
            self._judge_length(n_bytes)
            self._promised = n_bytes
            self.duration_s = n_bytes // sound_format.frame_bytes / sound_format.rate_hz

    def read(self) -> bytes:  # noqa: D102 - Clip.read
        if self._converter is None:
            # not before the first sound is wanted: numpy is 60 ms that a dial need not wait for
            from flashlive_cli.audio.samples import Converter  # noqa: PLC0415

            self._converter = Converter(self._format, WIRE_IN)
        while not self._ended:
            frames = self._next_frames()
            pcm = self._converter(frames) if frames else self._converter.finish()
            if not frames:
                self._ended = True
                self._judge_length(self._n_read)
            if pcm:
                return pcm
        return b""

    def close(self) -> None:  # noqa: D102 - Clip.close
        self._source.close()

    def _next_frames(self) -> bytes:
        """At least one whole frame, up to a block of them; `b""` at the end."""
        frame_bytes = self._format.frame_bytes
        block_bytes = min(max(1, self._format.rate_hz // _BLOCKS_PER_S) * frame_bytes, _MAX_BLOCK_BYTES)
        pcm = self._torn
        while len(pcm) < frame_bytes:
            left = block_bytes if self._promised is None else self._promised - self._n_read
            piece = self._source.some(min(block_bytes, left)) if left else b""
            if not piece:
                return b""
            self._n_read += len(piece)
            pcm += piece
        whole = len(pcm) - len(pcm) % frame_bytes
        self._torn = pcm[whole:]
        return pcm[:whole]

    def _judge_length(self, n_bytes: int) -> None:
        per_second = self._format.frame_bytes * self._format.rate_hz
        if n_bytes < self._format.frame_bytes:
            raise FileError(f"{self.name}: has no sound data, it ends after its header")
        if self._promised is not None and n_bytes < self._promised:
            self.warnings.append(
                f"{self.name}: is cut short, its header promises {self._promised / per_second:.1f} s of sound "
                f"and it holds {n_bytes / per_second:.1f} s"
            )


class RawClip:
    """Bare 16 kHz mono s16le as a clip; a torn last byte is ignored. See `Clip` and `open_raw`."""

    live: bool
    name: str

    def __init__(self, source: Source) -> None:
        self.name, self.live = source.name, source.live
        self.warnings: list[str] = []
        self.duration_s: float | None = None
        self._source = source
        self._torn = b""
        self._heard = False
        if not source.live:
            n_bytes = source.remaining()
            if n_bytes < WIRE_IN.frame_bytes:
                raise FileError(f"{self.name}: is empty, there is no sound in it")
            self.duration_s = WIRE_IN.seconds_in(n_bytes)

    def read(self) -> bytes:  # noqa: D102 - Clip.read
        pcm = self._torn
        while len(pcm) < WIRE_IN.frame_bytes:
            piece = self._source.some(WIRE_IN.rate_hz * WIRE_IN.frame_bytes // _BLOCKS_PER_S)
            if not piece:
                if not self._heard:
                    raise FileError(f"{self.name}: is empty, there is no sound in it")
                return b""
            pcm += piece
        self._heard = True
        whole = len(pcm) - len(pcm) % WIRE_IN.frame_bytes
        self._torn = pcm[whole:]
        return pcm[:whole]

    def close(self) -> None:  # noqa: D102 - Clip.close
        self._source.close()


def open_wav(source: str | os.PathLike[str] | IO[bytes], *, name: str | None = None) -> WavClip:
    """
    Open a WAV and read its header.

    Takes PCM of 8, 16, 24 or 32 bits and IEEE float of 32 or 64, plain or extensible, any number of channels,
    4 to 192 kHz. Sound cut short is played as far as it goes, and `warnings` tells.

    Args:
        source: a path, `-` for standard input, or a binary stream, which stays the caller's to close.
        name: what messages call it; the path by default.

    Blocks until the header is there. That a pipe holds no sound at all shows in the first `read`.

    Raises:
        FileError: missing, unreadable, not a WAV, or one that cannot be played.
    """
    opened = open_source(source, name)
    try:
        return WavClip(opened, *find_sound(opened))
    except BaseException:
        opened.close()
        raise


def open_raw(source: str | os.PathLike[str] | IO[bytes], *, name: str | None = None) -> RawClip:
    """
    Open bare 16 kHz mono s16le; arguments and errors as for `open_wav`. Does not wait for a pipe's first byte.

    Raises:
        FileError: missing, unreadable, or an empty file.
    """
    opened = open_source(source, name)
    try:
        return RawClip(opened)
    except BaseException:
        opened.close()
        raise
