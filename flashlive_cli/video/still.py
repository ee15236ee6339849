"""What a still is, for whoever has no OpenCV; `stills` makes them."""

from dataclasses import dataclass
from typing import Final

MOST_BYTES: Final = 200_000
"""Of a still on the wire."""


@dataclass(frozen=True, slots=True)
class Preview:
    """
    The same in small, for whoever shows it to the user.

    Attributes:
        width: in pixels.
        height: in pixels.
        rgb: three bytes a pixel, row by row from the top.
        jpeg: the same as a file.
    """

    width: int
    height: int
    rgb: bytes
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Still:
    """
    A picture for the wire.

    Attributes:
        image: a JPEG file.
        width: in pixels.
        height: in pixels.
        preview: None where nobody looks at it.
        mime_type: of `image`.
    """

    image: bytes
    width: int
    height: int
    preview: Preview | None = None
    mime_type: str = "image/jpeg"
