"""
The header of a WAV file: read strictly enough to play no noise, leniently enough for what programs really write.

The standard library's `wave` refuses float samples, WAVE_FORMAT_EXTENSIBLE and pipes; hence a parser of our own.
Chunks are walked in whatever order they come. `find_sound` leaves the source at the first byte of sound.
"""

import contextlib
import io
import os
import select
import shlex
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable

MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 192_000

STREAMED_SIZE: Final = 0x7FFF_0000
"""
Sizes from here up mean "unknown when the header was written": ffmpeg says 0xffffffff, arecord 0x7fffff00, sox
0x7ffff000. GStreamer says 0.
"""

_MAX_CHUNKS: Final = 1000
"""Far more than any program writes; a file of zeros after a good start would otherwise be walked to its end."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SUB_FORMAT_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the two bytes of format code in the GUIDs of mmreg.h."""

_CODECS: Final = {
    0x0002: "ADPCM",
    0x0006: "A-law",
    0x0007: "mu-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0050: "MPEG",
    0x0055: "MP3",
    0x00FF: "AAC",
    0x0161: "WMA",
    0x1610: "AAC",
    0x674F: "Vorbis",
    0x704F: "Opus",
    0xF1AC: "FLAC",
}

_COMPANIONS: Final = frozenset(
    {b"LIST", b"id3 ", b"ID3 ", b"bext", b"fact", b"cue ", b"JUNK", b"PEAK", b"smpl", b"iXML"}
)
"""Chunks that commonly follow the sound."""

_KNOWN_STARTS: Final = (
    (0, b"ID3", "an MP3 file"),
    (0, b"\xff\xfb", "an MP3 file"),
    (0, b"\xff\xf3", "an MP3 file"),
    (0, b"\xff\xf2", "an MP3 file"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"\xff\xf9", "an AAC file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"fLaC", "a FLAC file"),
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"FORM", "an AIFF file"),
    (0, b"caff", "a CAF file"),
    (0, b".snd", "an AU file"),
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"RF64", "an RF64 file (a WAV beyond 4 GB)"),
    (0, b"BW64", "a BW64 file (a WAV beyond 4 GB)"),
    (0, b"RIFX", "a big-endian WAV (RIFX)"),
)


class Source:
    """
    A file or pipe to read from, with its name for messages and its errors turned into `FileError`.

    Reads are unbuffered where the stream allows, so that a live pipe gives what it has. They block.

    Attributes:
        name: printable, for messages.
        live: whether it is a pipe or device, where what is not read now comes later and cannot be sought.
    """

    def __init__(self, stream: IO[bytes], name: str, *, ours: bool) -> None:
        self.name = printable(name)
        self._stream = stream
        self._ours = ours
        self.live = not _is_file(stream)

    def some(self, n_bytes: int) -> bytes:
        """Wait for at least one byte and return up to `n_bytes`; `b""` at the end."""
        read = getattr(self._stream, "read1", self._stream.read)
        with self._mapped():
            while (piece := read(n_bytes)) is None:  # somebody made the pipe non-blocking
                select.select([self._stream], [], [])
        return bytes(piece)

    def exactly(self, n_bytes: int) -> bytes:
        """Wait for `n_bytes`; fewer only at the end."""
        pieces = bytearray()
        while len(pieces) < n_bytes and (piece := self.some(n_bytes - len(pieces))):
            pieces += piece
        return bytes(pieces)

    def skip(self, n_bytes: int) -> None:
        """Pass over `n_bytes`, or to the end."""
        if not self.live:
            with self._mapped():
                self._stream.seek(n_bytes, os.SEEK_CUR)
            return
        while n_bytes > 0 and (piece := self.some(min(n_bytes, 1 << 16))):
            n_bytes -= len(piece)

    def position(self) -> int:
        """Byte position of a file that is not live."""
        with self._mapped():
            return self._stream.tell()

    def seek(self, position: int) -> None:
        """Go to a byte position of a file that is not live, perhaps past its end."""
        with self._mapped():
            self._stream.seek(position)

    def remaining(self) -> int:
        """Bytes that follow in a file that is not live."""
        with self._mapped():
            here = self._stream.tell()
            end = self._stream.seek(0, os.SEEK_END)
            self._stream.seek(here)
        return max(0, end - here)

    def peek(self, n_bytes: int) -> bytes:
        """Up to `n_bytes` that follow in a file that is not live, without taking them."""
        here = self.position()
        ahead = self.exactly(n_bytes)
        self.seek(here)
        return ahead

    def close(self) -> None:
        """Close what was opened here; a stream that was handed in stays open."""
        if self._ours:
            with contextlib.suppress(OSError):
                self._stream.close()

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as exc:  # ValueError: the stream was closed
            raise FileError(f"{self.name}: cannot be read: {reason(exc)}") from exc


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """
    How the sound of a WAV is written down.

    Attributes:
        rate_hz: frames per second.
        channels: samples per frame.
        sample_bytes: container of one sample.
        is_float: IEEE float; otherwise integers, unsigned in one byte and signed in more.
    """

    rate_hz: int
    channels: int
    sample_bytes: int
    is_float: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.channels * self.sample_bytes


