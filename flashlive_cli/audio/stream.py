"""
A stream from or to a sound device.

PortAudio calls a stream's callback in a thread of its own, with a deadline of one block. What else is asked of it
may hang with a bad driver, and is asked in threads that nobody has to wait for: see `inthread`. Its list of open
streams is not made for several threads, so these take turns, but for one that hangs: nobody waits long for that.
"""

import asyncio
import atexit
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from flashlive_cli import doorbell
from flashlive_cli.audio.devices import Device, load_portaudio
from flashlive_cli.audio.stalls import FIRST_BEAT_LOOKS, LOOK_S, Stalls
from flashlive_cli.errors import DeviceError, SoundSystemHangs
from flashlive_cli.inthread import begin
from flashlive_cli.pcm import PcmFormat
from flashlive_cli.printable import printable

OPEN_PATIENCE_S: Final = 5.0
CLOSE_PATIENCE_S: Final = 1.0
TURN_PATIENCE_S: Final = 0.5
"""So long is a call to PortAudio held back by another one."""
BEAT_POLL_S: Final = 0.01
SLOW_LATENCY_S: Final = 0.06
"""A device that holds more than this is emptied on a flush, at the price of a click: waiting is worse."""

_UNSUPPORTED: Final = {-9999, -9998, -9997, -9994}  # host error, channels, rate, sample format: another may do
_BUSY: Final = -9985
_GONE: Final = -9993  # "illegal combination of I/O devices"

_log: Final = logging.getLogger("flashlive.sound")

_turn: Final = threading.Lock()
_there: Final[set[object]] = set()
"""Streams that are being opened, are open, or do not close."""
_left_alone: Final[set[object]] = set()
"""Those of them whose driver hangs, and what else does."""


def driver_hangs() -> bool:
    """Whether a driver that was left alone still hangs; it may be printing the same complaint for ever."""
    return bool(_left_alone)


async def look_anew(patience_s: float) -> bool:
    """
    Let PortAudio look for devices again, which it does only once by itself; return whether it did.

    It does not where a stream is there, open or hanging, as that would not survive. Until this has returned, nothing
    else may be asked of PortAudio.

    Raises:
        SoundSystemHangs: it does not come to an end. Nothing may be asked any more.
    """
    sounddevice = load_portaudio()

    def start_again() -> bool:
        if _there or not _turn.acquire(timeout=TURN_PATIENCE_S):
            return False
        try:
            if _there:
                return False
            with contextlib.suppress(sounddevice.PortAudioError):  # who lists the devices is told
                while sounddevice._initialized:  # noqa: SLF001 - sounddevice has no other way
                    sounddevice._terminate()  # noqa: SLF001 - the same
                sounddevice._initialize()  # noqa: SLF001 - the same
        finally:
            _turn.release()
        return True

    done = begin(start_again, name="look-anew")
    try:
        finished, _ = await asyncio.wait({done}, timeout=patience_s)
    except asyncio.CancelledError:
        if not (await asyncio.wait({done}, timeout=CLOSE_PATIENCE_S))[0]:
            _leave_alone(done)
        raise
    if not finished:
        _leave_alone(done)
        raise SoundSystemHangs
    return done.result()


def _leave_alone(what: object) -> None:
    """Leave a driver that hangs alone: PortAudio's goodbye at the end of the process would wait for it."""
    _left_alone.add(what)
    atexit.unregister(load_portaudio()._exit_handler)  # noqa: SLF001 - sounddevice has no other way


