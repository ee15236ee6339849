"""Turns that are given: say one, wait until it is answered, or until its cue, and say the next."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.errors import NoAnswer
from flashlive_cli.reports import Report, Warned
from flashlive_cli.session.answers import Answers
from flashlive_cli.session.givens import Cue, Sound, Spoken, Turn, Typed, Unsaid
from flashlive_cli.session.limits import Curfew
from flashlive_cli.session.narrator import Narrator
from flashlive_cli.session.questions import Questions
from flashlive_cli.session.typist import Typist


class Recital:
    """Takes the turns of one talk; belongs to the event loop, `take` to one task of it."""

    def __init__(
        self,
        sound: Sound,
        *,
        settle: Callable[[], Awaitable[None]],
        push: Callable[[bool], None],
        typist: Typist,
        answers: Answers,
        questions: Questions,
        narrator: Narrator,
        report: Callable[[Report], None],
        clock: Clock,
        curfew: Curfew,
    ) -> None:
        """
        Be for one talk.

        Args:
            sound: tells when a clip has spoken.
            settle: lets a move that is due happen between two turns.
            push: tells that a clip begins to speak (True), and that it has ended.
            typist: says what is typed.
            answers: are waited for.
            questions: are told of answers that are not waited for any more.
            narrator: is told of a clip's beginning.
            report: is told what was not as it should be.
            clock: the talk's.
            curfew: ends the turns.
        """
        self._sound = sound
        self._settle = settle
        self._push = push
        self._typist = typist
        self._answers = answers
        self._questions = questions
        self._narrator = narrator
        self._report = report
        self._clock = clock
        self._curfew = curfew

    async def take(self, turns: Iterable[Turn], *, began_s: float) -> None:
        """
        Take the turns of a talk that began then, to their end or to a limit.

        Raises:
            NoAnswer: not a single one was answered to the end.
        """
        taken = answered = 0
        lasts_s = self._curfew.duration_s
        limit_s = None if lasts_s is None else began_s + lasts_s
        for turn in turns:
            await self._settle()
            begun = self._clock.now()
            self._curfew.lasted(begun - began_s)
            if self._curfew.reached.is_set():
                self._report(Warned(self._curfew.words))
                return
            match turn:
                case Typed(text, pictures=pictures):
                    begun = asked = await self._typist.say(text, pictures)
                    name = "the typed line"
                case Spoken(name, play):
                    self._narrator.listening()
                    self._push(True)
                    await self._play(play, limit_s)
                    self._push(False)
                    asked = self._asked_by(name)
                case Unsaid():
                    name, asked = "what was not said", begun
                case _:
                    assert_never(turn)
            taken += not isinstance(turn, Unsaid)
            if await self._is_over(turn.cue, name, begun=begun, asked=asked):
                answered += 1
            else:
                self._questions.gave_up()
        if taken and not answered:
            begun = self._narrator.reply_started_s is not None
            raise NoAnswer(f"the server took every turn and answered none{' to its end' if begun else ''}")

    async def _is_over(self, cue: Cue | None, name: str, *, begun: float, asked: float) -> bool:
        """Wait until the next turn is due; False where an answer was missed."""
        if cue is None:
            return await self._answers.is_answered(name, begun=begun, asked=asked)
        if cue.cuts_in:
            async with asyncio.TaskGroup() as group:
                answered = group.create_task(self._answers.is_answered(name, begun=begun, asked=asked), name="answer")
                reached = group.create_task(_awaited(cue.reached()), name="cue")
                await asyncio.wait((answered, reached), return_when=asyncio.FIRST_COMPLETED)
                for task in (answered, reached):
                    task.cancel()
            return answered.cancelled() or answered.result()
        await cue.reached()
        if self._answers.has_begun(begun):
            await self._answers.is_answered(name, begun=begun, asked=begun)
        return True

    async def _play(self, play: Callable[[], Awaitable[None]], limit_s: float | None) -> None:
        """Let the microphone speak a clip, to its end or to the limit of the talk."""
        left_s = None if limit_s is None else max(0.0, self._clock.real(limit_s - self._clock.now()))
        try:
            async with asyncio.timeout(left_s) as limit:
                await play()
        except TimeoutError:
            if not limit.expired():
                raise

    def _asked_by(self, clip: str) -> float:
        """Return when the clip that just ended stopped speaking."""
        spoken_until = self._sound.speech_ended_s
        if spoken_until is not None:
            return spoken_until
        self._report(Warned(f"{clip} holds nothing that sounds like speech"))
        return self._clock.now()


async def _awaited(waiting: Awaitable[None]) -> None:
    await waiting
