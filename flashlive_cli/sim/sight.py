"""
Pictures that a client shows, looked at: the file is what it claims, it is all there, and it can be decoded.

The structure is checked here, of JPEG and WebP down to the compressed data, of PNG down to the last pixel. Where
OpenCV is installed (`flashlive-cli[video]`) it decodes the file, too, and says which colour there is most of; without
it, a JPEG whose structure is right passes although its compressed data may be garbage.

A kilobyte can claim a gigabyte of pixels. So the size is judged by the header, before anything is unpacked, and to look
is work for a thread: what remains costs a core up to half a second.
"""

import functools
import importlib.util
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_SIDE_PX: Final = 16_384
MOST_PIXELS: Final = 2**25
"""8K has 33 million; to decode as much takes 0.2 s and 150 MB."""
_AT_ONCE_BYTES: Final = 2**18
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Where each pass of an interlaced PNG begins, and how far apart its pixels are."""
_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_MARKER: Final = re.compile(rb"\xff(?=[^\x00\xd0-\xd7\xff])")
"""What ends compressed data: neither a stuffed byte nor a restart."""
_GREYISH: Final = 40
_HUES: Final = (
    (20, "red"),
    (45, "orange"),
    (70, "yellow"),
    (160, "green"),
    (200, "cyan"),
    (260, "blue"),
    (330, "purple"),
)


class Unreadable(Exception):
    """No picture, or not all of one; says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """
    One picture, as it was looked at.

    Attributes:
        mime_type: `image/jpeg`, `image/png` or `image/webp`.
        width: in pixels.
        height: in pixels.
        colour: that there is most of; None where nobody could decode it.
    """

    mime_type: str
    width: int
    height: int
    colour: str | None = None

    @property
    def words(self) -> str:
        """What it is, as it could be said."""
        return f"{self.width} by {self.height}" + (f", mostly {self.colour}" if self.colour else "")


def described(pictures: Sequence[Picture]) -> str:
    """Return what was seen, as it could be said; empty for nothing."""
    if not pictures:
        return ""
    if len(pictures) == 1:
        return f"I see a picture of {pictures[0].words}."
    return f"I see {len(pictures)} pictures, the last of {pictures[-1].words}."


def look_at(image: bytes, mime_type: str) -> Picture:
    """
    Look at a picture, in any thread; takes up to half a second.

    Args:
        image: the file.
        mime_type: what it is said to be, one of those of `Picture`.

    Raises:
        Unreadable: it is not that, or cannot be decoded.
    """
    for kind, (begins, measure) in _KINDS.items():
        if begins.match(image):
            if kind != mime_type:
                raise Unreadable(f"said to be {mime_type}, and is {kind}")
            width, height = measure(image)
            return Picture(kind, width, height, _decoded_colour(image, width, height))
    raise Unreadable(f"no {mime_type}")


def _bounded(width: int, height: int) -> tuple[int, int]:
    """Return a size, if a picture can have it."""
    if not (0 < width <= MOST_SIDE_PX and 0 < height <= MOST_SIDE_PX and width * height <= MOST_PIXELS):
        raise Unreadable(f"{width} by {height} pixels")
    return width, height


def _jpeg_size(image: bytes) -> tuple[int, int]:
    size: tuple[int, int] | None = None
    seen: set[int] = set()
    at = 2
    while True:
        marker, at = _jpeg_marker(image, at)
        if marker == 0xD9:
            break
        if marker in _JPEG_BARE:
            continue
        (length,) = _unpack(">H", image, at)
        if length < 2 or at + length > len(image):
            raise Unreadable("a JPEG that is cut short")
        seen.add(marker)
        if marker in _JPEG_FRAMES:
            _, height, width, components = _unpack(">BHHB", image, at + 2)
            if length != 8 + 3 * components:
                raise Unreadable("a JPEG with a broken frame header")
            size = _bounded(width, height)
        at += length
        if marker == 0xDA:
            at = _jpeg_scan_end(image, at)
    if size is None or not {0xDB, 0xC4, 0xDA} <= seen:
        raise Unreadable("a JPEG without " + ("a size" if size is None else "tables or data"))
    return size


def _jpeg_marker(image: bytes, at: int) -> tuple[int, int]:
    """Return the marker there, and where what follows it begins."""
    if image[at : at + 1] != b"\xff":
        raise Unreadable("a JPEG that is cut short" if at >= len(image) else "a JPEG with garbage between its parts")
    while image[at : at + 1] == b"\xff":
        at += 1
    if at >= len(image):
        raise Unreadable("a JPEG that is cut short")
    return image[at], at + 1


def _jpeg_scan_end(image: bytes, at: int) -> int:
    found = _JPEG_MARKER.search(image, at)
    if found is None:
        raise Unreadable("a JPEG that is cut short")
    if found.start() == at:
        raise Unreadable("a JPEG without data")
    return found.start()


