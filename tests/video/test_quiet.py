"""OpenCV kept quiet."""

import threading
from collections.abc import Iterator

import cv2
import pytest

from flashlive_cli.video.quiet import opencv_silent

LEVELS = cv2.utils.logging


@pytest.fixture(autouse=True)
def warnings() -> Iterator[None]:
    before = LEVELS.getLogLevel()
    LEVELS.setLogLevel(LEVELS.LOG_LEVEL_WARNING)
    yield
    LEVELS.setLogLevel(before)


def test_it_is_silent_until_the_last_of_several_threads_has_done() -> None:
    """The first to begin is the first to end: neither is the other disturbed, nor is OpenCV silent for ever after."""
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def be_silent() -> None:
        with opencv_silent():
            began.set()
            assert may_end.wait(20)
        ended.set()

    other = threading.Thread(target=be_silent)
    other.start()
    assert began.wait(20)
    with opencv_silent():
        may_end.set()
        assert ended.wait(20)
        assert LEVELS.getLogLevel() == LEVELS.LOG_LEVEL_SILENT
    other.join()

    assert LEVELS.getLogLevel() == LEVELS.LOG_LEVEL_WARNING


def test_what_fails_meanwhile_leaves_it_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), opencv_silent():
        raise ZeroDivisionError
    assert LEVELS.getLogLevel() == LEVELS.LOG_LEVEL_WARNING
