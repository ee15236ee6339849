"""
Sound devices that vanish: opened again, or others in their place.

The end of a stream, and a stream through which nothing moves any more, are noticed in `stream`. From then on, twice a
second, what is lost is asked for: the device that was chosen, by its name, then the system's present choice. PortAudio
knows the devices of its last look; it can look anew while no stream is open. Where one end still works, that is shut
for some 50 ms now and then, ever more seldom, so that a device that was plugged in meanwhile can be found.

What moves sound again is back. What is away for a minute in all is given up, be it that it never comes, or that it
comes and goes: there is no talk without it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, Protocol

from flashlive_cli.audio.devices import Device, likely_devices
from flashlive_cli.audio.stream import driver_hangs, look_anew
from flashlive_cli.errors import DeviceError
from flashlive_cli.inthread import begin
from flashlive_cli.tasks import Beside

RETRY_S: Final = 0.5
PATIENCE_S: Final = 60.0
STEADY_S: Final = 5.0
"""A device that is lost sooner than that after it came back was never really there."""
FIRST_INTERRUPTION_S: Final = 1.0
"""So long after a loss a working end is shut for a moment for the first time; then after twice as long, and so on."""
FIND_PATIENCE_S: Final = 5.0

Side = Literal["microphone", "speaker"]


class End(Protocol):
    """A microphone or a speaker."""

    @property
    def name(self) -> str:
        """The device's."""
        ...

    async def shut(self) -> None:
        """Let the device go, which may be lost, or shut already."""
        ...

    async def reopen(self, device: Device) -> None:
        """Go on with a device; `DeviceError` where that cannot be, and then it is shut."""
        ...


@dataclass(slots=True)
class _Care:
    """
    An end that is cared for.

    Attributes:
        side: which it is.
        end: itself.
        wanted: the name of the device that was chosen; None for whichever is the system's choice.
        reason: why it is lost; None while it works.
        lost_s: when it was.
        away_since_s: the same, or of the first loss of several in a row.
        back_s: when it came back.
    """

    side: Side
    end: End
    wanted: str | None
    reason: DeviceError | None = None
    lost_s: float = 0.0
    away_since_s: float = 0.0
    back_s: float = field(default=-inf)


class Recovery:
    """
    Cares for the ends of a talk while it is `running`; belongs to its event loop.

    `lost` may be told of an end before `watch` has been of it. All callbacks are called in the loop.
    """

    def __init__(
        self,
        *,
        on_lost: Callable[[Side, str, str], None],
        on_back: Callable[[Side, float], None],
        gave_up: Callable[[DeviceError], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        """
        Care for nothing yet.

        Args:
            on_lost: told of which side which device is lost, and why.
            on_back: told which side goes on, and after how many seconds.
            gave_up: told why the talk cannot go on.
            patience_s: how long an end may be away.
        """
        self._on_lost = on_lost
        self._on_back = on_back
        self._gave_up = gave_up
        self._patience_s = patience_s
        self._cares: list[_Care] = []
        self._early: dict[Side, DeviceError] = {}
        self._news = asyncio.Event()
        self._look_anew_s = 0.0  # the next time at which a working end is shut for it
        self._loop = asyncio.get_running_loop()

    def watch(self, side: Side, end: End, wanted: str | None) -> None:
        """Care for an end from now on; see `_Care`."""
        self._cares.append(_Care(side, end, wanted))
        if (error := self._early.pop(side, None)) is not None:
            self.lost(side, error)

    def lost(self, side: Side, error: DeviceError) -> None:
        """Note that an end is lost: its stream has ended, or stands still."""
        care = next((care for care in self._cares if care.side == side), None)
        if care is None:
            self._early[side] = error
        elif care.reason is None:  # else a device that was tried in its place is lost, before it was of any use
            self._lose(care, error)

    def _lose(self, care: _Care, error: DeviceError) -> None:
        now = self._loop.time()
        care.reason = error
        care.lost_s = now
        if now - care.back_s > STEADY_S:
            care.away_since_s = now
        self._look_anew_s = now + FIRST_INTERRUPTION_S
        self._on_lost(care.side, care.end.name, str(error))
        self._news.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Bring back what is lost; leave this before the ends are closed."""
        async with Beside() as tasks:
            task = tasks.create_task(self._run(), name="sound devices")
            try:
                yield
            finally:
                task.cancel()

    async def _run(self) -> None:
        """Bring back what is lost, until cancelled, or until it is given up."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._lost():
                tried_s = self._loop.time()
                try:
                    await self._try()
                    self._check_patience()
                except DeviceError as error:
                    self._gave_up(error)
                    return
                await asyncio.sleep(max(0.0, tried_s + RETRY_S - self._loop.time()))

    def _lost(self) -> list[_Care]:
        return [care for care in self._cares if care.reason is not None]

    def _check_patience(self) -> None:
        for care in self._lost():
            if self._loop.time() - care.away_since_s > self._patience_s:
                raise DeviceError(f"{care.reason}, and for {self._patience_s:.0f} s nothing could take its place")

    async def _try(self) -> None:
        """Try once to bring back all that is lost. Raises DeviceError where nothing more can be tried."""
        for care in self._lost():
            await care.end.shut()
        for care in self._lost():
            if await self._is_back(care):
                self._tell_back(care)
        if not (lost := self._lost()):
            return
        working = [care for care in self._cares if care.reason is None]
        now = self._loop.time()
        if working:
            if now < self._look_anew_s or driver_hangs():
                return
            self._look_anew_s = now + 2 * max(FIRST_INTERRUPTION_S, now - min(care.lost_s for care in lost))
        for care in working:
            await care.end.shut()
        back: list[_Care] = []
        if await look_anew(max(1.0, min(care.away_since_s for care in lost) + self._patience_s - now)):
            back = [care for care in lost if await self._is_back(care)]
        for care in working:
            if not await self._reopened(care, [care.end.name]):
                self._lose(care, DeviceError(f"the {care.side} ({care.end.name}) went away"))
        for care in back:  # only now: who is told finds the other end as it will be, with the echo's reference
            self._tell_back(care)

    async def _is_back(self, care: _Care) -> bool:
        await care.end.shut()  # it may have been lost just now
        names = [care.wanted] if care.wanted is not None else []
        if not await self._reopened(care, names):
            return False
        care.reason = None
        care.back_s = self._loop.time()
        return True

    def _tell_back(self, care: _Care) -> None:
        if care.reason is None:  # else it is lost again
            self._on_back(care.side, care.back_s - care.lost_s)

    async def _reopened(self, care: _Care, names: Sequence[str]) -> bool:
        """Open an end through a device of these names, or through the system's choice."""
        search = begin(lambda: likely_devices(names, output=care.side == "speaker"), name="devices")
        if not (await asyncio.wait({search}, timeout=FIND_PATIENCE_S))[0]:
            return False
        try:
            devices = search.result()
        except DeviceError:
            return False
        for device in devices:
            try:
                await care.end.reopen(device)
            except DeviceError:
                continue
            return True
        return False
