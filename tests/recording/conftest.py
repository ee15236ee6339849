"""A clock set by hand, and recordings read back by means of the standard library."""

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from flashlive_cli.clock import Clock

Pair = tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]


class HandClock:
    """The source of a clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
def clock(hand: HandClock) -> Clock:
    return Clock(source=hand)


@pytest.fixture
def read_sound() -> Callable[[Path], Pair]:
    """Returns the user's and the model's sound of a recording's folder."""

    def read(folder: Path) -> Pair:
        with wave.open(str(folder / "conversation.wav")) as reader:
            assert reader.getparams()[:3] == (2, 2, 24_000)
            frames = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").reshape(-1, 2)
            assert len(frames) == reader.getnframes()
        return frames[:, 0], frames[:, 1]

    return read


@pytest.fixture
def read_lines() -> Callable[[Path], list[dict[str, Any]]]:
    """Returns the objects of a file of JSON lines, of which the last may be torn."""

    def read(path: Path) -> list[dict[str, Any]]:
        *lines, torn = path.read_text(encoding="utf-8").split("\n")
        assert not torn or not torn.endswith("}")
        return [json.loads(line) for line in lines]

    return read