def open_source(source: str | os.PathLike[str] | IO[bytes], name: str | None) -> Source:
    """
    Open a path, `-` for standard input, or take a binary stream as it is.

    Standard input is read past `sys.stdin`: its buffer has a lock which a thread left waiting there would hold
    when the interpreter shuts down, and that is a fatal error.

    Raises:
        FileError: it is missing, a directory, a terminal, or not readable.
    """
    if not isinstance(source, str | os.PathLike):
        return Source(source, name or str(getattr(source, "name", "the sound stream")), ours=False)
    is_stdin = source == "-"
    name = name or ("standard input" if is_stdin else os.fspath(source))
    try:
        stream = io.FileIO(0, closefd=False) if is_stdin else io.FileIO(source)
    except (OSError, ValueError) as exc:
        raise FileError(f"{printable(name)}: {reason(exc)}") from exc
    if stream.isatty():
        stream.close()
        raise FileError(f"{printable(name)}: is a terminal; pipe sound into it, or name a WAV file")
    return Source(stream, name, ours=True)


def find_sound(source: Source) -> tuple[SoundFormat, int | None]:
    """
    Read up to the first byte of sound; return its format and how many bytes the header promises.

    None instead of a number means "to the end": the writer could not know. Blocks as long as a pipe does.

    Raises:
        FileError: not a WAV, damaged, compressed, or without sound; the message says what to do.
    """
    start = source.exactly(12)
    if not start:
        raise FileError(f"{source.name}: is empty, there is no sound in it")
    if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
        raise FileError(_not_a_wav(source, start))
    sound_format: SoundFormat | None = None
    sound: tuple[int, int] | None = None  # position and size of a `data` that came before its `fmt `
    for _ in range(_MAX_CHUNKS):
        head = source.exactly(8)
        if len(head) < 8:
            raise FileError(_ended_early(source, torn=bool(head), has_format=sound_format is not None))
        kind, size = struct.unpack("<4sI", head)
        if kind == b"fmt ":
            sound_format = _read_format(source, size)
            if sound:
                source.seek(sound[0])
                return sound_format, sound[1]
        elif kind == b"data" and sound_format and not _really_empty(source, size):
            return sound_format, None if size == 0 or size >= STREAMED_SIZE else size
        elif kind == b"data" and not sound_format and source.live:
            raise FileError(
                f"{source.name}: has its format after its sound, which a pipe cannot be asked twice for; "
                "give it as a file"
            )
        else:
            if kind == b"data" and size and not sound:
                sound = (source.position(), size)
            source.skip(size + size % 2)
    raise FileError(f"{source.name}: is damaged, its header does not end")


def _really_empty(source: Source, size: int) -> bool:
    """Whether a `data` chunk of size 0 means it: then a file goes on with a chunk of some other well-known kind."""
    return size == 0 and not source.live and source.peek(4) in _COMPANIONS


def _read_format(source: Source, size: int) -> SoundFormat:
    body = source.exactly(min(size, 40))
    if len(body) < 16 or len(body) < min(size, 40):
        raise FileError(f"{source.name}: ends early or is damaged in its `fmt ` chunk")
    source.skip(size + size % 2 - len(body))
    code, channels, rate_hz, _, block_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if code == _EXTENSIBLE:
        if len(body) < 40:
            raise FileError(f"{source.name}: is damaged, its extensible `fmt ` chunk is too short")
        code = struct.unpack_from("<H", body, 24)[0] if body[26:40] == _SUB_FORMAT_TAIL else _EXTENSIBLE
    if code not in (_PCM, _FLOAT):
        codec = _CODECS.get(code, "an encoding unknown here")
        raise FileError(f"{source.name}: is compressed or unusual inside: {codec} (format {code}); {_convert(source)}")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise FileError(
            f"{source.name}: claims {rate_hz} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz can be used, {_convert(source)}"
        )
    if channels == 0:
        raise FileError(f"{source.name}: is damaged, it claims to have 0 channels")
    sample_bytes = -(-bits // 8)
    # fewer bits than their container, as 20 in 24 or 24 in 32, sit at its upper end: the rest is zeros
    if block_bytes % channels == 0 and block_bytes // channels > sample_bytes:
        sample_bytes = block_bytes // channels
    if bits == 0 or sample_bytes not in ((4, 8) if code == _FLOAT else (1, 2, 3, 4)):
        kind = "float" if code == _FLOAT else "integer"
        raise FileError(f"{source.name}: has {bits}-bit {kind} samples; {_convert(source)}")
    return SoundFormat(rate_hz, channels, sample_bytes, is_float=code == _FLOAT)


def _not_a_wav(source: Source, start: bytes) -> str:
    for offset, magic, what in _KNOWN_STARTS:
        if start[offset:].startswith(magic):
            return f"{source.name}: is {what}, not a plain WAV; {_convert(source)}"
    if start[:4] == b"RIFF" and len(start) < 12:
        return f"{source.name}: ends in the middle of its header"
    hint = "; or add --raw if it is bare s16le, 16 kHz, mono" if source.live else ""
    return f"{source.name}: is not a WAV file; {_convert(source)}{hint}"


def _ended_early(source: Source, *, torn: bool, has_format: bool) -> str:
    if torn:
        return f"{source.name}: ends in the middle of its header"
    if not has_format:
        return f"{source.name}: ends early, it has no `fmt ` chunk that says how it is encoded"
    return f"{source.name}: has no sound data, it ends after its header"


def _convert(source: Source) -> str:
    if source.live:
        return "convert it on the way: ffmpeg -i - -f wav -"
    return f"convert it: ffmpeg -i {shlex.quote(source.name)} -ar 16000 -ac 1 out.wav"


def reason(exc: OSError | ValueError) -> str:
    """Say in a few words why a file operation failed."""
    if isinstance(exc, FileNotFoundError):
        return "no such file"
    if isinstance(exc, IsADirectoryError):
        return "is a directory, not a file"
    if isinstance(exc, PermissionError):
        return "permission denied"
    return printable(reason_of(exc)) or type(exc).__name__


def _is_file(stream: IO[bytes]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError):  # no descriptor: io.BytesIO and the like
        return stream.seekable()
