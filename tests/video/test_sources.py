"""Films, images and folders; a camera cannot be had here, and a film comes through the same class."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError, FileError
from flashlive_cli.video.album import Album, read_image
from flashlive_cli.video.capture import MOST_STALE, Capture
from flashlive_cli.video.source import open_source
from flashlive_cli.video.wanted import Wanted, find_wanted


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.s = 0.0
        self.clock = Clock(source=lambda: self.s)


@pytest.fixture
def hand() -> Hand:
    return Hand()


def brightness(frame) -> int:
    return round(float(frame.mean()))


def test_a_film_is_looked_at_where_the_clock_is(film: Callable[..., Path], hand: Hand) -> None:
    source = open_source(find_wanted(str(film(n_frames=20, rate=10))), hand.clock)
    seen = []

    for hand.s in (0.0, 0.55, 1.0, 1.85, 0.1):
        seen.append(brightness(source.look()))
    source.close()

    assert isinstance(source, Capture)
    assert seen == pytest.approx([20, 70, 120, 200, 30], abs=3)


def test_a_film_begins_again_at_its_end(film: Callable[..., Path], hand: Hand) -> None:
    source = Capture(find_wanted(str(film(n_frames=10, rate=10))), hand.clock)

    hand.s = 0.95
    last = brightness(source.look())
    hand.s = 1.05
    first = brightness(source.look())
    source.close()

    assert (last, first) == pytest.approx((110, 20), abs=3)


def test_a_camera_hands_out_its_newest_frame_not_its_oldest(film: Callable[..., Path], hand: Hand) -> None:
    """The same class as for a film; the film's frames lie there as those in a driver's queue do."""
    source = Capture(find_wanted(str(film(n_frames=20))), hand.clock)
    source._is_camera = True  # no V4L2 here: what differs is how many frames are thrown away

    seen = brightness(source.look())

    # frames that were there were thrown away, until one had to be waited for (decoded, here)
    assert 20 <= seen <= 20 + 10 * MOST_STALE
    source.close()


def test_a_camera_that_gives_nothing_any_more_is_said_to_be_gone(film: Callable[..., Path], hand: Hand) -> None:
    source = Capture(find_wanted(str(film(n_frames=20))), hand.clock)
    source._is_camera = True

    def look_on() -> None:
        for _ in range(20):
            source.look()

    with pytest.raises(DeviceError, match="unplugged"):
        look_on()
    source.close()


def test_a_camera_that_is_not_there_is_one_line() -> None:
    with pytest.raises(DeviceError, match="camera 99: cannot be opened"):
        open_source(Wanted("camera", 99), Clock())


def test_a_file_that_is_no_film_is_one_line(tmp_path: Path, capfd) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film " * 100)

    with pytest.raises(FileError, match="no video"):
        open_source(find_wanted(str(tmp_path / "a.mp4")), Clock())
    assert capfd.readouterr().err == ""


def test_an_image_is_read_again_when_it_has_changed(tmp_path: Path, hand: Hand) -> None:
    path = tmp_path / "ä\u202e.png"  # a name that OpenCV itself reads on no Windows
    cv2.imencode(".png", np.full((20, 30, 3), 50, np.uint8))[1].tofile(path)
    source = open_source(find_wanted(str(path)), hand.clock)
    first = source.look()

    assert source.look() is first
    cv2.imencode(".png", np.full((20, 30, 3), 90, np.uint8))[1].tofile(path)
    os.utime(path, ns=(1, 1))

    assert (brightness(first), brightness(source.look())) == (50, 90)
    path.unlink()
    with pytest.raises(FileError, match="No such file") as gone:
        source.look()
    assert "\u202e" not in str(gone.value)


def test_a_folder_is_leafed_through_by_name_and_read_anew_each_round(tmp_path: Path, hand: Hand) -> None:
    for name, value in (("b.png", 60), ("a.jpg", 30), ("notes.txt", 0)):
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), value, np.uint8)) if value else (tmp_path / name).touch()
    source = Album(find_wanted(str(tmp_path)), hand.clock)
    seen = []

    for hand.s in (0.0, 0.5, 1.5, 2.5, 3.5, 4.5):
        if hand.s == 3.5:
            cv2.imwrite(str(tmp_path / "c.png"), np.full((20, 30, 3), 90, np.uint8))
        seen.append(brightness(source.look()))
    hand.s = 8.5
    seen.append(brightness(source.look()))

    assert seen == [30, 30, 60, 30, 60, 60, 90]


@pytest.mark.parametrize("content", [b"", b"\x89PNG junk", b"\xff\xd8\xff\xe0" + b"\0" * 100])
def test_what_is_no_image_is_one_line(tmp_path: Path, content: bytes, capfd) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)

    with pytest.raises(FileError, match="no image that can be read"):
        read_image(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("failure", "words"), [(MemoryError(), "too large for the memory"), (OSError(5, "I/O"), "I/O")]
)
def test_an_image_that_cannot_be_taken_in_is_one_line(tmp_path: Path, monkeypatch, failure, words: str) -> None:
    def fail(*_args: object) -> None:
        raise failure

    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(FileError, match=rf"a\.png: .*{words}"):
        read_image(tmp_path / "a.png")


def test_an_empty_folder_and_one_that_is_an_image_are_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no images"):
        open_source(find_wanted(str(tmp_path)), Clock())
    with pytest.raises(FileError, match="cannot be read"):
        read_image(tmp_path)
