"""
OpenCV kept quiet: it writes no words of its own to stderr, where flashlive says in one line what they mean, and takes
no more than one core, as the sound needs one, too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # read when OpenCV is imported
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")

import cv2  # after what it reads

cv2.setNumThreads(1)  # of the whole process: what a tool does with OpenCV while somebody talks gets no more either


@contextmanager
def opencv_silent() -> Iterator[None]:
    """Say nothing meanwhile, whatever the environment says."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
