"""Ears, mouth and turns of a run: clips are spoken, lines are typed, cues wait for what happens."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from flashlive_cli.audio.filemic import WavMicrophone
from flashlive_cli.audio.filespeaker import WavSpeaker
from flashlive_cli.clock import Clock
from flashlive_cli.reports import Stamped, Warned
from flashlive_cli.scenario.clips import SoundClip
from flashlive_cli.scenario.course import Course
from flashlive_cli.scenario.pictures import SHOW_AFTER_S, Pictures
from flashlive_cli.scenario.schema import After, Scenario
from flashlive_cli.scenario.schema import Turn as Written
from flashlive_cli.session.givens import Cue, Sound, Spoken, Turn, Typed, Unsaid

LEAST_SILENCE_S: Final = 1.0
"""
Seconds of the wall's time in which an answer that must not come gets its chance. However fast the clock runs, the
simulator's voice takes 0.1 s for a sentence and a busy machine more: too short a wait would find silence everywhere.
"""


class StagedSound:
    """A microphone that says clips, and a speaker that plays in real time into nothing; see `talk.SoundSource`."""

    def __init__(self, clock: Clock, on_played: Callable[[bytes, float], None]) -> None:
        """Open nothing yet."""
        self.microphone = WavMicrophone(clock)
        self._clock = clock
        self._on_played = on_played
        self._speaker: WavSpeaker | None = None

    def prepare(self) -> None:
        """Nothing to do: all is loaded."""

    async def open(self) -> Sound:
        """Start the speaker."""
        self._speaker = WavSpeaker.open(self._clock, None)
        self._speaker.on_played = self._on_played
        return Sound(self._speaker, self.microphone)

    async def close(self) -> None:
        """Close both; all that was played has been told then."""
        await self.microphone.close()
        if self._speaker is not None:
            await self._speaker.close()


class Events:
    """Lets cues wait for reports; belongs to the event loop."""

    def __init__(self) -> None:
        # By type, the times that were later than all before them. Reports need not be told in the order of their times,
        # but of those at or after a given time the one told first is always one of these.
        self._records_s: dict[str, list[float]] = {}
        self._news = asyncio.Event()

    def listen(self, stamped: Stamped) -> None:
        """Take a report; see `reports.Listener`."""
        records_s = self._records_s.setdefault(stamped.report.type, [])
        if not records_s or stamped.t > records_s[-1]:
            records_s.append(stamped.t)
            self._news.set()

    async def after(self, event: str, since_s: float) -> float:
        """Wait for an event of that type at or after a clock time; return when it was. The one told first counts."""
        while True:
            records_s = self._records_s.get(event, [])
            if (found := bisect_left(records_s, since_s)) < len(records_s):
                return records_s[found]
            self._news.clear()
            await self._news.wait()


class Staging:
    """
    The turns of one run, in order; `missed` tells which cues never came.

    Attributes:
        missed: numbers, from 0, of the turns whose `after` never came: they were taken when the answer had ended.
    """

    def __init__(
        self,
        scenario: Scenario,
        clips: Sequence[SoundClip | None],
        *,
        clock: Clock,
        course: Course,
        events: Events,
        microphone: WavMicrophone,
        pictures: Pictures | None = None,
        listener: Callable[[Stamped], None],
        began: Callable[[int], None],
    ) -> None:
        """
        Be for a run.

        Args:
            scenario: as it is to be run.
            clips: the sound of each turn.
            clock: of the run.
            course: is told of each turn's beginning.
            events: what cues wait for.
            microphone: says the clips.
            pictures: are shown with turns; None for none.
            listener: is told what is wrong with clips, when they are said.
            began: is told the number of each turn, from 0, as it begins.
        """
        self.missed: set[int] = set()
        self._scenario = scenario
        self._clips = clips
        self._clock = clock
        self._course = course
        self._events = events
        self._microphone = microphone
        self._pictures = pictures
        self._listener = listener
        self._began = began
        self._warned: set[str] = set()

    def turns(self) -> Iterator[Turn]:
        """Yield them; a turn begins when it is asked for."""
        written = self._scenario.turn
        if (first := written[0].after) is not None:
            yield Unsaid(Cue(partial(self._wait, 0, first, 0.0), cuts_in=True))
        for number, turn in enumerate(written):
            now = self._clock.now()
            self._course.begin(now)
            self._began(number)
            yield self._staged(number, turn, now)

    def _staged(self, number: int, turn: Written, now: float) -> Turn:
        cue = self._cue(number, turn, now)
        clip = self._clips[number]
        if turn.text is not None:
            return Typed(turn.text, cue, self._pictures.beside(number) if self._pictures is not None else ())
        if clip is not None:
            return Spoken(turn.say_text or Path(clip.name).name, partial(self._say, number, clip), cue)
        return Unsaid(cue or Cue(partial(self._keep_silent, number, (turn.silence_ms or 0) / 1000), cuts_in=False))

    async def _say(self, number: int, clip: SoundClip) -> None:
        """Say a clip, and show what belongs to it meanwhile; each warning of a clip is told once."""
        for warning in clip.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self._listener(Stamped(self._clock.now(), number + 1, Warned(warning)))
        async with asyncio.TaskGroup() as group:
            if self._pictures is not None:
                after_s = min(SHOW_AFTER_S, (clip.duration_s or 0.0) / 2)
                group.create_task(self._pictures.show(number, after_s), name="picture")
            await self._microphone.play(clip)

    async def _keep_silent(self, number: int, seconds: float) -> None:
        if self._pictures is not None:
            await self._pictures.show(number, 0.0)
        await self._clock.sleep(seconds)

    def _cue(self, number: int, turn: Written, now: float) -> Cue | None:
        """Say when the turn after this one is due, where that is not when this one has been answered."""
        following = self._scenario.turn[number + 1] if number + 1 < len(self._scenario.turn) else None
        if following is not None and following.after is not None:
            return Cue(partial(self._wait, number + 1, following.after, now), cuts_in=True)
        if turn.expect.silence:
            if turn.silence_ms is not None:
                wait_s = turn.silence_ms / 1000
            else:
                wait_s = max(self._scenario.silence_for_ms / 1000, LEAST_SILENCE_S * self._clock.speed)
            return Cue(partial(self._clock.sleep, wait_s), cuts_in=False)
        return None

    async def _wait(self, number: int, after: After, since_s: float) -> None:
        self.missed.add(number)
        at_s = await self._events.after(after.event, since_s)
        await self._clock.sleep_until(at_s + after.ms / 1000)
        self.missed.discard(number)
