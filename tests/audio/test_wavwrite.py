"""Files that are valid at any moment, and targets that cannot be."""

import io
import os
import stat
import struct
import threading
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.audio.clips import open_wav
from flashlive_cli.audio.wavwrite import create_wav
from flashlive_cli.errors import FileError, OutputFailed
from flashlive_cli.pcm import WIRE_IN, WIRE_OUT, PcmFormat

SOUND = bytes(range(256)) * 100


def read_back(source: str | io.BytesIO) -> bytes:
    with wave.open(source) as reader:
        assert (reader.getframerate(), reader.getsampwidth()) == (24_000, 2)
        return bytes(reader.readframes(reader.getnframes()))


def test_is_valid_from_the_start_and_after_every_sync(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    writer = create_wav(path, WIRE_OUT)
    assert read_back(str(path)) == b""
    for n in (1, 2):
        writer.write(SOUND)
        assert read_back(str(path)) == SOUND * (n - 1)
        writer.sync()
        assert read_back(str(path)) == SOUND * n
    writer.write(SOUND)
    writer.close()
    assert read_back(str(path)) == SOUND * 3
    content = path.read_bytes()
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8


def test_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    fresh, old = tmp_path / "fresh.wav", tmp_path / "old.wav"
    old.write_bytes(b"something longer than a header " * 10)
    old.chmod(0o644)
    for path in (fresh, old):
        create_wav(path, WIRE_OUT).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_size == 44


def test_stereo_headers_add_up(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    writer = create_wav(path, PcmFormat(16_000, 2))
    writer.write(bytes(4000))
    writer.close()
    with wave.open(str(path)) as reader:
        assert reader.getparams()[:4] == (2, 2, 16_000, 1000)


def test_a_stream_in_memory_is_patched_where_it_began() -> None:
    stream = io.BytesIO(b"before")
    stream.seek(0, os.SEEK_END)
    writer = create_wav(stream, WIRE_OUT)
    writer.write(SOUND)
    writer.close()
    assert stream.getvalue()[:6] == b"before"
    assert read_back(io.BytesIO(stream.getvalue()[6:])) == SOUND


def test_a_pipe_gets_sizes_that_mean_to_the_end() -> None:
    out, into = os.pipe()
    with io.FileIO(into, "wb") as stream:
        writer = create_wav(stream, WIRE_OUT)
        writer.write(SOUND[:1000])
        writer.sync()
        writer.close()
        assert not stream.closed
    with io.BufferedReader(io.FileIO(out)) as reader:
        content = reader.read()
    assert content[44:] == SOUND[:1000]
    assert content[4:8] == content[40:44] == b"\xff" * 4


def test_a_non_blocking_pipe_is_waited_for() -> None:
    """Some parents (node) hand their children non-blocking pipes."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    pieces: list[bytes] = []
    with io.FileIO(into, "wb") as stream, io.BufferedReader(io.FileIO(out)) as reader:
        writer = create_wav(stream, WIRE_OUT)
        drain = threading.Thread(target=lambda: pieces.append(reader.read(44 + 10 * len(SOUND))), name="reader")
        drain.start()
        for _ in range(10):
            writer.write(SOUND)
        drain.join()
    assert pieces[0][44:] == SOUND * 10


def test_a_file_opened_to_append_is_not_patched(tmp_path: Path) -> None:
    """`flashlive talk -o - >> all.wav`: a seek would not keep the header from landing at the end."""
    path = tmp_path / "x.wav"
    with path.open("ab") as stream:
        writer = create_wav(stream, WIRE_OUT)
        writer.write(SOUND)
        writer.close()
    assert path.stat().st_size == 44 + len(SOUND)
    assert path.read_bytes()[40:44] == b"\xff" * 4


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere/x.wav", "there is no directory nowhere"),
        (".", "is a directory"),
        ("/proc/x.wav", "/proc/x.wav: cannot be created"),
        ("/dev/full", "/dev/full: cannot be created: No space left"),
        ("a\0b.wav", "null"),
        ("a\x1b[2Jb/x.wav", r"a\\x1b\[2Jb"),
    ],
)
def test_what_cannot_be_created_is_refused_when_opened(
    path: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match=words) as caught:
        create_wav(path, WIRE_OUT)
    assert "\n" not in str(caught.value)


class SmallDisk(io.BytesIO):
    """Takes `room` bytes, then is full, but lets what is there be rewritten."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, piece) -> int:
        left = self.room - self.tell()
        if left <= 0:
            raise OSError(28, "No space left on device")
        return super().write(piece[:left])


def test_a_full_disk_keeps_what_it_took() -> None:
    disk = SmallDisk(44 + 1001)
    writer = create_wav(disk, WIRE_OUT, name="x.wav")
    with pytest.raises(OutputFailed, match=r"x\.wav: takes no more sound: No space left on device"):
        writer.write(SOUND)
    writer.close()
    assert read_back(io.BytesIO(disk.getvalue())) == SOUND[:1000]


def test_a_stream_that_is_known_by_its_descriptor_alone_is_not_called_by_its_number() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as stream:
        writer = create_wav(stream, WIRE_OUT)
        os.close(reading)
        with pytest.raises(OutputFailed, match=r"^the output stream: takes no more sound: Broken pipe"):
            writer.write(SOUND)


def test_a_closed_stream_is_an_output_that_failed() -> None:
    stream = io.BytesIO()
    writer = create_wav(stream, WIRE_OUT)
    stream.close()
    with pytest.raises(OutputFailed, match="closed file"):
        writer.write(SOUND)
    with pytest.raises(FileError, match="closed file"):
        create_wav(stream, WIRE_OUT)


@given(pieces=st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=8), n_lost=st.integers(0, 400))
def test_what_was_written_is_read_back_to_where_the_file_was_cut(pieces: list[tuple[bytes, bool]], n_lost: int) -> None:
    """As after a crash of the machine: the header speaks of sound that never reached the disk, or of less than did."""
    file = io.BytesIO()
    writer = create_wav(file, WIRE_IN)
    written, announced = b"", 0
    for piece, synced in pieces:
        whole = piece[: len(piece) // 2 * 2]
        writer.write(whole)
        written += whole
        if synced:
            writer.sync()
            announced = len(written)
    n_kept = max(0, len(written) - n_lost)
    left = io.BytesIO(file.getvalue()[: 44 + n_kept])
    promised = written[: min(announced or n_kept, n_kept) // 2 * 2]  # a size of 0 means: to the end

    if not promised:
        with pytest.raises(FileError, match=r"no sound|is empty"):
            open_wav(left)
        return
    clip = open_wav(left)
    assert b"".join(iter(clip.read, b"")) == promised
    assert bool(clip.warnings) is (announced > n_kept)
