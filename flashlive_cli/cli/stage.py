"""A talk held: introduces the cast to the session, and sees to it that all ends well."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from flashlive_cli.cli.casting import Cast, cast_talk
from flashlive_cli.cli.exits import KILLED_BY
from flashlive_cli.cli.eyes import open_eyes
from flashlive_cli.cli.keep import open_recorder
from flashlive_cli.cli.keys import offered_keys, open_keys
from flashlive_cli.cli.resume import open_leaver
from flashlive_cli.cli.rules import STDOUT
from flashlive_cli.cli.screen import Screen
from flashlive_cli.cli.sound import TalkSound
from flashlive_cli.cli.toolset import make_consent, open_toolset
from flashlive_cli.cli.turns import Given
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config, Resolved
from flashlive_cli.errors import FlashliveError
from flashlive_cli.session.endpoint import Endpoint, find_endpoint
from flashlive_cli.session.givens import Patience
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.talk import Talk

if TYPE_CHECKING:
    from flashlive_cli.session.wishes import Wish


def hold_talk(
    resolved: Resolved, given: Sequence[Given], *, raw: bool, sim: bool, scenario: Path | None, yes: bool, resume: bool
) -> None:
    """
    Hold a talk from beginning to end.

    Raises:
        FlashliveError: nothing was begun: settings, files or tools are wrong.
        typer.Exit: the talk ended in an error, which it has reported itself.
    """
    with ExitStack() as stack:
        cast = cast_talk(resolved, given, raw=raw, sim=sim, scenario=scenario, yes=yes, stack=stack)
        asyncio.run(_hold(resolved.config, cast, resume=resume))


async def _hold(settings: Config, cast: Cast, *, resume: bool) -> None:
    clock = Clock(settings.speed)
    screen = Screen(
        cast.form,
        clock,
        data=cast.data,
        sound_on_stdout=settings.output == STDOUT,
        passage=cast.passage,
        keys=offered_keys(cast, settings),
        limit_s=settings.max_duration,
    )
    wishes: asyncio.Queue[Wish] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        stack.enter_context(_terminable())
        stack.enter_context(screen.shown())
        try:
            recorder = open_recorder(cast, settings, clock, screen, stack)
            eyes = open_eyes(cast, settings, clock, screen, stack)
            keys = open_keys(cast, settings, screen, wishes, stack)
            tools = await open_toolset(cast, settings, screen, stack)
        except FlashliveError as error:
            raise screen.gave_up(error) from None
        sound = TalkSound(cast, settings, clock, screen, stack, on_played=recorder.played if recorder else None)
        screen.meters = sound.meters
        leaver = open_leaver(cast, screen, stack, resume=resume)
        talk = Talk(
            endpoint=await stack.enter_async_context(_far_end(cast, clock, screen)),
            model=cast.model,
            setup=replace(cast.setup, functions=tools.functions) if tools else cast.setup,
            sound=sound,
            tools=tools,
            renewal=tools,
            consent=make_consent(cast, settings, screen, keys),
            wishes=wishes,
            witness=recorder,
            eyes=eyes,
            listener=screen.listen,
            clock=clock,
            patience=Patience(
                setup_s=settings.setup_timeout_s,
                answer_s=settings.answer_timeout_s,
            ),
            limits=Limits(duration_s=settings.max_duration, cost_usd=settings.max_cost),
            price=cast.price,
            left=leaver.found if leaver else None,
            simulated=cast.endpoint is None,
        )
        if leaver is not None:
            leaver.left = lambda: talk.left
        try:
            await talk.hold(sound.turns())
        except FlashliveError as error:
            raise screen.gave_up(error) from None
        except asyncio.CancelledError:
            if screen.failure is not None:
                raise screen.gave_up(screen.failure) from None
            if not screen.left:
                raise
        finally:
            screen.over()


@asynccontextmanager
async def _far_end(cast: Cast, clock: Clock, screen: Screen) -> AsyncIterator[Endpoint]:
    """Point at the service, or bring up the simulator for the length of the talk."""
    if cast.endpoint is not None:
        yield cast.endpoint
        return
    from flashlive_cli.sim.server import serve  # noqa: PLC0415 - the simulator, for who talks to it

    async with serve(clock=clock, script=cast.script, on_doubt=screen.warn) as server:
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
