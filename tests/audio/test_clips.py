"""WAV files of every kind that programs write, and of every kind that is none."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.audio.clips import Clip, open_raw, open_wav
from flashlive_cli.errors import FileError

MakeWav = Callable[..., bytes]

ENCODINGS = [  # format code, bits, container bytes
    (1, 8, 1),
    (1, 16, 2),
    (1, 12, 2),
    (1, 24, 3),
    (1, 20, 3),
    (1, 24, 4),
    (1, 32, 4),
    (3, 32, 4),
    (3, 64, 8),
]


class _Pipe(io.RawIOBase):
    """Bytes that come in small pieces and cannot be sought."""

    def __init__(self, content: bytes, piece: int) -> None:
        self._stream, self._piece = io.BytesIO(content), piece

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(min(size, self._piece))


def pipe(content: bytes, piece: int = 7) -> IO[bytes]:
    return cast("IO[bytes]", _Pipe(content, piece))


def sound(clip: Clip) -> bytes:
    pieces = []
    while piece := clip.read():
        pieces.append(piece)
    clip.close()
    return b"".join(pieces)


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, "<i2")


def encode(x: np.ndarray, code: int, container_bytes: int) -> bytes:
    if code == 3:
        return bytes(x.astype(f"<f{container_bytes}").tobytes())
    if container_bytes == 1:
        return bytes((np.rint(x * 127) + 128).astype(np.uint8).tobytes())
    wide = np.rint(x * (2.0 ** (8 * container_bytes - 1) - 1)).astype("<i8")
    return bytes(wide.view(np.uint8).reshape(-1, 8)[:, :container_bytes].tobytes())


def sine(n: int, rate_hz: int = 16_000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(n) / rate_hz)


RAMP = np.arange(-3000, 3000, dtype="<i2").tobytes()


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("code", "bits", "container_bytes"), ENCODINGS)
def test_every_encoding_gives_the_same_sound(
    code: int, bits: int, container_bytes: int, extensible: bool, make_wav: MakeWav
) -> None:
    x = sine(5000)
    wav = make_wav(
        encode(x, code, container_bytes),
        code=code, bits=bits, container_bytes=container_bytes, extensible=extensible,
    )  # fmt: skip
    heard = samples(sound(open_wav(io.BytesIO(wav))))
    tolerance = 300 if bits == 8 else 2
    np.testing.assert_allclose(heard, x * 32768, atol=tolerance)


def test_16_bit_at_16_khz_passes_untouched(make_wav: MakeWav) -> None:
    assert sound(open_wav(io.BytesIO(make_wav(RAMP)))) == RAMP
    assert sound(open_wav(pipe(make_wav(RAMP)))) == RAMP


@pytest.mark.parametrize("rate_hz", [4000, 8000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_comes_out_at_16_khz(rate_hz: int, make_wav: MakeWav) -> None:
    x = sine(rate_hz, rate_hz)
    clip = open_wav(io.BytesIO(make_wav(encode(x, 1, 2), rate_hz=rate_hz)))
    assert clip.duration_s == 1.0
    heard = samples(sound(clip))
    assert heard.size == 16_000
    np.testing.assert_allclose(heard[500:-500], (sine(16_000) * 32768)[500:-500], atol=20)


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_mixed_by_their_mean(channels: int, make_wav: MakeWav) -> None:
    frames = np.tile(np.arange(1, channels + 1, dtype="<i2") * 1000, 2000).tobytes()
    heard = samples(sound(open_wav(pipe(make_wav(frames, channels=channels), piece=1001))))
    assert heard.size == 2000
    np.testing.assert_allclose(heard, 1000 * (channels + 1) / 2, atol=1)


def test_floats_that_are_no_numbers_are_silent_and_loud_ones_clipped(make_wav: MakeWav) -> None:
    floats = np.array([np.nan, np.inf, -np.inf, 7.0, -7.0, 1e300, 0.25], "<f8").tobytes()
    heard = samples(sound(open_wav(io.BytesIO(make_wav(floats, code=3, bits=64)))))
    assert heard.tolist() == [0, 0, 0, 32767, -32768, 32767, 8192]


def test_chunks_come_in_any_order_with_padding(make_wav: MakeWav, make_chunk: Callable[..., bytes]) -> None:
    odd = make_chunk(b"LIST", b"INFO of odd length.")
    wav = make_wav(RAMP, before=odd + make_chunk(b"JUNK", bytes(28)), after=odd)
    assert sound(open_wav(io.BytesIO(wav))) == RAMP
    assert sound(open_wav(pipe(wav))) == RAMP

    fmt = wav[wav.index(b"fmt ") : wav.index(b"data")]
    late = b"RIFF\0\0\0\0WAVE" + make_chunk(b"data", RAMP) + odd + fmt
    assert sound(open_wav(io.BytesIO(late))) == RAMP
    with pytest.raises(FileError, match="as a file"):
        open_wav(pipe(late))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFF00, 0x7FFFF000])
def test_a_streamed_header_means_to_the_end(size: int, make_wav: MakeWav) -> None:
    for stream in (io.BytesIO, pipe):
        clip = open_wav(stream(make_wav(RAMP, data_size=size)))
        assert sound(clip) == RAMP
        assert clip.warnings == []


def test_sound_that_is_cut_short_is_played_as_far_as_it_goes(make_wav: MakeWav) -> None:
    for stream in (io.BytesIO, pipe):
        clip = open_wav(stream(make_wav(RAMP[:-1], data_size=64_000)[:-1]), name="cut.wav")
        assert sound(clip) == RAMP[:-2]
        assert "cut.wav: is cut short, its header promises 2.0 s" in clip.warnings[0]
    whole = open_wav(io.BytesIO(make_wav(RAMP)))
    sound(whole)
    assert whole.warnings == []


BROKEN = {
    "empty": (b"", "is empty"),
    "mp3": (b"ID3\x04" + bytes(60), r"MP3.*ffmpeg -i x\.wav"),
    "bare mp3": (b"\xff\xfb\x90\x64" + bytes(60), "MP3"),
    "ogg": (b"OggS" + bytes(60), "Ogg.*ffmpeg"),
    "flac": (b"fLaC" + bytes(60), "FLAC.*ffmpeg"),
    "m4a": (b"\0\0\0\x20ftypM4A " + bytes(60), "M4A.*ffmpeg"),
    "text": (b"hello world, I am text", "not a WAV file.*ffmpeg"),
    "rf64": (b"RF64\xff\xff\xff\xffWAVEds64" + bytes(60), "RF64.*ffmpeg"),
    "rifx": (b"RIFX\0\0\0\0WAVEfmt " + bytes(60), "RIFX"),
    "avi": (b"RIFF\0\0\0\0AVI LIST" + bytes(60), "not a WAV"),
    "torn": (b"RIFF\0\0", "middle of its header"),
    "torn chunk": (b"RIFF\0\0\0\0WAVEfmt", "middle of its header"),
    "torn fmt": (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0", "fmt"),
    "short fmt": (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0data\x02\0\0\0\0\0", "fmt"),
    "no fmt": (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\0\0\0\0", "fmt"),
    "zeros": (b"RIFF\0\0\0\0WAVE" + bytes(100_000), "does not end"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_wav_is_refused_when_opened(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.wav").write_bytes(content)
    with pytest.raises(FileError, match=words) as caught:
        open_wav("x.wav")
    assert str(caught.value).startswith("x.wav: ")
    assert "\n" not in str(caught.value)
    if "fmt" not in words:
        with pytest.raises(FileError, match=words.partition(r" -i x")[0]):
            open_wav(pipe(content))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"code": 2, "bits": 4}, r"ADPCM \(format 2\)"),
        ({"code": 0x55}, "MP3"),
        ({"code": 6, "bits": 8}, "A-law"),
        ({"code": 7, "bits": 8, "extensible": True}, "mu-law"),
        ({"code": 0x1234}, "unknown.*4660"),
        ({"rate_hz": 0}, "claims 0 Hz"),
        ({"rate_hz": 3_000_000}, "claims 3000000 Hz"),
        ({"channels": 0}, "0 channels"),
        ({"bits": 0}, "0-bit"),
        ({"bits": 64}, "64-bit integer"),
        ({"code": 3, "bits": 16}, "16-bit float"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(fields: dict[str, int], words: str, make_wav: MakeWav) -> None:
    with pytest.raises(FileError, match=words):
        open_wav(io.BytesIO(make_wav(RAMP, **fields)))


@pytest.mark.parametrize("after", [b"", b"LIST\x04\0\0\0INFO"])
@pytest.mark.parametrize("content", [b"", b"\1"])
def test_a_wav_without_sound_is_refused(content: bytes, after: bytes, make_wav: MakeWav) -> None:
    wav = make_wav(content, data_size=0, after=after) if not content else make_wav(content)
    with pytest.raises(FileError, match="no sound data"):
        open_wav(io.BytesIO(wav))
    if not after:
        with pytest.raises(FileError, match="no sound data"):
            open_wav(pipe(wav)).read()


def test_an_extensible_format_with_a_strange_guid_is_refused(make_wav: MakeWav) -> None:
    wav = bytearray(make_wav(RAMP, extensible=True))
    wav[wav.index(b"\x00\x00\x00\x00\x10\x00\x80")] ^= 1
    with pytest.raises(FileError, match="unknown"):
        open_wav(io.BytesIO(wav))


@pytest.mark.parametrize(
    ("path", "words"),
    [("nowhere.wav", "no such file"), (".", "directory"), ("a\0b", "null"), ("nowhere/x.wav", "no such file")],
)
@pytest.mark.parametrize("opener", [open_wav, open_raw])
def test_paths_that_cannot_be_read(
    opener: Callable[[str], Clip], path: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match=words):
        opener(path)


class Unreadable(io.BytesIO):
    def read1(self, size: int | None = -1, /) -> bytes:
        raise PermissionError(13, "Permission denied")


def test_a_file_that_may_not_be_read() -> None:
    with pytest.raises(FileError, match=r"secret\.wav: cannot be read: permission denied"):
        open_wav(Unreadable(b"x"), name="secret.wav")


def test_a_terminal_is_no_file() -> None:
    far, near = os.openpty()
    try:
        with pytest.raises(FileError, match="is a terminal"):
            open_raw(os.ttyname(near))
    finally:
        os.close(far)
        os.close(near)


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2Jb.wav"
    path.write_bytes(b"ID3")
    with pytest.raises(FileError) as caught:
        open_wav(path)
    assert "\x1b" not in str(caught.value)
    assert r"a\x1b[2Jb.wav: " in str(caught.value)


def test_a_stream_handed_in_stays_open(make_wav: MakeWav) -> None:
    stream = io.BytesIO(make_wav(RAMP))
    sound(open_wav(stream))
    assert not stream.closed


def test_a_real_pipe_gives_what_it_has(make_wav: MakeWav) -> None:
    """The first part is heard while the writer is still thinking about the second."""
    out, into = os.pipe()
    with io.FileIO(out) as stream:
        wav = make_wav(RAMP, data_size=0xFFFFFFFF)
        os.write(into, wav[:1044])
        clip = open_wav(stream, name="pipe")
        assert clip.live
        assert clip.duration_s is None
        assert clip.read() == RAMP[:1000]
        os.write(into, wav[1044:])
        os.close(into)
        assert RAMP[:1000] + sound(clip) == RAMP


def test_raw_sound_passes_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(RAMP + b"\1")
    clip = open_raw(path)
    assert clip.duration_s == 6000 / 16_000
    assert sound(clip) == RAMP
    assert sound(open_raw(pipe(RAMP + b"\1"))) == RAMP


def test_raw_sound_that_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(b"")
    with pytest.raises(FileError, match="is empty"):
        open_raw(path)
    with pytest.raises(FileError, match="is empty"):
        open_raw(pipe(b"")).read()


def play_through(stream: IO[bytes]) -> None:
    try:
        heard = sound(open_wav(stream))
    except FileError:
        return
    assert len(heard) % 2 == 0


@given(content=st.binary(max_size=200), riff=st.booleans())
def test_arbitrary_bytes_are_played_or_refused(content: bytes, riff: bool) -> None:
    content = b"RIFF\0\0\0\0WAVE" + content if riff else content
    play_through(io.BytesIO(content))
    play_through(pipe(content))


@given(
    code=st.sampled_from([0, 1, 3, 0xFFFE, 0x55]),
    fields=st.tuples(
        st.integers(0, 65535), st.sampled_from([0, 1, 4000, 16_000, 44_100, 191_999, 2**32 - 1]),
        st.integers(0, 65535), st.sampled_from([0, 1, 8, 12, 16, 24, 32, 64, 65535]),
    ),
    extra=st.binary(max_size=40),
    size=st.integers(0, 2**32 - 1) | st.integers(0, 50),
    content=st.binary(max_size=300),
)  # fmt: skip
def test_arbitrary_headers_are_played_or_refused(
    code: int, fields: tuple[int, int, int, int], extra: bytes, size: int, content: bytes
) -> None:
    channels, rate_hz, block_bytes, bits = fields
    fmt = struct.pack("<HHIIHH", code, channels & 0xF, rate_hz, 0, block_bytes & 0x1F, bits) + extra
    wav = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + bytes(len(fmt) % 2)
    wav += b"data" + struct.pack("<I", size) + content
    play_through(io.BytesIO(wav))
    play_through(pipe(wav, piece=50))


def test_a_header_that_claims_gigabytes_is_given_no_room_for_them() -> None:
    """100 ms of 65535 channels of doubles at 192 kHz are 10 GB; a read without a buffer takes its room beforehand."""
    form = struct.pack("<HHIIHH", 3, 65_535, 192_000, 0, 0, 64)
    wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff" + bytes(65_535 * 8)
    asked: list[int] = []

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read1(self, size: int | None = -1) -> bytes:
            assert size is not None
            asked.append(size)
            return super().read1(size)

    clip = open_wav(Pipe(wav))
    while clip.read():
        pass

    assert 65_535 * 8 <= max(asked) <= 1 << 20
