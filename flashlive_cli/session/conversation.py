"""A talk over a line that is open: who carries it, what the user wishes of it, and what is made of what comes."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Literal, assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import Family
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.reports import MicrophoneSwitched, Report, Warned
from flashlive_cli.session.answers import QUIET_S, Answers
from flashlive_cli.session.calls import Calls, Consent, Tools
from flashlive_cli.session.gate import Gate
from flashlive_cli.session.givens import Eyes, Patience, Renewal, Sound, Turn, Witness
from flashlive_cli.session.history import History
from flashlive_cli.session.limits import Curfew
from flashlive_cli.session.line import Line
from flashlive_cli.session.narrator import Narrator
from flashlive_cli.session.pump import Pump
from flashlive_cli.session.questions import Asked, Questions
from flashlive_cli.session.recital import Recital
from flashlive_cli.session.reconnect import QUIET_CHECK_S, Keeper
from flashlive_cli.session.results import Results
from flashlive_cli.session.sight import Sight
from flashlive_cli.session.typist import Typist
from flashlive_cli.session.uplink import Uplink
from flashlive_cli.session.wishes import Mute, Push, Say, Show, StopReply, Wish


class Conversation:
    """
    What is said in a talk; belongs to one event loop, and is held once.

    `report` is called in the loop's thread and must not wait.
    """

    def __init__(
        self,
        line: Line,
        sound: Sound,
        *,
        tools: Tools,
        consent: Consent,
        renewal: Renewal | None = None,
        wishes: asyncio.Queue[Wish] | None = None,
        witness: Witness | None = None,
        eyes: Eyes | None = None,
        history: History,
        renewed: Callable[[], None],
        family: Family,
        narrator: Narrator,
        report: Callable[[Report], None],
        clock: Clock,
        patience: Patience,
        curfew: Curfew,
    ) -> None:
        self._line = line
        self._sound = sound
        self._renewed = renewed
        self._message_s = 0.0
        self._n_messages = 0
        self._narrator = narrator
        self._report = report
        self._clock = clock
        self._patience = patience
        self._curfew = curfew
        self._wishes = wishes
        self._gate = Gate(manual=line.setup.detection.disabled)
        self._uplink = (
            Uplink(sound.microphone, self._gate, clock, witness.spoke if witness is not None else None)
            if sound.microphone is not None
            else None
        )
        self._answers = Answers(
            line,
            sound,
            narrator=narrator,
            report=report,
            clock=clock,
            patience=patience,
            moving=self._is_moving,
            went_out=self._uplink.has_said_since if self._uplink is not None else lambda _began_s: False,
        )
        self._questions = Questions(sound, self._answers, gate=self._gate, uplink=self._uplink)
        self._keeper = Keeper(
            line,
            sound.speaker,
            self,
            uplink=self._uplink,
            renewal=renewal,
            history=history,
            report=report,
            clock=clock,
        )
        self._results = Results(self._keeper)
        self._calls = Calls(
            tools,
            family=family,
            clock=clock,
            consent=consent,
            answer=self._tell,
            report=report,
        )
        self._sight = Sight(eyes, sound, self._gate, family=family, wire=self._wire, report=report, clock=clock)
        self._cut_s = 0.0
        self._released_s: float | None = None  # when the user let go, where activity is told by hand
        self._typist = Typist(
            self._keeper, narrator=narrator, questions=self._questions, sight=self._sight, clock=clock
        )
        self._recital = Recital(
            sound,
            settle=self._keeper.settle,
            push=self._push,
            typist=self._typist,
            answers=self._answers,
            questions=self._questions,
            narrator=narrator,
            report=report,
            clock=clock,
            curfew=curfew,
        )

    async def hold(self, turns: Iterable[Turn] | None) -> None:
        """
        Take the turns, wait for each answer and for the last sound; with None, let the microphone talk until cancelled.

        Raises:
            ConnectionLost: the connection ended, and could not be taken up; what came before has been played.
            ConnectionRejected, RemoteProtocolError: the same.
            NoAnswer: not a single turn was answered to the end.
        """
        speaker, began_s = self._sound.speaker, self._clock.now()
        speaker.listen(self._narrator.playing, self._fell_silent)
        try:
            try:
                async with self._calls.running(), asyncio.TaskGroup() as group:
                    carriers = [group.create_task(self._keeper.run(), name="keeper")]
                    if self._uplink is not None:
                        carriers.append(group.create_task(self._uplink.run(), name="sender"))
                    carriers.append(group.create_task(self._obey(), name="wishes"))
                    carriers.append(group.create_task(self._typist.run(), name="typist"))
                    carriers.append(group.create_task(self._sight.run(), name="sight"))
                    if turns is None:
                        await self._chat()
                    else:
                        await self._sight.looked()
                        await self._recital.take(turns, began_s=began_s)
                    self._keeper.finish()
                    await speaker.drained()
                    for task in carriers:
                        task.cancel()
            except BaseExceptionGroup as failures:
                await speaker.drained()  # what came before the end is still worth hearing
                raise _first(failures) from None
        except asyncio.CancelledError:
            self._cut(self._clock.now(), speaker.flush(), by="end")
            raise
        finally:
            self._narrator.ended()
            for surprise, times in self._protocol.surprises.items():
                self._report(Warned(f"unexpected from the server: {surprise} ({times} times)"))

    @property
    def _protocol(self) -> LiveProtocol:
        return self._line.protocol

    def is_quiet(self) -> bool:
        """Whether nobody speaks, plays or works."""
        spoke_s = self._sound.speech_ended_s
        listening = spoke_s is None or self._clock.now() - spoke_s > QUIET_S
        return listening and self.is_idle() and self._is_played() and not self._answers.unanswered_speech

    def is_idle(self) -> bool:
        """Whether the server has said all that it will say."""
        return self._protocol.at_rest and not self._calls.open and not self._questions.waits

    def _wire(self) -> Pump | None:
        return None if self._is_moving() else self._keeper.wire

    def _is_moving(self) -> bool:
        return not self._keeper.in_place.is_set()

    def _is_played(self) -> bool:
        return not self._sound.speaker.held_frames

    async def moved(self, *, resumed: bool, midway: bool, settled: bool) -> bool:
        """
        Take up what a move has left open; see `reconnect.Traveller`.

        The service keeps what was said, but not what it was saying: a question whose answer broke off is asked again.
        """
        self._results.moved(resumed=resumed)
        self._calls.moved()
        self._gate.moved()
        asked, again = self._questions.latest(), self._to_ask_again(midway=midway, settled=settled)
        answered = asked is not None and settled and self._questions.is_answered(asked)
        self._narrator.broke_off(self._clock.now(), answered=answered)
        self._calls.interrupted()  # a call that comes again is the same one
        self._sight.moved(resumed=resumed)
        if again is None:
            return False
        if self._questions.is_hopeless(again):
            self._questions.stopped(self._clock.now())
            self._report(Warned("the answer has broken off again and again; it is not asked for any more"))
            return False
        self._calls.asked_again(again.at)
        if again.text is None:
            await self._sight.show_again(again.at, self._keeper.wire)
        return await self._questions.ask_again(again, self._keeper.wire)

    def arrived(self) -> None:
        """Go on: the line leads somewhere; see `reconnect.Traveller`."""
        self._answers.arrived()

    def asks_again_since(self, *, midway: bool, settled: bool) -> float | None:
        """Tell since when the user has asked what a move leaves open; see `reconnect.Traveller`."""
        asked = self._to_ask_again(midway=midway, settled=settled)
        return None if asked is None or self._questions.is_hopeless(asked) else asked.at

    def _to_ask_again(self, *, midway: bool, settled: bool) -> Asked | None:
        asked = self._questions.latest()
        if asked is None or not midway or self._calls.open or (settled and self._questions.is_answered(asked)):
            return None
        return asked

    async def _tell(self, answer: c.ToolAnswer) -> None:
        """Tell the server what a tool has come to."""
        await self._results.tell(answer)
        self._answers.asked(self._clock.now())

    async def _chat(self) -> None:
        """Let the user talk, to a limit if there is one, and to the end of the turn that runs then."""
        if self._gate.manual:
            self._report(MicrophoneSwitched(self._gate.state))
        lasts_s = self._curfew.duration_s
        async with asyncio.TaskGroup() as group:
            watching = self._answers.watch(finish=self._finish_utterance, break_off=self._keeper.break_off)
            watchdog = group.create_task(watching, name="watchdog")
            try:
                async with asyncio.timeout(None if lasts_s is None else self._clock.real(lasts_s)):
                    await self._curfew.reached.wait()
            except TimeoutError:
                self._curfew.lasted(lasts_s or 0.0)
            watchdog.cancel()
        self._report(Warned(self._curfew.words))
        await self._finish_turn()

    async def _finish_utterance(self) -> None:
        """Tell the server that the user has finished, where it looks after that itself."""
        await self._keeper.in_place.wait()
        if self._gate.state == "open":
            with contextlib.suppress(ConnectionLost):  # the keeper's business
                await self._keeper.wire.send(c.EndAudioStream())

    async def _finish_turn(self) -> None:
        """Wait until the turn that runs is over; a server that falls silent is not waited for."""
        turn, alive_s = self._narrator.turn, self._clock.now()
        while not self.is_quiet() and not (self._narrator.turn > turn and self.is_idle() and self._is_played()):
            if self._protocol.ledger.open_calls or not self._is_played():
                alive_s = self._clock.now()
            if self._clock.now() - alive_s > self._patience.stall_s:
                return
            await asyncio.sleep(QUIET_CHECK_S)

    async def _obey(self) -> None:
        """Do what the user wishes, one after another and at once; what is to be said waits for the line."""
        while self._wishes is not None:
            match wish := await self._wishes.get():
                case Say():
                    self._typist.put(wish)
                case Show():
                    self._sight.show()
                case StopReply():
                    if await self._stop_reply(tell=True):
                        self._questions.stopped(self._clock.now())
                    else:
                        self._calls.stop()
                case Mute(on):
                    self._switch(self._gate.mute, on)
                case Push(on):
                    self._switch(self._push, on)
                    if on and self._gate.manual and self._line.setup.detection.interrupts:
                        await self._stop_reply(tell=False)  # the activity itself tells
                case _:
                    assert_never(wish)

    def _push(self, on: bool) -> None:
        self._gate.push(on)
        self._released_s = None if on else self._clock.now()

    def _switch(self, change: Callable[[bool], None], on: bool) -> None:
        before = self._gate.state
        change(on)
        if self._gate.state != before:
            self._report(MicrophoneSwitched(self._gate.state))

    async def _stop_reply(self, *, tell: bool) -> bool:
        """Be silent at once, and drop the rest of the reply as it comes; return False where it was silent anyhow."""
        sounded = not self._is_played()
        running = self._protocol.stop_reply(tell=tell)
        if sounded or running:
            self._cut(self._clock.now(), self._sound.speaker.flush(), by="key")
        with contextlib.suppress(ConnectionLost):  # the keeper's business
            await self._keeper.wire.drain()
        return sounded or running

    def heard(self, event: e.Event, now: float, dropped_frames: int | None) -> None:
        """Take one event in the receiver's task; must not wait."""
        match event:
            case e.ToolCall():
                self._n_messages += now != self._message_s
                self._message_s = now
                self._results.called(event.id)
                self._calls.start(event, self._n_messages)
            case e.ToolCallCancelled(ids):
                self._calls.cancel(ids)
            case e.TurnComplete() if (self._narrator.reply_started_s or 0.0) > self._cut_s:
                self._calls.answered()
            case e.HandleIssued():
                self._renewed()
            case _:
                pass  # the rest is the narrator's
        self._answers.told(event, now)
        self._keeper.told(event, now)
        if dropped_frames is not None:
            self._cut(now, dropped_frames)
            self._calls.interrupted()
        self._narrator.told(event, now, asked_s=self._released_s if self._gate.manual else self._sound.speech_ended_s)
        self._curfew.spent(self._narrator.spent_usd)
        self._answers.news()

    def _fell_silent(self, now: float) -> None:
        self._narrator.silent(now)
        self._answers.fell_silent(now)

    def _cut(self, now: float, dropped_frames: int, by: Literal["speech", "key", "end"] = "speech") -> None:
        spoke_s, began_s = self._sound.speech_started_s, self._narrator.reply_started_s or 0.0
        self._cut_s = now
        self._narrator.interrupted(
            now,
            played_frames=self._sound.speaker.played_frames,
            dropped_frames=dropped_frames,
            spoke_s=spoke_s if by == "speech" and spoke_s is not None and spoke_s >= began_s else None,
            by=by,
        )


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what went wrong first in a group: the rest is its echo in the other tasks."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
