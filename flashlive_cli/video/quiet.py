"""OpenCV kept from writing its own words to stderr: flashlive says in one line what they mean."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # read when OpenCV is imported
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")

import cv2  # after what it reads


@contextmanager
def opencv_silent() -> Iterator[None]:
    """Say nothing meanwhile, whatever the environment says."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
