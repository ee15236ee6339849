"""The thread that looks."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConfigError, DeviceError
from flashlive_cli.video import extra
from flashlive_cli.video import eye as eye_module
from flashlive_cli.video.eye import Eye
from flashlive_cli.video.wanted import Wanted, find_wanted
from tests.video.conftest import decoded, known_picture, psnr_db


class Window:
    """A source that shows what a test hangs there."""

    def __init__(self) -> None:
        self.frame = known_picture(320, 240)
        self.failure: Exception | None = None
        self.opened = 0
        self.closed = 0
        self.looks = threading.Semaphore(10**6)
        self.thread = ""

    def __call__(self, _wanted: Wanted, _clock: Clock) -> "Window":
        self.opened += 1
        return self

    def look(self):
        self.looks.acquire()
        self.thread = threading.current_thread().name
        if self.failure is not None:
            raise self.failure
        return self.frame

    def close(self) -> None:
        self.closed += 1


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "flashlive-eye"]


async def test_it_looks_in_a_thread_of_its_own_and_ends_with_it() -> None:
    window = Window()
    eye = Eye(Wanted("camera"), Clock(), opened=window)

    assert not threads()
    still = await eye.look()
    assert psnr_db(decoded(still.image), window.frame) > 30
    assert window.thread == "flashlive-eye"
    assert eye.rest_s > 0

    await eye.close()
    assert not threads()
    assert (window.opened, window.closed) == (1, 1)


async def test_a_source_that_fails_is_closed_and_opened_again() -> None:
    window = Window()
    eye = Eye(Wanted("camera"), Clock(), opened=window)
    await eye.look()

    window.failure = DeviceError("camera 0: gives no picture any more")
    with pytest.raises(DeviceError, match="no picture"):
        await eye.look()
    window.failure = ValueError("a driver's own")
    with pytest.raises(DeviceError, match="camera 0: ValueError: a driver's own"):
        await eye.look()
    window.failure = None
    await eye.look()

    assert (window.opened, window.closed) == (3, 2)
    await eye.close()


async def test_a_driver_that_hangs_is_given_up_and_holds_nobody(monkeypatch) -> None:
    monkeypatch.setattr(eye_module, "PATIENCE_S", 0.05)
    monkeypatch.setattr(eye_module, "STOP_PATIENCE_S", 0.05)
    window = Window()
    window.looks = threading.Semaphore(0)
    eye = Eye(Wanted("camera"), Clock(), opened=window)

    with pytest.raises(DeviceError, match="nothing to be seen"):
        await eye.look()
    await eye.close()
    assert threads()

    window.looks.release(10)
    for thread in threads():
        await asyncio.to_thread(thread.join, 5)
    assert not threads()


async def test_who_loses_interest_is_not_answered() -> None:
    window = Window()
    window.looks = threading.Semaphore(0)
    eye = Eye(Wanted("camera"), Clock(), opened=window)
    asked = asyncio.ensure_future(eye.look())  # noqa: TID251 - a test's own
    await asyncio.sleep(0.02)
    asked.cancel()
    window.looks.release(10)

    assert (await eye.look()).width == 320
    await eye.close()


async def test_a_missing_extra_is_one_line_that_says_what_to_install(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extra, "_PACKAGES", {"OpenCV": "no_such_cv2"})
    (tmp_path / "a.png").touch()
    eye = Eye(find_wanted(str(tmp_path / "a.png")), Clock())

    with pytest.raises(ConfigError, match=r"pip install 'flashlive-cli\[video\]'"):
        await eye.look()
    await eye.close()


@pytest.mark.parametrize("failure", [OSError("libGL.so.1"), MemoryError(), RuntimeError("built for another numpy")])
async def test_what_fails_while_it_loads_ends_no_thread(monkeypatch, failure: Exception) -> None:
    def fail(_wanted: Wanted) -> None:
        raise failure

    monkeypatch.setattr(eye_module, "load", fail)
    window = Window()
    eye = Eye(Wanted("camera"), Clock(), opened=window)
    eye.prepare()

    assert (await eye.look()).width == 320
    window.failure = failure
    with pytest.raises(DeviceError, match=type(failure).__name__):
        await eye.look()
    await eye.close()


@pytest.mark.parametrize("failure", [ImportError("libGL.so.1: no such file\nor so"), OSError("126"), MemoryError()])
def test_packages_that_cannot_be_loaded_are_one_line(monkeypatch, failure: Exception) -> None:
    def fail(_name: str) -> None:
        raise failure

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ConfigError, match="cannot be loaded here") as told:
        extra.load_extra("album")
    assert "\n" not in str(told.value)
    assert type(failure).__name__ in str(told.value)


async def test_a_look_of_few_bytes_is_a_small_still() -> None:
    window = Window()
    window.frame = np.random.default_rng(1).integers(0, 255, (768, 768, 3), dtype=np.uint8)
    eye = Eye(Wanted("camera"), Clock(), opened=window, with_previews=True)

    still = await eye.look(20_000)

    assert len(still.image) <= 20_000
    assert still.preview is not None
    await eye.close()


async def test_a_source_that_does_not_even_close_is_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Window):
        def close(self) -> None:
            raise OSError("the driver hangs")

    caplog.set_level("DEBUG", "flashlive.video")
    eye = Eye(Wanted("camera"), Clock(), opened=Stuck())
    await eye.look()
    await eye.close()

    assert "the driver hangs" in caplog.text