def _png_size(image: bytes) -> tuple[int, int]:
    chunks = list(_png_chunks(image))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13 or chunks[-1][0] != b"IEND":
        raise Unreadable("a PNG without its beginning or its end")
    width, height, depth, kind, _, _, interlaced = _unpack(">IIBBBBB", chunks[0][1], 0)
    if depth not in _PNG_DEPTHS.get(kind, ()) or interlaced > 1:
        raise Unreadable("a PNG of a kind that there is not")
    _bounded(width, height)
    if kind == 3 and not any(name == b"PLTE" for name, _ in chunks):
        raise Unreadable("a PNG without its palette")
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    bits = depth * _PNG_CHANNELS[kind]
    expected = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + -(-columns * bits // 8))
    if _unpacked_bytes(b"".join(chunk for name, chunk in chunks if name == b"IDAT"), expected + 1) != expected:
        raise Unreadable("a PNG with too many or too few pixels")
    return width, height


def _unpacked_bytes(packed: bytes, most: int) -> int:
    """Count what comes of packed bytes, to no more than so many, without keeping it."""
    inflate = zlib.decompressobj()
    n_bytes = 0
    try:
        for at in range(0, len(packed), _AT_ONCE_BYTES):
            waiting = packed[at : at + _AT_ONCE_BYTES]
            while n_bytes < most:
                n_unpacked = len(inflate.decompress(waiting, min(_AT_ONCE_BYTES, most - n_bytes)))
                n_bytes += n_unpacked
                waiting = inflate.unconsumed_tail
                if not waiting and not n_unpacked:  # what it holds back comes with no more to eat
                    break
    except zlib.error as exc:
        raise Unreadable("a PNG whose pixels cannot be unpacked") from exc
    return n_bytes


def _png_chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at < len(image):
        length, name = _unpack(">I4s", image, at)
        chunk = image[at + 8 : at + 8 + length]
        (check,) = _unpack(">I", image, at + 8 + length)
        if zlib.crc32(name + chunk) != check:
            raise Unreadable("a PNG with a broken part")
        yield name, chunk
        at += 12 + length
        if name == b"IEND":
            return


def _webp_size(image: bytes) -> tuple[int, int]:
    (length,) = _unpack("<I", image, 4)
    if length + 8 > len(image):
        raise Unreadable("a WebP that is cut short")
    size: tuple[int, int] | None = None
    canvas: tuple[int, int] | None = None
    at = 12
    while at < length + 8:
        name, size_of_chunk = _unpack("<4sI", image, at)
        chunk = image[at + 8 : at + 8 + size_of_chunk]
        if len(chunk) < size_of_chunk:
            raise Unreadable("a WebP that is cut short")
        match name:
            case b"VP8X":
                canvas = _bounded(1 + int.from_bytes(chunk[4:7], "little"), 1 + int.from_bytes(chunk[7:10], "little"))
            case b"VP8 " if chunk[3:6] == b"\x9d\x01\x2a":
                width, height = _unpack("<HH", chunk, 6)
                size = _bounded(width & 0x3FFF, height & 0x3FFF)
            case b"VP8L" if chunk[:1] == b"\x2f":
                (packed,) = _unpack("<I", chunk, 1)
                size = _bounded(1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF))
            case b"ANMF" if len(chunk) > 16:
                size = size or canvas
            case _:
                pass
        at += 8 + size_of_chunk + size_of_chunk % 2
    if size is None:
        raise Unreadable("a WebP without a picture")
    return canvas or size


def _unpack(form: str, image: bytes, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(form, image, at)
    except struct.error:
        raise Unreadable("a picture that is cut short") from None


_KINDS: Final = {
    "image/jpeg": (re.compile(rb"\xff\xd8\xff"), _jpeg_size),
    "image/png": (re.compile(re.escape(_PNG)), _png_size),
    "image/webp": (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp_size),
}


@functools.cache
def can_decode() -> bool:
    """Whether there is something here that decodes pictures."""
    return importlib.util.find_spec("cv2") is not None


def _decoded_colour(image: bytes, width: int, height: int) -> str | None:
    """Decode a picture where that can be done, and say which colour there is most of."""
    if not can_decode():
        return None
    import cv2  # noqa: PLC0415 - a fifth of a second, for who is shown pictures
    import numpy as np  # noqa: PLC0415 - the same

    # at an eighth of the size a JPEG costs 2 ms, and all of its data is read all the same
    reduced = min(width, height) >= 64
    how = cv2.IMREAD_REDUCED_COLOR_8 if reduced else cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(np.frombuffer(image, np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise Unreadable("a picture that cannot be decoded")
    if not reduced and pixels.shape[:2] != (height, width):
        raise Unreadable("a picture of another size than it says")
    blue, green, red = (float(mean) for mean in pixels.reshape(-1, 3).mean(axis=0))
    return _colour_of(red, green, blue)


def _colour_of(red: float, green: float, blue: float) -> str:
    """Return the name of a colour, each part of it from 0 to 255."""
    most, least = max(red, green, blue), min(red, green, blue)
    if most - least < _GREYISH:
        return "black" if most < 64 else "white" if least > 192 else "grey"
    if most == red:
        hue = 60 * (green - blue) / (most - least) % 360
    elif most == green:
        hue = 60 * (blue - red) / (most - least) + 120
    else:
        hue = 60 * (red - green) / (most - least) + 240
    return next((name for end, name in _HUES if hue < end), "red")
