"""
OpenCV kept quiet: it writes no words of its own to stderr, where flashlive says in one line what they mean, and takes
no more than one core, as the sound needs one, too.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # read when OpenCV is imported
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")

import cv2  # after what it reads

cv2.setNumThreads(1)  # of the whole process: what a tool does with OpenCV while somebody talks gets no more either


class _Silence:
    """OpenCV's log level, which is one for all threads: who is silent last gives it back as the first found it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_silent = 0
        self._before = 0

    def begin(self) -> None:
        with self._lock:
            if not self._n_silent:
                self._before = cv2.utils.logging.getLogLevel()
                cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
            self._n_silent += 1

    def end(self) -> None:
        with self._lock:
            self._n_silent -= 1
            if not self._n_silent:
                cv2.utils.logging.setLogLevel(self._before)


_silence: Final = _Silence()


@contextmanager
def opencv_silent() -> Iterator[None]:
    """Say nothing meanwhile, whatever the environment says; in any threads at once."""
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()