class Stream:
    """
    One PortAudio stream, to be opened, started and closed.

    Belongs to the event loop it was made in. `beats` is for the callback.

    Attributes:
        device: what it is for.
        pcm: in which format: the wanted one, or one that the device takes.
        latency_s: what the device holds, as PortAudio tells.
        beats: callbacks so far; the callback counts them.
    """

    def __init__(self, device: Device, role: str, *, lost: Callable[[DeviceError], None], stalls: Stalls) -> None:
        """
        Be for a device.

        Args:
            device: which.
            role: what it is, for people: `microphone`.
            lost: called in the loop, once, when it is gone, or stalls.
            stalls: of this role's devices, one after another.
        """
        self.device = device
        self._role = role
        self.pcm = PcmFormat(device.rate_hz)
        self.latency_s = 0.0
        self.beats = 0
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._stalls = stalls
        self._stream: Any = None
        self._closing = False
        self._is_shut = False
        self._emptying: asyncio.Future[None] | None = None
        self._check: asyncio.TimerHandle | None = None

    async def open(
        self,
        formats: Sequence[PcmFormat],
        *,
        output: bool,
        block_ms: int,
        callback: Callable[[Any, int, object, object], None],
        latency: float | Literal["low"] = "low",
    ) -> None:
        """
        Open the device in the first format that it takes; `start` it then.

        Args:
            formats: to be asked for in this order.
            output: a speaker's stream, or a microphone's.
            block_ms: frames that a callback moves, in milliseconds.
            callback: as PortAudio has it: block, frames, time, status.
            latency: what the device may hold, in seconds.

        Raises:
            DeviceError: it cannot be opened, takes none of the formats, or does not open within 5 s.
        """

        def make() -> None:
            if not self._is_wanted():
                return
            _there.add(self)
            try:
                self._stream, self.pcm = _make(
                    self.device,
                    formats,
                    output=output,
                    block_ms=block_ms,
                    latency=latency,
                    callback=callback,
                    finished_callback=self.finished,
                )
                self.latency_s = float(self._stream.latency)
                if self._closing:  # nobody waited for it
                    self._stream.close()
            finally:
                if self._stream is None or self._closing:
                    self._is_gone()

        await self._ask(make, patience_s=OPEN_PATIENCE_S)

    async def start(self) -> None:
        """
        Let the callbacks begin, and watch that they go on.

        Raises:
            DeviceError: the device does not start.
        """
        await self._ask(self._stream.start, patience_s=OPEN_PATIENCE_S)
        self._stalls.begin(self._loop.time())
        self._check = self._loop.call_later(LOOK_S, self._watch)

    async def moves(self) -> None:
        """
        Wait for the first callback: a device may open and start, and move no sound.

        Raises:
            DeviceError: it is lost first.
        """
        for _ in range(round(FIRST_BEAT_LOOKS * LOOK_S / BEAT_POLL_S)):
            if self._closing:  # first: what was lost after its first callback is lost
                break
            if self.beats:
                return
            await asyncio.sleep(BEAT_POLL_S)
        raise DeviceError(printable(f"the {self._role} ({self.device.name}) opens, and no sound moves through it"))

    def tell_loop(self, told: Callable[..., None], *news: object) -> None:
        """Call something in the loop's thread, from a callback."""
        doorbell.ring(self._loop, told, *news)

    def finished(self) -> None:
        """PortAudio's word that a stream has ended: by us, or because its device is gone."""
        if not self._closing and self._emptying is None:
            self.tell_loop(self._lose, "went away")

    def empty(self) -> None:
        """Drop what the device holds, and go on; a hard cut, for devices that hold much. Returns at once."""

        def restart() -> None:
            try:
                self._stream.abort()
                self._stream.start()
            except Exception:  # noqa: BLE001 - a device that is gone calls no more, and is found stalled
                _log.debug("%s cannot be emptied", self.device.name, exc_info=True)

        if not self._closing and self._emptying is None:
            self._emptying = begin(restart, name="empty")  # the end of a stream that we ended is no loss
            self._emptying.add_done_callback(self._emptied)

    async def close(self) -> None:
        """Close the stream; what the device still holds is dropped. A driver that hangs is left to itself."""
        self._closing = True
        if self._check is not None:
            self._check.cancel()
        if self._stream is None or self._is_shut:
            return
        self._is_shut = True
        if self._emptying is not None:
            await asyncio.wait({self._emptying}, timeout=CLOSE_PATIENCE_S)

        def shut() -> None:
            try:
                self._stream.abort()
                self._stream.close()
            except Exception:  # noqa: BLE001 - a device that is gone has nothing to complain about
                _log.debug("%s cannot be closed", self.device.name, exc_info=True)
            self._is_gone()

        with contextlib.suppress(DeviceError):
            await self._ask(shut, patience_s=CLOSE_PATIENCE_S)

    def _is_wanted(self) -> bool:
        return not self._closing

    def _is_gone(self) -> None:
        """Note that PortAudio has nothing of it any more; in any thread."""
        _there.discard(self)
        _left_alone.discard(self)

    def _emptied(self, _: "asyncio.Future[None]") -> None:
        self._emptying = None

    async def _ask(self, work: Callable[[], None], *, patience_s: float) -> None:
        """Ask PortAudio for something, in a thread."""
        sounddevice = load_portaudio()

        def take_a_turn() -> None:
            has_turn = _turn.acquire(timeout=0 if _left_alone else TURN_PATIENCE_S)  # who hangs in its turn keeps it
            try:
                work()
            finally:
                if has_turn:
                    _turn.release()

        done = begin(take_a_turn, name="device")
        try:
            # not asyncio.timeout: in a task that was cancelled before, as at the end of a talk, Python 3.11.2 lets it
            # end in CancelledError
            finished, _ = await asyncio.wait({done}, timeout=patience_s)
        except asyncio.CancelledError:
            self._closing = True  # what is opened now is closed at once: a stream must not outlive the interpreter
            if not (await asyncio.wait({done}, timeout=CLOSE_PATIENCE_S))[0]:
                self._abandon()
            raise
        if not finished:
            self._abandon()
            name = printable(self.device.name)
            raise DeviceError(f"{name} does not react", "restart your sound server, or choose another device")
        try:
            done.result()
        except sounddevice.PortAudioError as exc:
            raise DeviceError(printable(f"{self.device.name}: {exc.args[0]}")) from exc

    def _abandon(self) -> None:
        self._closing = True
        _leave_alone(self)

    def _watch(self) -> None:
        """Look every now and then whether callbacks still come."""
        if self._stalls.look(self.beats, self._loop.time(), excused=self._emptying is not None):
            self._lose("has stalled: no sound moves through it")
            return
        self._check = self._loop.call_later(LOOK_S, self._watch)

    def _lose(self, what: str) -> None:
        if not self._closing:
            self._closing = True
            self._lost(DeviceError(printable(f"the {self._role} ({self.device.name}) {what}")))


