"""A talk held: introduces the cast to the session, and sees to it that all ends well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from flashlive_cli.cli.casting import Cast, cast_talk
from flashlive_cli.cli.ending import Ending
from flashlive_cli.cli.eyes import open_eyes
from flashlive_cli.cli.keep import open_recorder
from flashlive_cli.cli.keyset import offered_keys, open_keys
from flashlive_cli.cli.resume import open_leaver
from flashlive_cli.cli.rules import STDOUT, Asked
from flashlive_cli.cli.screen import Screen
from flashlive_cli.cli.sound import TalkSound
from flashlive_cli.cli.stopping import StopSignals
from flashlive_cli.cli.toolset import make_consent, open_toolset
from flashlive_cli.clock import Clock
from flashlive_cli.config import Config, Resolved
from flashlive_cli.session.endpoint import Endpoint, find_endpoint
from flashlive_cli.session.givens import Patience
from flashlive_cli.session.limits import Limits
from flashlive_cli.session.talk import Talk

if TYPE_CHECKING:
    from flashlive_cli.session.wishes import Wish


def hold_talk(resolved: Resolved, asked: Asked) -> None:
    """
    Hold a talk from beginning to end.

    Raises:
        FlashliveError: nothing was begun: settings, files or tools are wrong.
        typer.Exit: the talk ended in an error, which it has reported itself.
    """
    with ExitStack() as stack:
        cast = cast_talk(resolved, asked, stack)
        with StopSignals() as stop:
            asyncio.run(_hold(resolved.config, cast, stop, resume=asked.resume))


async def _hold(settings: Config, cast: Cast, stop: StopSignals, *, resume: bool) -> None:
    clock = Clock(settings.speed)
    ending = Ending()
    screen = Screen(
        cast.outputs.form,
        clock,
        data=cast.outputs.data,
        sound_on_stdout=settings.output == STDOUT,
        failed=ending.failed_in_thread,
        passage=cast.outputs.passage,
        keys=offered_keys(cast, settings),
        limit_s=settings.max_duration,
    )
    wishes: asyncio.Queue[Wish] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop.told())
        stack.enter_context(screen.shown())
        with ending.shown_on(screen):
            recorder = open_recorder(cast, settings, clock, screen, stack)
            eyes = open_eyes(cast, settings, clock, screen, stack)
            keys = open_keys(cast, settings, screen, wishes, stack, leave=ending.leave)
            tools = await open_toolset(cast, settings, screen, stack)
            on_played = recorder.played if recorder else None
            sound = TalkSound(cast, settings, clock, screen, stack, failed=ending.failed, on_played=on_played)
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
                renewed=leaver.keep if leaver else None,
                simulated=cast.far_end.endpoint is None,
            )
            if leaver is not None:
                leaver.left = lambda: talk.left
            await talk.hold(sound.turns())


@asynccontextmanager
async def _far_end(cast: Cast, clock: Clock, screen: Screen) -> AsyncIterator[Endpoint]:
    """Point at the service, or bring up the simulator for the length of the talk."""
    if cast.far_end.endpoint is not None:
        yield cast.far_end.endpoint
        return
    from flashlive_cli.sim.server import serve  # noqa: PLC0415 - the simulator, for who talks to it

    async with serve(clock=clock, script=cast.far_end.script, on_doubt=screen.warn) as server:
        yield find_endpoint(server.url, "simulator")
