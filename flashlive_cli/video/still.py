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

    def within(self, most_bytes: int) -> "Still":
        """
        Return the same in a file of so many bytes at most; see `stills.make_still`.

        In any thread; a core's work for some ms where it has to be made smaller.

        Raises:
            DeviceError: there is no memory for that.
        """
        if len(self.image) <= most_bytes:
            return self
        from flashlive_cli.video.stills import make_smaller  # noqa: PLC0415 - OpenCV, which has made this one

        return make_smaller(self, most_bytes)
