"""What is typed, said line by line, with the pictures that belong to it."""

import asyncio
import contextlib

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost
from flashlive_cli.session.givens import Still
from flashlive_cli.session.narrator import Narrator
from flashlive_cli.session.questions import Questions
from flashlive_cli.session.reconnect import Keeper
from flashlive_cli.session.sight import Sight
from flashlive_cli.session.wishes import Say


class Typist:
    """Says typed lines; belongs to the event loop, `run` to one task of it."""

    def __init__(self, keeper: Keeper, *, narrator: Narrator, questions: Questions, sight: Sight, clock: Clock) -> None:
        """Say by the keeper's connection, and tell the others of it."""
        self._keeper = keeper
        self._narrator = narrator
        self._questions = questions
        self._sight = sight
        self._clock = clock
        self._lines: asyncio.Queue[Say] = asyncio.Queue()

    def put(self, line: Say) -> None:
        """Have a line said after those that wait."""
        self._lines.put_nowait(line)

    async def run(self) -> None:
        """Say what is put, until cancelled."""
        while True:
            line = await self._lines.get()
            await self.say(line.text, line.pictures)

    async def say(self, text: str, pictures: tuple[Still, ...]) -> float:
        """Say a typed turn, and return when that was; one that breaks the line is asked again over the next."""
        shown = await self._sight.beside(pictures)
        await self._keeper.in_place.wait()
        shown = await self._sight.ahead(shown)
        async with self._sight.with_line(shown) as stills:
            await self._keeper.in_place.wait()  # pictures take their time, in which nobody knows of the line yet
            now = self._clock.now()
            images = tuple((still.image, still.mime_type) for still in stills)
            self._narrator.typed(text, now)
            self._questions.typed(text, now, images)
            with contextlib.suppress(ConnectionLost), self._sight.sending(stills):
                await self._keeper.wire.type_text(text, images)
        return now
