"""
The way of pictures to the wire. It never gets into the way of the sound.

    due ─► look, in the eyes' thread ─► [is the line calm?] ─► send ─► how long did that take?

A WebSocket is one queue: what is said while a picture leaves follows behind it. So a picture is sent when nothing else
waits, one at a time, and none larger than what leaves within `MOST_DELAY_S`, as measured by those before. What could
not be sent is not kept: the next one is newer.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, FlashliveError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Family
from flashlive_cli.reports import Report, VideoLost, VideoReady, VideoSent
from flashlive_cli.reports.video import Because
from flashlive_cli.session.gate import Gate
from flashlive_cli.session.givens import Eyes, Sound, Still
from flashlive_cli.session.pump import Pump

LOOK_S: Final = 0.05
"""Real seconds between two looks at whether the user speaks: nothing rings when the lamp is lit."""
LINGERS_S: Final = 0.7
"""After the latest sound of speech: pauses within a sentence are shorter."""
SETTLES_S: Final = 0.4
"""After its beginning, where the service takes stills of speech only: it finds that speech later than our ear."""
CALM_BYTES: Final = 2**14
"""A third of a second of sound on the wire: where more waits, the network is slower than the voice."""
RETRY_S: Final = 10.0
"""Between two tries at a camera that is gone."""
TYPED_PATIENCE_S: Final = 1.0
"""Real seconds that a typed line waits for its still."""
FIRST_PATIENCE_S: Final = 3.0
"""Real seconds that turns which are given wait for the first look: a camera takes its time to open."""

SAME_AGAIN_S: Final = 10.0
"""What has not changed costs the same tokens as what has; within one utterance it is not shown twice at all."""
BETWEEN_S: Final = 1.0
"""The service looks at one still a second."""

MOST_BYTES: Final = 200_000
LEAST_BYTES: Final = 8_000
FIRST_BYTES: Final = 100_000
"""Before anybody knows how fast the line is."""
MOST_DELAY_S: Final = 0.1
"""Real seconds for which a picture may hold up the sound behind it."""


def now_bytes(most_bytes: int, sent_bytes: int, took_s: float) -> int:
    """
    Return how large the next picture may be.

    Args:
        most_bytes: how large the latest one might have been.
        sent_bytes: how large it was.
        took_s: real seconds until it had left.
    """
    if took_s > MOST_DELAY_S:
        return max(LEAST_BYTES, min(most_bytes, round(sent_bytes * MOST_DELAY_S / took_s)))
    if took_s < MOST_DELAY_S / 2:
        return min(MOST_BYTES, most_bytes * 2)
    return most_bytes


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
        self._wire = wire
        self._report = report
        self._clock = clock
        self._asked = asyncio.Event()
        self._looked = asyncio.Event()
        self._lost = False
        self._next_s = 0.0
        self._speaks_since: float | None = None
        self._most_bytes = FIRST_BYTES
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
            wire = await self._wire_for(because, eyes)
            still = await self._look(eyes, because) if wire is not None else None
            if wire is not None and still is not None and self._may_go(still, because):
                with contextlib.suppress(ConnectionLost):  # the keeper's business; what comes after is newer
                    await self._send(still, because, wire)

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

    async def ahead(self, pictures: tuple[Still, ...], wire: Pump) -> tuple[Still, ...]:
        """Show all but the last before the line, where the family takes one a second beside it; return what is left."""
        while len(pictures) > 1 and not self._family.shows_inline:
            still, *rest = pictures
            with contextlib.suppress(ConnectionLost):  # the line itself will meet it
                await wire.send(c.SendVideo(still.image, still.mime_type))
            self._note(still, "typed")
            pictures = tuple(rest)
            await self._clock.sleep(BETWEEN_S)
        return pictures

    def typed(self, pictures: tuple[Still, ...]) -> None:
        """Note what went out with a typed line."""
        for still in pictures:
            self._note(still, "typed")

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

    async def _wire_for(self, because: Because, eyes: Eyes) -> Pump | None:
        """Return where a still may go now; None where it may not, and the next one will be newer."""
        while True:
            wire = self._wire()
            if wire is not None and wire.unsent_bytes <= CALM_BYTES:
                return wire
            if because != "key":
                self._skipped += 1
                self._next_s = self._clock.now() + eyes.every_s / 2
                return None
            await asyncio.sleep(LOOK_S)

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
            still = await eyes.look(self._most_bytes)
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

    async def _send(self, still: Still, because: Because, wire: Pump) -> None:
        begun_s = self._clock.now()
        await wire.send(c.SendVideo(still.image, still.mime_type))
        took_s = self._clock.real(self._clock.now() - begun_s)
        self._most_bytes = now_bytes(self._most_bytes, len(still.image), took_s)
        self._note(still, because)

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
