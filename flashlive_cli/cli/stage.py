"""A talk held: introduces the cast to the session, and sees to it that all ends well."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from flashlive_cli.audio.clips import Clip
from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.cli.casting import STDOUT, Cast, cast_talk
from flashlive_cli.cli.exits import KILLED_BY
from flashlive_cli.cli.screen import Screen
from flashlive_cli.cli.turns import Given
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config, Resolved
from flashlive_cli.errors import DeviceError, FlashliveError
from flashlive_cli.session.conversation import Patience, Sound, Spoken, Turn, Typed
from flashlive_cli.session.endpoint import Endpoint, find_endpoint
from flashlive_cli.session.talk import Talk


def hold_talk(resolved: Resolved, given: Sequence[Given], *, raw: bool, sim: bool, scenario: Path | None) -> None:
    """
    Hold a talk from beginning to end.

    Raises:
        FlashliveError: nothing was begun: settings, files or tools are wrong.
        typer.Exit: the talk ended in an error, which it has reported itself.
    """
    with ExitStack() as stack:
        cast = cast_talk(resolved, given, raw=raw, sim=sim, scenario=scenario, stack=stack)
        asyncio.run(_hold(resolved.config, cast))


async def _hold(settings: Config, cast: Cast) -> None:
    clock = Clock(settings.speed)
    screen = Screen(settings.format, clock, data=cast.data, sound_on_stdout=settings.output == STDOUT)
    async with AsyncExitStack() as stack:
        stack.enter_context(_terminable())
        stack.enter_context(screen.shown())
        if cast.toolbox is not None:
            from flashlive_cli.toolbox.prints import tool_prints_to  # noqa: PLC0415 - pydantic

            stack.enter_context(tool_prints_to(screen.tool_printed, stray=sys.stderr))
        stage = _Stage(cast, settings, clock, screen, stack)
        talk = Talk(
            endpoint=await stack.enter_async_context(_far_end(cast, clock)),
            model=cast.model,
            setup=cast.setup,
            sound=stage,
            tools=cast.toolbox,
            listener=screen.listen,
            clock=clock,
            patience=Patience(
                setup_s=settings.setup_timeout_s,
                answer_s=settings.answer_timeout_s,
                max_duration_s=settings.max_duration,
            ),
            simulated=cast.endpoint is None,
        )
        try:
            await talk.hold(stage.turns())
        except FlashliveError as error:
            raise screen.gave_up(error) from None
        except asyncio.CancelledError:
            if screen.failure is not None:
                raise screen.gave_up(screen.failure) from None
            raise


if TYPE_CHECKING:
    from flashlive_cli.audio.devices import CardSpeaker, Device
    from flashlive_cli.audio.echo import Echo
    from flashlive_cli.audio.ring import Ring


class _Stage:
    """Ears and mouth of a talk, opened when the service has accepted it and closed with the stack."""

    def __init__(self, cast: Cast, settings: Config, clock: Clock, screen: Screen, stack: AsyncExitStack) -> None:
        self._cast = cast
        self._settings = settings
        self._clock = clock
        self._screen = screen
        self._stack = stack
        self._clips = WavMicrophone(clock) if cast.has_clips else None
        self._microphone: Device | None = None
        self._speaker: Device | None = None
        self._speaker_latency_s = 0.0
        self._reference: Ring | None = None

    def prepare(self) -> None:
        """
        Load what takes time, while the service thinks about the setup: see `talk.SoundSource`.

        Raises:
            DeviceError: there is no such device.
            ConfigError: more than one fits.
        """
        import numpy as np  # noqa: F401, PLC0415 - the first sound needs it; here its 60 ms cost nothing

        if self._cast.turns is not None and not self._cast.aloud:
            return
        from flashlive_cli.audio.devices import SWITCH_INTERVAL_S, find_device  # noqa: PLC0415 - PortAudio: 80 ms

        sys.setswitchinterval(SWITCH_INTERVAL_S)
        if self._cast.turns is None:
            self._microphone = find_device(self._settings.input_device, output=False)
        if self._cast.aloud:
            self._speaker = find_device(self._settings.output_device, output=True)

    async def open(self) -> Sound:
        """
        Open the output and both ends; only now is a file that was there overwritten.

        Raises:
            DeviceError: a device cannot be opened.
            FileError: the output cannot be created.
        """
        speaker = await self._open_speaker()
        if self._microphone is None:
            if self._clips is not None:
                self._stack.push_async_callback(self._clips.close)
            return Sound(speaker, self._clips)
        from flashlive_cli.audio.devices import CardMicrophone  # noqa: PLC0415 - loaded by `prepare`

        microphone = CardMicrophone(self._clock, self._microphone, lost=self._screen.failed)
        self._stack.push_async_callback(microphone.close)
        if self._reference is not None:
            delay_ms = round(1000 * (self._speaker_latency_s + microphone.latency_s))
            microphone.clean = self._make_echo(self._reference, delay_ms=delay_ms)
        return Sound(speaker, microphone)

    async def _open_speaker(self) -> "CardSpeaker | WavSpeaker":
        if self._speaker is None:
            file = WavSpeaker.open(self._clock, self._cast.output, failed=self._screen.failed)
            self._stack.push_async_callback(file.close)
            return file
        from flashlive_cli.audio.devices import CardSpeaker  # noqa: PLC0415 - loaded by `prepare`
        from flashlive_cli.audio.echo import reference_ring  # noqa: PLC0415 - loaded by `prepare`

        if self._microphone is not None and self._settings.echo != "off":
            self._reference = reference_ring()
        card = CardSpeaker(self._clock, self._speaker, lost=self._screen.failed, reference=self._reference)
        self._stack.push_async_callback(card.close)
        self._speaker_latency_s = card.latency_s
        return card

    def _make_echo(self, reference: "Ring", *, delay_ms: int) -> "Echo":
        from flashlive_cli.audio.echo import Echo  # noqa: PLC0415 - loaded by `prepare`

        if self._settings.echo == "half":
            return Echo("half", reference, delay_ms=delay_ms)
        try:
            return Echo("cancel", reference, delay_ms=delay_ms)
        except DeviceError as error:
            if self._settings.echo == "cancel":
                raise
            self._screen.warn(f"{error}: half duplex, the microphone is off while the reply sounds")
            return Echo("half", reference, delay_ms=delay_ms)

    def turns(self) -> Iterator[Turn] | None:
        """Say what was given, in order; None for a talk by microphone."""
        if self._cast.turns is None:
            return None
        return (
            Typed(turn.value) if clip is None else Spoken(clip.name, partial(self._speak, clip))
            for turn, clip in self._cast.turns
        )

    async def _speak(self, clip: Clip) -> None:
        assert self._clips is not None, "there is one where there are clips"
        await self._clips.play(clip)
        for warning in clip.warnings:
            self._screen.warn(warning)


@asynccontextmanager
async def _far_end(cast: Cast, clock: Clock) -> AsyncIterator[Endpoint]:
    """Point at the service, or bring up the simulator for the length of the talk."""
    if cast.endpoint is not None:
        yield cast.endpoint
        return
    from flashlive_cli.sim.server import serve  # noqa: PLC0415 - the simulator, for who talks to it

    async with serve(clock=clock, script=cast.script) as server:
        yield find_endpoint(server.url, "simulator")


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end a talk as politely as Ctrl-C: socket closed, files finished."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    ended_by = 0

    def terminate(number: int) -> None:
        nonlocal ended_by
        ended_by = number
        if task is not None:
            task.cancel()

    for name in ("SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has neither to speak of
            number = getattr(signal, name)
            loop.add_signal_handler(number, terminate, number)
    try:
        yield
    except asyncio.CancelledError:
        if ended_by:
            raise typer.Exit(KILLED_BY + ended_by) from None
        raise