def _make(
    device: Device, formats: Sequence[PcmFormat], *, output: bool, block_ms: int, **settings: object
) -> tuple[Any, PcmFormat]:
    """Open a stream in the first format that does."""
    sounddevice = load_portaudio()
    kind = sounddevice.RawOutputStream if output else sounddevice.RawInputStream
    # shared mode of WASAPI takes the mixer's format alone, unless asked to convert
    extra = sounddevice.WasapiSettings(auto_convert=True) if "WASAPI" in device.host_api else None
    refusals: list[str] = []
    for pcm in formats:
        try:
            stream = kind(
                device=device.index,
                samplerate=pcm.rate_hz,
                channels=pcm.channels,
                blocksize=pcm.frames_of_ms(block_ms),
                dtype="int16",
                extra_settings=extra,
                **settings,
            )
        except (sounddevice.PortAudioError, ValueError) as exc:
            code = exc.args[1] if len(exc.args) > 1 else None
            if code == _BUSY:
                raise DeviceError(printable(f"{device.name} is busy: another program holds it")) from exc
            if code == _GONE:
                raise DeviceError(printable(f"{device.name} is gone, or its sound server is")) from exc
            refusals.append(f"{pcm.rate_hz} Hz, {pcm.channels} channels: {exc.args[0]}")
            if code not in _UNSUPPORTED:
                break
        else:
            return stream, pcm
    words = printable(f"{device.name} cannot be opened ({refusals[0]})")
    raise DeviceError(words, "flashlive devices lists the others")
