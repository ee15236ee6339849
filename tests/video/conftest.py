"""Pictures that tell themselves apart."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


def known_picture(width: int = 1024, height: int = 768, seed: int = 1):
    """A picture with soft colours, hard edges and letters, as BGR."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(20, 235, (6, 8, 3), dtype=np.uint8)
    picture = cv2.resize(colours, (width, height), interpolation=cv2.INTER_CUBIC)
    cv2.rectangle(picture, (width // 8, height // 8), (width // 3, height // 3), (255, 255, 255), -1)
    cv2.putText(picture, "flashlive", (width // 3, height // 2), cv2.FONT_HERSHEY_SIMPLEX, height / 300, (0, 0, 0), 4)
    return picture


def psnr_db(one, other) -> float:
    """Peak signal to noise ratio of two pictures of the same size."""
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def decoded(image: bytes):
    return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Make a video file whose frames grow brighter, one step a frame."""

    def make(n_frames: int = 20, rate: float = 10, size: tuple[int, int] = (320, 240), step: int = 10) -> Path:
        path = tmp_path / "film.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, size)
        for number in range(n_frames):
            writer.write(np.full((size[1], size[0], 3), 20 + step * number, np.uint8))
        writer.release()
        return path

    return make
