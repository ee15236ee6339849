"""A real X server's screen."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError
from flashlive_cli.video.screen import STRIP_BYTES
from flashlive_cli.video.source import open_source
from flashlive_cli.video.wanted import Wanted
from tests.video.conftest import known_picture


@pytest.mark.parametrize("number", [0, 1])
def test_the_screen_is_seen_pixel_by_pixel(display, tmp_path: Path, number: int) -> None:
    """It is larger than one strip, so the seams are looked at, too."""
    picture = known_picture(1024, 768)
    cv2.imwrite(str(tmp_path / "known.png"), picture)
    display.show(tmp_path / "known.png")
    source = open_source(Wanted("screen", number), Clock())

    frame = source.look()
    source.close()

    assert frame.nbytes > STRIP_BYTES
    assert frame.shape == (768, 1024, 4)
    assert np.array_equal(frame[:, :, :3], picture)


def test_a_screen_that_is_not_there_is_said(display) -> None:
    with pytest.raises(DeviceError, match="screen 7: no such screen; there is one"):
        open_source(Wanted("screen", 7), Clock())


def test_a_display_that_is_gone_is_said(display) -> None:
    source = open_source(Wanted("screen", 1), Clock())
    display.close()

    with pytest.raises(DeviceError, match="cannot be seen any more"):
        source.look()
    source.close()


@pytest.mark.parametrize(
    ("name", "words"), [(None, "DISPLAY is not set"), (":4711", "the display :4711 cannot be seen")]
)
def test_no_display_is_one_line(monkeypatch, name: str | None, words: str) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    if name:
        monkeypatch.setenv("DISPLAY", name)

    with pytest.raises(DeviceError, match=words):
        open_source(Wanted("screen", 1), Clock())
