"""Turns taken over a connection that is set up: say one, wait until it is answered, say the next."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal, assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.errors import NoAnswer
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import Family
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.reports import MicrophoneSwitched, Report, SessionMoving, SessionResumed, Warned
from flashlive_cli.session import pump
from flashlive_cli.session.answers import QUIET_S, Answers
from flashlive_cli.session.calls import Calls, Consent, Tools
from flashlive_cli.session.gate import Gate
from flashlive_cli.session.givens import Patience, Renewal, Sound, Spoken, Turn, Typed, Witness
from flashlive_cli.session.limits import Curfew
from flashlive_cli.session.line import Line
from flashlive_cli.session.narrator import Narrator
from flashlive_cli.session.wishes import Mute, Push, Say, StopReply, Wish

QUIET_CHECK_S: Final = 0.1


class Conversation:
    """
    What is said over one connection; belongs to one event loop, and is held once.

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
        family: Family,
        narrator: Narrator,
        report: Callable[[Report], None],
        clock: Clock,
        patience: Patience,
        curfew: Curfew,
    ) -> None:
        self._line = line
        self._wire = self._wire_of(line, clock)
        self._sound = sound
        self._calls = Calls(
            tools,
            family=family,
            clock=clock,
            consent=consent,
            answer=lambda answer: self._wire.send(c.AnswerTools((answer,))),
            report=report,
        )
        self._answers = Answers(line, sound, narrator=narrator, report=report, clock=clock, patience=patience)
        self._message_s = 0.0
        self._n_messages = 0
        self._narrator = narrator
        self._report = report
        self._clock = clock
        self._patience = patience
        self._curfew = curfew
        self._wishes = wishes
        self._witness = witness
        self._gate = Gate(manual=line.setup.detection.disabled)
        self._renewal = renewal
        self._group: asyncio.TaskGroup | None = None
        self._carriers: list[asyncio.Task[None]] = []
        self._in_place = asyncio.Event()  # the line leads somewhere
        self._in_place.set()
        self._began_s = 0.0

    async def hold(self, turns: Iterable[Turn] | None) -> None:
        """
        Take the turns, wait for each answer and for the last sound; with None, let the microphone talk until cancelled.

        Raises:
            ConnectionLost: the connection ended in the middle; what came before has been played.
            RemoteProtocolError: the server sent what is no Live API message; the same.
            NoAnswer: every single turn met with silence.
        """
        speaker = self._sound.speaker
        self._began_s = self._clock.now()
        speaker.listen(self._narrator.playing, self._fell_silent)
        try:
            try:
                async with self._calls.running(), asyncio.TaskGroup() as self._group:
                    self._carry()
                    obeying = self._group.create_task(self._obey(), name="wishes")
                    if turns is None:
                        await self._chat()
                    else:
                        await self._take(turns)
                    await speaker.drained()
                    obeying.cancel()
                    await self._stop_carrying()
            except BaseExceptionGroup as failures:
                await speaker.drained()  # what came before the end is still worth hearing
                raise _first(failures) from None
        except asyncio.CancelledError:
            self._cut(self._clock.now(), speaker.flush())
            raise
        finally:
            self._narrator.ended()
            for surprise, times in self._protocol.surprises.items():
                self._report(Warned(f"unexpected from the server: {surprise} ({times} times)"))

    @staticmethod
    def _wire_of(line: Line, clock: Clock) -> pump.Pump:
        assert line.connection is not None, "a conversation needs a line that is open"
        return pump.Pump(line.connection, line.protocol, clock)

    @property
    def _protocol(self) -> LiveProtocol:
        return self._line.protocol

    def _carry(self) -> None:
        """Let sound and messages flow over the present connection."""
        assert self._group is not None, "within `hold`"
        start = self._group.create_task
        self._carriers = [start(self._wire.receive(self._sound.speaker, self._heard), name="receiver")]
        if self._sound.microphone is not None:
            spoke = self._witness.spoke if self._witness is not None else None
            sending = self._wire.send_microphone(self._sound.microphone, self._gate, spoke)
            self._carriers.append(start(sending, name="sender"))

    async def _stop_carrying(self) -> None:
        for task in self._carriers:
            task.cancel()
        await asyncio.wait(self._carriers)

    async def _renew(self) -> None:
        """Move to a new connection with new tools, where they have changed; the moment must be a quiet one."""
        if self._renewal is None or not self._renewal.pending.is_set() or not self._is_idle():
            return
        begun = self._clock.now()
        self._report(SessionMoving("the tools have changed"))
        self._in_place.clear()
        await self._stop_carrying()
        offered = self._renewal.offered
        assert self._group is not None, "within `hold`"
        discarding = self._group.create_task(self._discard_microphone(), name="discarder")
        try:
            resumed = await self._line.move(offered)
        finally:
            discarding.cancel()
        taken = {function.name for function in self._line.setup.functions} == {function.name for function in offered}
        self._renewal.settle(taken=taken)
        if not taken:
            self._report(Warned("the service refused the new tools; those of before stay"))
        self._calls.moved()
        self._wire = self._wire_of(self._line, self._clock)
        self._gate.moved()
        self._carry()
        self._in_place.set()
        took_ms = (self._clock.now() - begun) * 1000
        tools = tuple(function.name for function in self._line.setup.functions)
        self._report(SessionResumed(resumed, tools, took_ms))

    async def _discard_microphone(self) -> None:
        """Hear, and forget: what was said while nobody listened would come in a burst."""
        while self._sound.microphone is not None:
            await self._sound.microphone.read()

    async def _renew_when_quiet(self) -> None:
        """Look after changed tools for the length of a talk by microphone."""
        while self._renewal is not None:
            await self._renewal.pending.wait()
            while not self._is_quiet():  # noqa: ASYNC110 - that nothing happens is no event
                await asyncio.sleep(QUIET_CHECK_S)
            await self._renew()

    def _is_quiet(self) -> bool:
        """Whether nobody speaks, plays or works."""
        spoke_s = self._sound.speech_ended_s
        listening = spoke_s is None or self._clock.now() - spoke_s > QUIET_S
        return listening and self._is_idle() and self._is_played() and not self._answers.unanswered_speech

    def _is_played(self) -> bool:
        return not self._sound.speaker.held_frames

    def _is_idle(self) -> bool:
        """Whether the server has said all that it will say."""
        return self._protocol.at_rest and not self._protocol.ledger.open_calls

    async def _chat(self) -> None:
        """Let the user talk, to a limit if there is one, and to the end of the turn that runs then."""
        assert self._group is not None, "within `hold`"
        if self._gate.manual:
            self._report(MicrophoneSwitched(self._gate.state))
        renewing = self._group.create_task(self._renew_when_quiet(), name="renewal")
        lasts_s = self._curfew.duration_s
        try:
            async with asyncio.timeout(None if lasts_s is None else self._clock.real(lasts_s)):
                await self._curfew.reached.wait()
        except TimeoutError:
            self._curfew.lasted(lasts_s or 0.0)
        renewing.cancel()
        self._report(Warned(self._curfew.words))
        await self._finish_turn()

    async def _finish_turn(self) -> None:
        """Wait until the turn that runs is over; a server that falls silent is not waited for."""
        turn, alive_s = self._narrator.turn, self._clock.now()
        while not self._is_quiet() and not (self._narrator.turn > turn and self._is_idle() and self._is_played()):
            if self._protocol.ledger.open_calls or not self._is_played():
                alive_s = self._clock.now()
            if self._clock.now() - alive_s > self._patience.stall_s:
                return
            await asyncio.sleep(QUIET_CHECK_S)

    async def _obey(self) -> None:
        """Do what the user wishes, one after another; never while the line moves."""
        while self._wishes is not None:
            wish = await self._wishes.get()
            await self._in_place.wait()
            match wish:
                case Say(text):
                    self._narrator.typed(text, self._clock.now())
                    await self._wire.type_text(text)
                case StopReply():
                    if not await self._stop_reply(tell=True):
                        self._calls.stop()
                case Mute(on):
                    self._switch(self._gate.mute, on)
                case Push(on):
                    self._switch(self._gate.push, on)
                    if on and self._gate.manual and self._line.setup.detection.interrupts:
                        await self._stop_reply(tell=False)  # the activity itself tells
                case _:
                    assert_never(wish)

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
        await self._wire.drain()
        return sounded or running

    async def _take(self, turns: Iterable[Turn]) -> None:
        taken = answered = 0
        lasts_s = self._curfew.duration_s
        limit_s = None if lasts_s is None else self._began_s + lasts_s
        for turn in turns:
            await self._renew()
            begun = self._clock.now()
            self._curfew.lasted(begun - self._began_s)
            if self._curfew.reached.is_set():
                self._report(Warned(self._curfew.words))
                return
            match turn:
                case Typed(text):
                    self._narrator.typed(text, begun)
                    await self._wire.type_text(text)
                    asked, name = begun, "the typed line"
                case Spoken(name, play):
                    self._narrator.listening()
                    self._gate.push(True)
                    await self._play(play, limit_s)
                    self._gate.push(False)
                    asked = self._asked_by(name)
                case _:
                    assert_never(turn)
            taken += 1
            answered += await self._answers.is_answered(name, begun=begun, asked=asked)
        if taken and not answered:
            raise NoAnswer("the server took every turn and answered none")

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

    def _heard(self, event: e.Event, now: float, dropped_frames: int | None) -> None:
        """Take one event in the receiver's task; must not wait."""
        match event:
            case e.ToolCall():
                self._n_messages += now != self._message_s
                self._message_s = now
                self._calls.start(event, self._n_messages)
            case e.ToolCallCancelled(ids):
                self._calls.cancel(ids)
            case _:
                pass  # the rest is the narrator's
        self._answers.told(event)
        if dropped_frames is not None:
            self._cut(now, dropped_frames)
            self._calls.interrupted()
        self._narrator.told(event, now, asked_s=self._sound.speech_ended_s)
        self._curfew.spent(self._narrator.spent_usd)
        self._answers.news()

    def _fell_silent(self, now: float) -> None:
        self._narrator.silent(now)
        self._answers.news()

    def _cut(self, now: float, dropped_frames: int, by: Literal["speech", "key"] = "speech") -> None:
        self._narrator.interrupted(
            now,
            played_frames=self._sound.speaker.played_frames,
            dropped_frames=dropped_frames,
            spoke_s=self._sound.speech_started_s if by == "speech" else None,
            by=by,
        )


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what went wrong first in a group: the rest is its echo in the other tasks."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
