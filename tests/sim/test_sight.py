"""What the simulator takes for a picture."""

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.sim import sight
from flashlive_cli.sim.sight import Picture, Unreadable, described, look_at


def picture(width: int = 96, height: int = 64, colour: tuple[int, int, int] = (30, 30, 220)):
    """A frame of one colour (blue, green, red) with a little noise."""
    frame = np.full((height, width, 3), colour, np.int16)
    return (frame + np.random.default_rng(1).integers(-20, 20, frame.shape)).clip(0, 255).astype(np.uint8)


def encoded(suffix: str, *options: int, **frame) -> bytes:
    return cv2.imencode(suffix, picture(**frame), list(options))[1].tobytes()


JPEG = encoded(".jpg")
FILES = {
    "jpeg": ("image/jpeg", JPEG),
    "progressive jpeg": ("image/jpeg", encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "jpeg with restarts": ("image/jpeg", encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2)),
    "png": ("image/png", encoded(".png")),
    "webp": ("image/webp", encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 70)),
    "lossless webp": ("image/webp", encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)),
}
files = pytest.mark.parametrize(("mime", "image"), FILES.values(), ids=FILES)


def png(header: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in ((b"IHDR", header), *parts, (b"IEND", b"")))


def header(width: int, height: int, depth: int = 8, kind: int = 2, interlaced: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)


@files
def test_what_opencv_writes_is_a_picture(mime: str, image: bytes) -> None:
    assert look_at(image, mime) == Picture(mime, 96, 64, "red")


@files
def test_without_opencv_the_structure_is_looked_at_all_the_same(mime: str, image: bytes, monkeypatch) -> None:
    monkeypatch.setattr(sight, "can_decode", lambda: False)

    assert look_at(image, mime) == Picture(mime, 96, 64)
    with pytest.raises(Unreadable):
        look_at(image[:-10], mime)


@files
@pytest.mark.parametrize("left", [0.02, 0.3, 0.7, 0.99])
def test_what_is_cut_short_is_none(mime: str, image: bytes, left: float, monkeypatch) -> None:
    """The structure tells it: OpenCV takes many of these, and greys what is missing."""
    monkeypatch.setattr(sight, "can_decode", lambda: False)

    with pytest.raises(Unreadable):
        look_at(image[: int(len(image) * left)], mime)


