"""
A camera or a video file, by OpenCV.

A camera's driver keeps a few frames, and hands out the oldest: who looks once a second is seconds behind. So what
lies there is thrown away until a frame has to be waited for; that one is of now. A file is looked at where the
talk's clock is, and begins again at its end.
"""

import time
from typing import TYPE_CHECKING, Any, Final

import cv2

from flashlive_cli.clock import Clock
from flashlive_cli.errors import DeviceError, FileError, FlashliveError
from flashlive_cli.printable import printable
from flashlive_cli.video.quiet import opencv_silent
from flashlive_cli.video.wanted import Wanted

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH_PX: Final = 1280
HEIGHT_PX: Final = 720
"""Asked of a camera, as the nearest above what is sent: a 4K camera would move 250 MB a second for nothing."""
MOST_STALE: Final = 8
WAITED_S: Final = 0.004
"""A grab that took longer has waited for the camera; one of a frame that lies there takes microseconds."""


class Capture:
    """A camera or a video file; a `Source`."""

    def __init__(self, wanted: Wanted, clock: Clock) -> None:
        """Open it; see `open_source`."""
        self._is_camera = wanted.kind == "camera"
        self._name = wanted.name if self._is_camera else printable(wanted.name)
        self._clock = clock
        self._began_s = clock.now()
        with opencv_silent():
            target = wanted.number if self._is_camera else str(wanted.path)
            # decoding in threads of its own would be work that nobody counts
            options = () if self._is_camera else (cv2.CAP_PROP_N_THREADS, 1)
            self._capture = cv2.VideoCapture(target, cv2.CAP_ANY, options)
            if not self._capture.isOpened():
                raise self._failure("cannot be opened: is it there, and not taken by another program?", "no video")
            if self._is_camera:
                self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH_PX)
                self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT_PX)
                self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._rate = self._capture.get(cv2.CAP_PROP_FPS) or 0.0
        self._n_frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._next = 0
        # one for all frames: to give 25 MB back to the system takes milliseconds, in which Python's lock is held
        self._frame: NDArray[Any] | None = None

    def look(self) -> "NDArray[Any]":
        """Return the frame of now; it is overwritten by the next one."""
        with opencv_silent():
            return self._look_at_camera() if self._is_camera else self._look_at_film()

    def close(self) -> None:
        """Let the device go."""
        self._capture.release()

    def _look_at_camera(self) -> "NDArray[Any]":
        for _ in range(MOST_STALE):
            begun = time.perf_counter()
            if not self._capture.grab():
                raise self._failure("gives no picture any more: was it unplugged?", "")
            if time.perf_counter() - begun > WAITED_S:
                break
        taken, self._frame = self._capture.retrieve(self._frame)
        if not taken:
            raise self._failure("gives no picture any more: was it unplugged?", "")
        return self._frame

    def _look_at_film(self) -> "NDArray[Any]":
        if self._rate > 0 and self._n_frames > 0:
            wanted = int((self._clock.now() - self._began_s) * self._rate) % self._n_frames
            if wanted != self._next:
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, wanted)
            self._next = wanted + 1
        taken, self._frame = self._capture.read(self._frame)
        if not taken:  # its end, also where it has told another number of frames than it has
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self._began_s, self._next = self._clock.now(), 1
            taken, self._frame = self._capture.read(self._frame)
        if not taken:
            raise self._failure("", "no video that can be read")
        return self._frame

    def _failure(self, of_camera: str, of_film: str) -> FlashliveError:
        if self._is_camera:
            return DeviceError(f"{self._name}: {of_camera}")
        return FileError(f"{self._name}: {of_film}")
