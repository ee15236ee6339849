"""Frames made stills."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashlive_cli.errors import DeviceError
from flashlive_cli.video.still import MOST_BYTES
from flashlive_cli.video.stills import LEAST_SIDE_PX, QUALITY, SIDE_PX, fit, make_still
from tests.video.conftest import decoded, known_picture, psnr_db


def noise(width: int, height: int):
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [
        (3840, 2160, (768, 432)),
        (1080, 1920, (432, 768)),
        (640, 480, (640, 480)),
        (768, 768, (768, 768)),
        (5000, 2, (768, 1)),
    ],
)
def test_a_frame_is_scaled_to_fit_and_never_enlarged(width: int, height: int, fits: tuple[int, int]) -> None:
    still = make_still(known_picture(width, height) if height > 2 else noise(width, height))

    assert (still.width, still.height) == fits
    assert decoded(still.image).shape == (fits[1], fits[0], 3)


def test_a_still_looks_like_what_was_seen() -> None:
    picture = known_picture()

    still = make_still(picture)

    assert psnr_db(decoded(still.image), fit(picture, SIDE_PX)) > 33
    assert still.mime_type == "image/jpeg"
    assert still.image.startswith(b"\xff\xd8\xff")


def test_what_is_too_large_for_the_wire_loses_quality_and_then_size() -> None:
    """Noise is the worst there is for JPEG."""
    frame = noise(768, 768)

    still = make_still(frame)
    smaller = make_still(frame, most_bytes=30_000)

    assert 100_000 < len(still.image) <= MOST_BYTES
    assert (still.width, still.height) == (768, 768)
    assert len(smaller.image) <= 30_000
    assert LEAST_SIDE_PX <= smaller.width < 768


@pytest.mark.parametrize("failure", [MemoryError(), cv2.error("Insufficient memory")])
def test_a_still_that_cannot_be_made_is_one_line(monkeypatch, failure: Exception) -> None:
    def fail(*_args: object) -> None:
        raise failure

    monkeypatch.setattr(cv2, "imencode", fail)
    with pytest.raises(DeviceError, match=f"cannot be made ready to be sent: {type(failure).__name__}"):
        make_still(known_picture())


def test_a_still_is_made_again_as_small_as_a_slow_line_needs_it() -> None:
    still = make_still(known_picture(), with_preview=True)

    smaller = still.within(15_000)

    assert len(smaller.image) <= 15_000 < len(still.image)
    assert psnr_db(decoded(smaller.image), decoded(still.image)) > 25
    assert smaller.preview is still.preview
    assert still.within(len(still.image)) is still


def test_a_limit_that_nothing_fits_gets_the_least_there_is() -> None:
    still = make_still(noise(768, 768), most_bytes=10)

    assert max(still.width, still.height) == LEAST_SIDE_PX


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_and_alpha_are_understood(channels: int) -> None:
    frame = (
        noise(64, 48)[:, :, 0]
        if channels == 1
        else np.dstack([noise(64, 48), noise(64, 48)[:, :, :1]])[:, :, :channels]
    )

    assert decoded(make_still(frame).image).shape == (48, 64, 3)


def test_the_preview_is_the_same_picture_in_small() -> None:
    picture = np.zeros((600, 800, 3), np.uint8)
    picture[:, :400] = (255, 0, 0)  # blue, in OpenCV's order

    preview = make_still(picture, with_preview=True).preview

    assert preview is not None
    assert (preview.width, preview.height) == (160, 120)
    assert len(preview.rgb) == 3 * 160 * 120
    assert preview.rgb[:3] == bytes([0, 0, 255])
    assert decoded(preview.jpeg).shape == (120, 160, 3)
    assert make_still(picture).preview is None


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_any_shape_fits(width: int, height: int) -> None:
    small = fit(np.zeros((height, width, 3), np.uint8), SIDE_PX)

    assert min(small.shape[:2]) >= 1
    assert max(small.shape[:2]) <= max(SIDE_PX, 1)
    if max(width, height) <= SIDE_PX:
        assert small.shape[:2] == (height, width)


def test_the_quality_is_what_is_said() -> None:
    """A picture that is small enough is encoded once, at the quality that live-api.md advises."""
    picture = known_picture(320, 240)

    assert make_still(picture).image == cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