@pytest.mark.parametrize(
    ("mime", "image", "words"),
    [
        ("image/png", JPEG, "said to be image/png, and is image/jpeg"),
        ("image/jpeg", b"", "no image/jpeg"),
        ("image/jpeg", b"GIF89a", "no image/jpeg"),
        ("image/jpeg", b"\xff\xd8\xff\xd9", "without a size"),
        ("image/jpeg", JPEG.replace(b"\xff\xdb", b"\xff\xe5"), "without tables"),
        ("image/jpeg", JPEG[:2] + b"\0" + JPEG[2:], "no image/jpeg"),
        ("image/png", png(header(0, 4), (b"IDAT", b"")), "0 by 4 pixels"),
        ("image/png", png(header(4, 99_999), (b"IDAT", b"")), "4 by 99999 pixels"),
        ("image/png", png(header(16_384, 16_384), (b"IDAT", b"garbage")), "16384 by 16384 pixels"),
        ("image/jpeg", JPEG.replace(b"\0\x40\0\x60", b"\x40\0\x40\0"), "16384 by 16384 pixels"),
        ("image/webp", FILES["webp"][1].replace(b"\x60\0\x40\0", b"\xff\x3f\xff\x3f"), "16383 by 16383 pixels"),
        ("image/png", png(header(4, 4, depth=3), (b"IDAT", b"")), "of a kind that there is not"),
        ("image/png", png(header(4, 4), (b"IDAT", b"garbage")), "cannot be unpacked"),
        ("image/png", png(header(4, 4), (b"IDAT", zlib.compress(bytes(51)))), "too many or too few"),
        ("image/png", png(header(4, 4), (b"IDAT", zlib.compress(bytes(10**7)))), "too many or too few"),
        ("image/png", png(header(4, 4, kind=3), (b"IDAT", zlib.compress(bytes(20)))), "without its palette"),
        ("image/webp", b"RIFF\4\0\0\0WEBP", "without a picture"),
    ],
)
def test_what_is_wrong_is_said(mime: str, image: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        look_at(image, mime)


def test_a_picture_that_claims_a_heap_of_pixels_is_refused_before_it_is_unpacked(monkeypatch) -> None:
    """Seven kilobytes of zeros, packed twice, would come to the gigabyte that the header tells of."""
    monkeypatch.setattr(zlib, "decompressobj", pytest.fail)

    with pytest.raises(Unreadable, match="16384 by 16384 pixels"):
        look_at(png(header(16_384, 16_384, depth=16, kind=6), (b"IDAT", zlib.compress(bytes(10**6)))), "image/png")


def test_the_largest_there_may_be_is_unpacked_in_pieces(monkeypatch) -> None:
    """130 MB of pixels; no more than some of them are kept at a time."""
    monkeypatch.setattr(sight, "can_decode", lambda: False)
    packer = zlib.compressobj(1)
    line = bytes(1 + 4 * 7680)
    packed = b"".join(packer.compress(line) for _ in range(4320)) + packer.flush()
    image = png(header(7680, 4320, kind=6), (b"IDAT", packed))

    tracemalloc.start()
    try:
        assert look_at(image, "image/png") == Picture("image/png", 7680, 4320)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_a_broken_byte_of_a_png_is_found() -> None:
    image = bytearray(FILES["png"][1])
    image[len(image) // 2] ^= 1

    with pytest.raises(Unreadable, match="broken part"):
        look_at(bytes(image), "image/png")


def test_an_interlaced_png_is_counted_pass_by_pass(monkeypatch) -> None:
    monkeypatch.setattr(sight, "can_decode", lambda: False)
    # 5 by 3 pixels of 3 bytes: the passes have 1x1, 1x1, 2x1 (none of pass 3), 3x1, 2x2 and 5x1 of them
    sizes = [(1, 1), (1, 1), (0, 0), (1, 1), (3, 1), (2, 2), (5, 1)]
    raw = sum(rows * (1 + 3 * columns) for columns, rows in sizes if columns)

    assert look_at(png(header(5, 3, interlaced=1), (b"IDAT", zlib.compress(bytes(raw)))), "image/png").width == 5
    with pytest.raises(Unreadable):
        look_at(png(header(5, 3, interlaced=1), (b"IDAT", zlib.compress(bytes(raw - 1)))), "image/png")


@given(st.sampled_from(list(FILES.values())), st.integers(0, 10**6), st.binary(max_size=8))
def test_whatever_the_bytes_are_it_is_a_picture_or_unreadable(file: tuple[str, bytes], at: int, put: bytes) -> None:
    mime, image = file
    at %= len(image)
    changed = image[:at] + put + image[at + len(put) :]

    try:
        found = look_at(changed, mime)
    except Unreadable:
        return
    assert found.width > 0


@given(st.binary(max_size=200), st.sampled_from(["image/jpeg", "image/png", "image/webp"]))
def test_arbitrary_bytes_are_unreadable_at_worst(body: bytes, mime: str) -> None:
    begins = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF\x20\0\0\0WEBP"}

    for image in (body, begins[mime] + body):
        with pytest.raises(Unreadable):
            look_at(image, mime)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((20, 20, 220), "red"), ((220, 30, 30), "blue"), ((30, 200, 30), "green"), ((20, 220, 220), "yellow"),
        ((20, 130, 230), "orange"), ((220, 220, 30), "cyan"), ((220, 30, 160), "purple"), ((10, 10, 10), "black"),
        ((128, 128, 128), "grey"), ((250, 250, 250), "white"), ((60, 20, 220), "red"),
    ],
)  # fmt: skip
def test_the_colour_is_named(colour: tuple[int, int, int], name: str) -> None:
    assert look_at(encoded(".jpg", colour=colour), "image/jpeg").colour == name


def test_pictures_are_described() -> None:
    one, other = Picture("image/jpeg", 768, 432, "blue"), Picture("image/png", 4, 3)

    assert described(()) == ""
    assert described((one,)) == "I see a picture of 768 by 432, mostly blue."
    assert described((one, other)) == "I see 2 pictures, the last of 4 by 3."
