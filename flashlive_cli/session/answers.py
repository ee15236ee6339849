"""Whether the server has answered a turn: waiting for it, and telling the user when nothing comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.machine import State
from flashlive_cli.reports import Report, Warned
from flashlive_cli.session.givens import Patience, Sound
from flashlive_cli.session.line import Line
from flashlive_cli.session.narrator import Narrator

QUIET_S: Final = 3.0
"""A clip that ends in noise was answered before its end: so many conversation seconds we wait for another answer,
which none may be. The service ends an utterance after 1.2 s of silence and answers within a second of that."""
LEAST_PATIENCE_S: Final = 2.0
UTTERANCE_S: Final = 1.0
"""What our ear hears for so long is taken for speech, also where the server has not said that it hears any."""
LOOK_S: Final = 0.5
MOST_ARRIVALS: Final = 3
"""So many connections may begin to be silent anew; who moves again and again in silence is not answered."""
_NO_SIGN: Final = (e.SetupComplete, e.HandleIssued, e.GoAway)
"""Said by a connection, and not of what was asked."""


class Answers:
    """
    Waits for the answers to the turns of one talk; belongs to the event loop.

    Attributes:
        unanswered_speech: the server has heard the user, and not yet said anything to it.
    """

    def __init__(
        self,
        line: Line,
        sound: Sound,
        *,
        narrator: Narrator,
        report: Callable[[Report], None],
        clock: Clock,
        patience: Patience,
        moving: Callable[[], bool],
        went_out: Callable[[float], bool],
    ) -> None:
        self.unanswered_speech = False
        self._line = line
        self._sound = sound
        self._narrator = narrator
        self._report = report
        self._clock = clock
        self._patience = patience
        self._moving = moving
        self._went_out = went_out
        self._news = asyncio.Event()
        self._generated_s: float | None = None
        self._moved_s = 0.0
        self._silent_since_s = 0.0  # the latest at which it was no wonder, or no longer so, that nothing came
        self._told_of_s: float | None = None  # the silence that the user was told of last
        self._arrivals = 0  # since the last sign
        self._typed_s: float | None = None  # the typed line that has met with nothing yet
        self._midway = False  # of a reply; words that trail behind the end of their turn are none

    def news(self) -> None:
        """Note that something has happened: the narrator knows what."""
        if self._typed_s is not None and self.has_begun(self._typed_s):
            self._typed_s = None
        self._news.set()

    def asked(self, now: float) -> None:
        """Note that the server was told what it has not answered: what a tool has come to, say."""
        self._silent_since_s = max(self._silent_since_s, now)
        self.news()

    def typed(self, asked_s: float) -> None:
        """Note that a line that was typed then goes out, be it once more."""
        self._typed_s = asked_s
        self.asked(asked_s)

    def stopped(self) -> None:
        """Note that the user does not want the answer to the typed line."""
        self._typed_s = None

    def arrived(self) -> None:
        """Note that another connection carries the talk: its silence begins now."""
        self._moved_s, self._midway = self._clock.now(), False
        self._arrivals += 1
        if self._arrivals <= MOST_ARRIVALS:
            self._silent_since_s = self._moved_s
        self.news()

    def fell_silent(self, now: float) -> None:
        """Note that all that had come has been played: what is waited for begins to be late only now."""
        self._silent_since_s = now
        self.news()

    def answered_since(self, asked_s: float) -> bool:
        """Whether all of an answer to what was asked then has come, be it still being played."""
        began_s = self._narrator.reply_started_s
        return began_s is not None and asked_s <= began_s and self.generated_since(began_s)

    def generated_since(self, when_s: float) -> bool:
        """Whether the server has come to an end of what it had to say, be it nothing."""
        return self._generated_s is not None and when_s <= self._generated_s

    def told(self, event: e.Event, now: float) -> None:
        """Note what the server said, before the narrator is told."""
        if not isinstance(event, _NO_SIGN):
            self._silent_since_s, self._arrivals = now, 0
        self._follow(event)
        match event:
            case e.SpeechStarted():
                self.unanswered_speech = True
            case e.InputTranscript():
                # one that trails into the reply, as may happen, is of speech that is being answered
                self.unanswered_speech |= self._line.protocol.state in {State.LISTENING, State.CUT}
            case e.GenerationComplete():
                self._generated_s = now
            case e.TurnComplete():
                self._generated_s = now
                self.unanswered_speech = False
            case e.ToolCall() | e.AudioChunk() | e.OutputTranscript():
                self.unanswered_speech = False
            case _:
                pass

    def _follow(self, event: e.Event) -> None:
        """Follow the reply, and the turn that has none."""
        match event:
            case e.AudioChunk():
                self._midway = True
            case e.OutputTranscript() | e.ModelText():
                self._midway |= self.unanswered_speech or self._typed_s is not None
            case e.GenerationComplete() | e.Interrupted():
                self._midway = False
            case e.TurnComplete():
                self._midway = False
                if not self.has_begun(self._narrator.turn_completed_s or 0.0):  # a turn of nothing
                    self._typed_s = None
            case _:
                pass

    async def is_answered(self, name: str, *, begun: float, asked: float) -> bool:
        """Wait for the end of the answer to a turn that began and ended at these times; False when it did not come."""
        waiting_since = self._clock.now()
        told_of_stall = False
        while not self._has_answered(asked):
            # answered in the middle of the clip, and what came after was no speech to the server
            early = self._has_answered(begun) and not self.unanswered_speech
            quiet_s = waiting_since + QUIET_S - self._clock.now()
            if early and quiet_s <= 0:
                return True
            patience_s = self._clock.real(quiet_s) if early else self._patience_s(waiting_since, stalled=told_of_stall)
            try:
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
                self._news.clear()
            except TimeoutError:
                if early or self._moving():
                    continue
                if told_of_stall:
                    return self._gave_up_on(name, since=begun)
                told_of_stall = True
                what = "nothing more of the answer" if self.has_begun(begun) else "no answer"
                self._report(self._stalled(f"{what} to {name}"))
        return True

    async def watch(self, *, finish: Callable[[], Awaitable[None]], break_off: Callable[[], None]) -> None:
        """
        Look after the answers of a live talk until cancelled: say when none comes, and do what can be done.

        Args:
            finish: tells the server that the user has finished: it may not have noticed.
            break_off: has the talk go on over another connection, where all is asked again.
        """
        nudged: float | None = None
        broken: float | None = None
        while True:
            await self._clock.sleep(LOOK_S)
            self._tell_of_silence()
            started_s, silent_s = self._unanswered_for()
            if started_s is None or silent_s < self._patience.stall_s:
                continue
            if nudged != started_s:
                nudged = started_s
                self._report(self._stalled("no answer", " after you stopped speaking"))
                await finish()
            elif broken != started_s and silent_s >= 2 * self._patience.stall_s and self.unanswered_speech:
                broken = started_s
                self._report(Warned("still no answer: trying another connection"))
                break_off()

    def _unanswered_for(self) -> tuple[float | None, float]:
        """Return when the user began to say what nothing was answered to, and for how long the service could have."""
        started_s, ended_s = self._sound.speech_started_s, self._sound.speech_ended_s
        if started_s is None or ended_s is None or ended_s < started_s or self._moving():
            return None, 0.0
        long = ended_s - started_s >= UTTERANCE_S and self._went_out(started_s)
        if not (self.unanswered_speech or long) or self._has_reason() or self.has_begun(started_s):
            return None, 0.0
        return started_s, self._clock.now() - max(ended_s, self._moved_s)

    def _tell_of_silence(self) -> None:
        """Tell, once for each, of a silence that is none after speech: see `_unanswered_for`."""
        missing, since_s = self._missing(), self._silent_since_s
        if missing is None or self._told_of_s == since_s or self._moving() or self._has_reason():
            return
        if self._clock.now() - max(since_s, self._moved_s) >= self._patience.stall_s:
            self._told_of_s = since_s
            self._report(self._stalled(*missing))

    def _missing(self) -> tuple[str, str] | None:
        """Say what has not come, and to what; None where nothing is waited for, or `_unanswered_for` tells of it."""
        protocol, (spoken_s, _) = self._line.protocol, self._unanswered_for()
        if self._typed_s is not None and (spoken_s is None or spoken_s < self._typed_s):
            return "no answer", " after your typed line"
        if spoken_s is not None or protocol.state is State.CUT:  # what was cut is not waited for
            return None
        if (self._midway and protocol.state is State.REPLYING) or protocol.ledger.in_progress:
            return "nothing more of the answer", ""
        return None if protocol.ledger.settled else ("no answer", " to what a tool returned")

    def _stalled(self, what: str, after: str = "") -> Warned:
        stall_s = self._patience.stall_s
        return Warned(f"{what} for {stall_s:g} s{after}", unanswered_s=stall_s)

    def _has_reason(self) -> bool:
        """Whether the server may well be silent: a tool runs, or it waits until the reply should have been played."""
        return bool(self._line.protocol.ledger.open_calls or self._sound.speaker.held_frames)

    def _patience_s(self, waiting_since: float, *, stalled: bool) -> float | None:
        """How long to wait for the next sign of the server; None as long as there is a reason for its silence."""
        if self._moving():
            return None  # the keeper gives up, if anybody does
        if self._line.protocol.ledger.open_calls:
            return None  # a tool's own timeout ends this
        if self._sound.speaker.held_frames:
            return None  # turnComplete is held back until playback should have ended; the speaker rings when it has
        most_s = self._real(self._patience.stall_s)
        if stalled:
            most_s = max(most_s, self._real(self._patience.answer_s))
        return max(0.0, most_s - self._clock.real(self._clock.now() - max(waiting_since, self._silent_since_s)))

    def _real(self, seconds: float) -> float:
        """Real seconds for so many of conversation, but no fewer than a busy machine needs to answer at all."""
        return max(self._clock.real(seconds), min(seconds, LEAST_PATIENCE_S))

    def _gave_up_on(self, name: str, *, since: float) -> bool:
        """Say that no more is waited for; return whether all of an answer has come, be it in a turn without an end."""
        began_s = self._narrator.reply_started_s
        if not self.has_begun(since) or began_s is None:
            self._report(Warned(f"no answer to {name}; going on"))
            return False
        whole = self.generated_since(began_s)
        what = "server did not end its turn after the" if whole else "server broke off in the middle of its"
        self._report(Warned(f"the {what} answer to {name}; going on"))
        return whole

    def has_begun(self, since: float) -> bool:
        """Whether an answer began after `since`."""
        began = self._narrator.reply_started_s
        return began is not None and since <= began

    def _has_answered(self, since: float) -> bool:
        """Whether an answer that began after `since` has ended; in a move that is not known."""
        began, ended = self._narrator.reply_started_s, self._narrator.turn_completed_s
        if self._moving() or began is None or ended is None:
            return False
        return self._line.protocol.at_rest and since <= began <= ended
