"""
What the service is shown, and when: what there is to be seen beside the voice, and pictures in typed lines.

    due ─► look, in the eyes' thread ─► [the lane is free] ─► send
    typed ─► [the lane is free] ─► made as small as the line needs it ─► send

Of what is seen all the time nothing is kept that could not be sent: the next one is newer. A typed line waits.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, FlashliveError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Family
from flashlive_cli.reports import Report, VideoLost, VideoReady, VideoSent, Warned
from flashlive_cli.reports.video import Because
from flashlive_cli.session.gate import Gate
from flashlive_cli.session.givens import Eyes, Sound, Still
from flashlive_cli.session.lane import LOOK_S, Lane
from flashlive_cli.session.pump import Pump

LINGERS_S: Final = 0.7
"""After the latest sound of speech: pauses within a sentence are shorter."""
SETTLES_S: Final = 0.4
"""After its beginning, where the service takes stills of speech only: it finds that speech later than our ear."""
RETRY_S: Final = 10.0
"""Between two tries at a camera that is gone."""
TYPED_PATIENCE_S: Final = 1.0
"""Real seconds that a typed line waits for its still."""
CALM_PATIENCE_S: Final = 10.0
"""Real seconds that a typed line waits for the sound before it, so that its pictures may go."""
FIRST_PATIENCE_S: Final = 3.0
"""Real seconds that turns which are given wait for the first look: a camera takes its time to open."""

SAME_AGAIN_S: Final = 10.0
"""What has not changed costs the same tokens as what has; within one utterance it is not shown twice at all."""
BETWEEN_S: Final = 1.0
"""The service looks at one still a second."""


class Sight:
    """Shows the service what there is to be seen; belongs to the event loop, `run` to one task of it."""

    def __init__(
        self,
        eyes: Eyes | None,
        sound: Sound,
        gate: Gate,
        *,
        family: Family,
        wire: Callable[[], Pump | None],
        report: Callable[[Report], None],
        clock: Clock,
    ) -> None:
        """
        Be for one talk.

        Args:
            eyes: look; None where pictures come with typed lines at most.
            sound: tells when the user speaks.
            gate: while it is shut, nothing is shown by itself.
            family: of the model.
            wire: leads to the service; None while nothing does.
            report: is told of what was sent.
            clock: the talk's.
        """
        self._eyes = eyes
        self._sound = sound
        self._gate = gate
        self._family = family
        self._lane = Lane(wire=wire, clock=clock, with_sound=sound.microphone is not None)
        self._report = report
        self._clock = clock
        self._asked = asyncio.Event()
        self._looked = asyncio.Event()
        self._lost = False
        self._next_s = 0.0
        self._speaks_since: float | None = None
        self._sent = 0
        self._skipped = 0
        self._latest: tuple[Still, float] | None = None
        self._anew = False

    def show(self) -> None:
        """Show one still now, whatever the rest says."""
        self._asked.set()

    async def looked(self) -> None:
        """Wait for the first look, but not for long."""
        if self._eyes is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PATIENCE_S):
                await self._looked.wait()

    async def run(self) -> None:
        """Show what is due, until cancelled, or at once where there are no eyes."""
        if (eyes := self._eyes) is None:
            return
        still = await self._look(eyes)
        if still is not None:
            self._tell_ready(eyes, still)
            self._next_s = self._clock.now()  # that one was not shown
        self._looked.set()
        while True:
            because = await self._due(eyes)
            if because == "key":
                await self._lane.free()
            elif not self._lane.is_free:
                self._skip(eyes)
                continue
            still = await self._look(eyes, because)
            if still is not None:
                await self._show(still, because, eyes)

    async def beside(self, pictures: tuple[Still, ...]) -> tuple[Still, ...]:
        """Return what goes with a line that is typed now, with these pictures in it: what is to be seen comes last."""
        eyes, soon = self._eyes, self._clock.now() < self._next_s
        if eyes is None or eyes.when == "key" or self._gate.state == "muted" or (self._lost and soon):
            return pictures
        if soon and self._family.types_live and self._latest is not None:
            return pictures  # the service has one of a moment ago
        try:
            async with asyncio.timeout(TYPED_PATIENCE_S):
                still = await self._look(eyes)
        except TimeoutError:
            return pictures
        return pictures if still is None else (*pictures, still)

    async def ahead(self, pictures: tuple[Still, ...]) -> tuple[Still, ...]:
        """Show all but the last before the line, where the family takes one a second beside it; return what is left."""
        while len(pictures) > 1 and not self._family.shows_inline:
            first, *rest = pictures
            async with self._fitted((first,)) as (wire, stills):
                if wire is None:
                    return ()
                for still in stills:
                    with contextlib.suppress(ConnectionLost):  # the line itself will meet it
                        await self._send(still, "typed", wire)
            pictures = tuple(rest)
            await self._clock.sleep(BETWEEN_S)
        return pictures

    @contextlib.asynccontextmanager
    async def with_line(self, pictures: tuple[Still, ...]) -> AsyncIterator[tuple[Still, ...]]:
        """
        Have the lane for a typed line; yields its pictures as they are to be sent, none where sound leaves no room.

        The line is sent in a block of `sending`.
        """
        if not pictures:
            yield ()
            return
        async with self._fitted(pictures) as (_, stills):
            yield stills

    @contextlib.contextmanager
    def sending(self, stills: Sequence[Still], because: Because = "typed") -> Iterator[None]:
        """Send these in this block."""
        if not stills:
            yield
            return
        with self._lane.measured(sum(len(still.image) for still in stills)):
            yield
        for still in stills:
            self._note(still, because)

    def moved(self, *, resumed: bool) -> None:
        """Note that another connection carries on; a session that is not the old one has seen nothing."""
        self._anew = not resumed

    async def show_again(self, since_s: float, wire: Pump) -> None:
        """
        Show the latest of what was shown since then, over another connection, whose session may not know it.

        Raises:
            ConnectionLost: that has ended, too.
        """
        if self._latest is not None and self._latest[1] >= since_s:
            still = self._latest[0]
            await wire.send(c.SendVideo(still.image, still.mime_type))

    async def _due(self, eyes: Eyes) -> Because:
        """Wait until a still is to be shown."""
        while True:
            if self._asked.is_set():
                self._asked.clear()
                return "key"
            because = self._by_itself(eyes)
            if because is not None:
                return because
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if eyes.when == "key" else LOOK_S):
                    await self._asked.wait()

    def _by_itself(self, eyes: Eyes) -> Because | None:
        """Return why a still is due that nobody asks for."""
        now = self._clock.now()
        since_s = self._speaks_since = self._speech(now)
        if eyes.when == "key" or now < self._next_s or not self._gate.is_open:
            return None
        if eyes.when == "always":
            return "always"
        if since_s is None:
            return None
        return "speech" if self._family.sees_silence or now - since_s >= SETTLES_S else None

    def _speech(self, now: float) -> float | None:
        """Return since when the user speaks, or pushes to talk; None while nobody does."""
        if self._gate.manual:
            since_s = self._speaks_since
            return (now if since_s is None else since_s) if self._gate.is_open else None
        started_s, ended_s = self._sound.speech_started_s, self._sound.speech_ended_s
        if started_s is None or ended_s is None or now - max(started_s, ended_s) > LINGERS_S:
            return None
        return started_s

    def _may_go(self, still: Still, because: Because) -> bool:
        """Whether it may still, after a look that took its time, and shows anything new."""
        if because == "key":
            return True
        if not self._gate.is_open:
            return False
        if self._anew or self._latest is None or self._latest[0].image != still.image:
            return True
        shown_s = self._latest[1]
        if because == "always":
            return self._clock.now() - shown_s >= SAME_AGAIN_S
        return self._speaks_since is None or shown_s < self._speaks_since

    async def _look(self, eyes: Eyes, because: Because = "always") -> Still | None:
        try:
            still = await eyes.look(self._lane.most_bytes())
        except FlashliveError as failure:
            self._next_s = self._clock.now() + RETRY_S
            if not self._lost or because == "key":
                self._report(VideoLost(eyes.name, str(failure)))
            self._lost = True
            return None
        if self._lost:
            self._lost = False
            self._tell_ready(eyes, still)
        self._next_s = self._clock.now() + max(eyes.every_s, eyes.rest_s * self._clock.speed)
        return still

    def _skip(self, eyes: Eyes) -> None:
        """Let one go unseen that was due: sound waits."""
        self._skipped += 1
        self._next_s = self._clock.now() + eyes.every_s / 2

    async def _show(self, still: Still, because: Because, eyes: Eyes) -> None:
        async with self._lane.turn(patience_s=math.inf if because == "key" else 0.0) as wire:
            if wire is None:
                self._skip(eyes)
            elif self._may_go(still, because):
                with contextlib.suppress(ConnectionLost):  # the keeper's business; what comes after is newer
                    await self._send(still, because, wire)

    async def _send(self, still: Still, because: Because, wire: Pump) -> None:
        with self.sending((still,), because):
            await wire.send(c.SendVideo(still.image, still.mime_type))

    @contextlib.asynccontextmanager
    async def _fitted(self, pictures: tuple[Still, ...]) -> AsyncIterator[tuple[Pump | None, tuple[Still, ...]]]:
        """Have the lane for what is sent together, made as small as the line needs it; for nothing where it is full."""
        async with self._lane.turn(patience_s=CALM_PATIENCE_S) as wire:
            if wire is None:
                self._report(Warned("the connection is too slow for pictures: the typed line goes without"))
                yield None, ()
                return
            most_bytes = self._lane.most_bytes(len(pictures))
            fitting = [await self._within(still, most_bytes) for still in pictures]
            yield wire, tuple(still for still in fitting if still is not None)

    async def _within(self, still: Still, most_bytes: int) -> Still | None:
        if len(still.image) <= most_bytes:
            return still
        try:
            return await asyncio.to_thread(still.within, most_bytes)
        except FlashliveError as failure:
            self._report(Warned(f"{failure}; the typed line goes without it"))
            return None

    def _note(self, still: Still, because: Because) -> None:
        self._sent += 1
        self._latest = (still, self._clock.now())
        self._anew = False
        skipped, self._skipped = self._skipped, 0
        self._report(
            VideoSent(because, still.width, still.height, len(still.image), still.mime_type, self._sent, skipped)
        )
        if self._eyes is not None:
            self._eyes.shown(still)

    def _tell_ready(self, eyes: Eyes, still: Still) -> None:
        self._report(VideoReady(eyes.name, eyes.when, eyes.every_s, still.width, still.height))
