"""What is done about devices that vanish, with ends that only say what is done to them."""

import asyncio
from collections.abc import Callable

import pytest

from flashlive_cli.audio import recovery as recovery_module
from flashlive_cli.audio.devices import Device
from flashlive_cli.audio.recovery import Recovery, Side
from flashlive_cli.errors import DeviceError

DEVICE = Device(0, "card", "ALSA", 2, 2, 48_000, is_default_input=True, is_default_output=True)


class FakeEnd:
    """An end whose device is there or not, and may be lost while it is opened."""

    name = "card"

    def __init__(self, side: Side, did: list[str]) -> None:
        self.side = side
        self.is_there = True
        self.while_opening: Callable[[], None] = lambda: None
        self._did = did

    async def shut(self) -> None:
        self._did.append(f"{self.side} shut")

    async def reopen(self, device: Device) -> None:
        await asyncio.sleep(0)
        self.while_opening()
        if not self.is_there:
            raise DeviceError(f"the {self.side} ({device.name}) opens, and no sound moves through it")
        self._did.append(f"{self.side} open")


class Talk:
    """Both ends under care, and all that was done and told, in order."""

    def __init__(self, patience_s: float = 60.0) -> None:
        self.did: list[str] = []
        self.given_up: list[str] = []
        self.recovery = Recovery(
            on_lost=lambda side, _name, _reason: self.did.append(f"{side} lost"),
            on_back=lambda side, _seconds: self.did.append(f"{side} back"),
            gave_up=lambda error: self.given_up.append(str(error)),
            patience_s=patience_s,
        )
        self.microphone, self.speaker = FakeEnd("microphone", self.did), FakeEnd("speaker", self.did)
        self.recovery.watch("microphone", self.microphone, None)
        self.recovery.watch("speaker", self.speaker, None)


@pytest.fixture(autouse=True)
def _devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same device is listed all the time, and is looked for at once."""

    async def look_anew(_patience_s: float) -> bool:
        return True

    monkeypatch.setattr(recovery_module, "RETRY_S", 0.01)
    monkeypatch.setattr(recovery_module, "FIRST_INTERRUPTION_S", 0.0)
    monkeypatch.setattr(recovery_module, "likely_devices", lambda _names, *, output: [DEVICE])
    monkeypatch.setattr(recovery_module, "look_anew", look_anew)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_device_that_opens_and_stalls_each_time_is_given_up_all_the_same_and_told_of_once() -> None:
    talk = Talk(patience_s=0.3)
    talk.microphone.is_there = False
    talk.microphone.while_opening = lambda: talk.recovery.lost("microphone", DeviceError("has stalled"))
    async with talk.recovery.running():
        talk.recovery.lost("microphone", DeviceError("the microphone (card) went away"))
        await until(lambda: talk.given_up)

    assert talk.given_up == ["the microphone (card) went away, and for 0 s nothing could take its place"]
    assert talk.did.count("microphone lost") == 1


async def test_who_is_told_that_an_end_is_back_finds_the_other_one_open_as_it_will_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The speaker that was shut meanwhile has another reference, of which the echo is to be taken out from then on."""
    talk = Talk()

    async def plugged_in(_patience_s: float) -> bool:
        talk.microphone.is_there = True
        return True

    monkeypatch.setattr(recovery_module, "look_anew", plugged_in)
    talk.microphone.is_there = False
    async with talk.recovery.running():
        talk.recovery.lost("microphone", DeviceError("the microphone (card) went away"))
        await until(lambda: "microphone back" in talk.did)

    assert talk.did[-3:] == ["microphone open", "speaker open", "microphone back"]
