"""
A frame made a still: scaled to what the model looks at, and small enough for the wire.

The service looks at 768 by 768 or so. A JPEG of that size at quality 70 has 30 to 120 kB; what comes out larger than
it may be is encoded again at less quality, and in the end smaller.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from flashlive_cli.errors import DeviceError
from flashlive_cli.video.extra import shortly
from flashlive_cli.video.still import MOST_BYTES, Preview, Still

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_PX: Final = 768
QUALITY: Final = 70
LEAST_QUALITY: Final = 20
LEAST_SIDE_PX: Final = 96
PREVIEW_SIDE_PX: Final = 160
PREVIEW_QUALITY: Final = 60


def make_still(frame: "NDArray[Any]", *, most_bytes: int = MOST_BYTES, with_preview: bool = False) -> Still:
    """
    Scale a frame to fit and encode it, in any thread; takes a core some ms.

    Args:
        frame: grey, or blue, green, red, or these and alpha, which is dropped; 8 bits each.
        most_bytes: of the file; kept where a picture of `LEAST_SIDE_PX` allows it.
        with_preview: make the small one, too.

    Raises:
        DeviceError: OpenCV cannot, for want of memory as a rule.
    """
    try:
        return _made(frame, most_bytes, with_preview=with_preview)
    except (cv2.error, MemoryError) as exc:
        raise DeviceError(f"a picture cannot be made ready to be sent: {shortly(exc)}") from exc


def _made(frame: "NDArray[Any]", most_bytes: int, *, with_preview: bool) -> Still:
    small = fit(frame, SIDE_PX)
    side_px = max(small.shape[:2])
    while True:
        for quality in range(QUALITY, LEAST_QUALITY - 1, -10):
            image = _jpeg(small, quality)
            if len(image) <= most_bytes:
                break
        if len(image) <= most_bytes or side_px <= LEAST_SIDE_PX:
            break
        side_px = max(LEAST_SIDE_PX, side_px * 2 // 3)
        small = fit(small, side_px)
    height, width = small.shape[:2]
    return Still(image, width, height, _preview(small) if with_preview else None)


def make_smaller(still: Still, most_bytes: int) -> Still:
    """Make a still again, of no more than so many bytes; its preview stays. As `make_still` does."""
    frame = cv2.imdecode(np.frombuffer(still.image, np.uint8), cv2.IMREAD_COLOR)
    assert frame is not None, "a still of our own"
    return replace(make_still(frame, most_bytes=most_bytes), preview=still.preview)


def fit(frame: "NDArray[Any]", side_px: int) -> "NDArray[Any]":
    """Return the frame in colour and no larger than a square of that side; what is smaller stays as it is."""
    height, width = frame.shape[:2]
    share = side_px / max(height, width)
    if share < 1:
        size = (max(1, round(width * share)), max(1, round(height * share)))
        # the mean of all pixels under each: without it, text on a screen falls apart
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    if frame.ndim == 2:
        return cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR) if frame.shape[2] == 4 else frame


def _preview(small: "NDArray[Any]") -> Preview:
    tiny = fit(small, PREVIEW_SIDE_PX)
    height, width = tiny.shape[:2]
    rgb = cv2.cvtColor(tiny, cv2.COLOR_BGR2RGB).tobytes()
    return Preview(width, height, rgb, _jpeg(tiny, PREVIEW_QUALITY))


def _jpeg(frame: "NDArray[Any]", quality: int) -> bytes:
    _, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()
