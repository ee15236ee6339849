"""One talk from dial to goodbye: setup, turns, the wait for answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, NoAnswer
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import CURRENT_MODEL, Model, shape
from flashlive_cli.protocol.machine import LiveProtocol, State
from flashlive_cli.reports import Listener, Report, SessionClosed, SessionReady, Stamped, Warned
from flashlive_cli.session import pump
from flashlive_cli.session.calls import Calls, NoTools, Tools
from flashlive_cli.session.connection import Connection, dial
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.narrator import Narrator

QUIET_S: Final = 3.0
"""A clip that ends in noise was answered before its end: so long we wait for another answer, which none may be.
The service ends an utterance after 1.2 s of silence and answers within a second of that."""


class Speaker(pump.Speaker, Protocol):
    """A speaker that tells when it plays."""

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """Call these in the loop's thread, with clock seconds, when sound begins and when it has run out."""
        ...

    async def drained(self) -> None:
        """Wait until all that was written is played."""
        ...


@dataclass(frozen=True, slots=True)
class Typed:
    """A turn typed by the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    A turn spoken by a clip.

    Attributes:
        name: for people.
        play: lets the microphone speak it, and returns when its last sample was read.
    """

    name: str
    play: Callable[[], Awaitable[None]]


Turn = Typed | Spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """
    How long to wait, in real seconds, however fast the talk's clock runs.

    Attributes:
        setup_s: for the dial, and again for the answer to the setup.
        stall_s: for an answer, until the user is told that there is none.
        answer_s: for an answer, counted from the last sign of the server, until the next turn is taken.
    """

    setup_s: float = 10.0
    stall_s: float = 6.0
    answer_s: float = 30.0


class Talk:
    """
    A conversation over one connection; `hold` it once.

    Belongs to one event loop. Reports go to `listener` in the loop's thread.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        model: Model,
        setup: c.Setup,
        speaker: Speaker,
        listener: Listener,
        clock: Clock,
        microphone: pump.Microphone | None = None,
        tools: Tools | None = None,
        patience: Patience | None = None,
        max_duration_s: float | None = None,
        simulated: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._setup, self._setup_notes = shape(setup, model.family)
        self._microphone = microphone
        self._speaker = speaker
        self._listener = listener
        self._clock = clock
        self._tools = tools or NoTools()
        self._patience = patience or Patience()
        self._max_duration_s = max_duration_s
        self._simulated = simulated
        self._protocol = LiveProtocol(model.family)
        self._narrator = Narrator(self._report)
        self._calls: Calls | None = None
        self._news = asyncio.Event()
        self._unanswered_speech = False

    async def hold(self, turns: Iterable[Turn]) -> None:
        """
        Dial, take the turns one after another, wait for each answer and for its last sound, say goodbye.

        Raises:
            ConnectionRejected: the service cannot be reached, or refuses the setup.
            ConnectionLost: the connection ended in the middle.
            NoAnswer: the setup, or every single turn, met with silence.
            RemoteProtocolError: the server sent what is no Live API message.
        """
        for note in (self._model.note, *self._setup_notes):
            if note:
                self._report(Warned(note))
        async with await dial(self._endpoint, timeout_s=self._patience.setup_s) as connection:
            try:
                await self._set_up(connection)
                await self._converse(connection, turns)
            finally:
                await connection.close()
                self._report(
                    SessionClosed(
                        connection.close_code, connection.close_reason, self._clock.now(), self._narrator.turn - 1
                    )
                )

    async def _set_up(self, connection: Connection) -> None:
        begun = self._clock.now()
        self._protocol.send(self._setup)
        try:
            async with asyncio.timeout(self._patience.setup_s):
                for message in self._protocol.messages_to_send():
                    await connection.send(message)
                while self._protocol.state is State.SETUP:
                    self._protocol.receive_message(await connection.receive(), self._clock.now())
        except TimeoutError as exc:
            raise NoAnswer(
                f"{self._endpoint.host} did not answer the setup within {self._patience.setup_s:g} s"
            ) from exc
        except ConnectionLost as exc:
            raise _rejected(exc, self._model) from exc
        took_ms = (self._clock.now() - begun) * 1000
        tools = tuple(function.name for function in self._setup.functions)
        self._report(SessionReady(self._model.id, self._setup.voice, tools, self._simulated, took_ms))

    async def _converse(self, connection: Connection, turns: Iterable[Turn]) -> None:
        wire = pump.Pump(connection, self._protocol, self._clock)
        self._speaker.listen(self._playing, lambda _now: self._news.set())
        try:
            async with asyncio.TaskGroup() as group:
                self._calls = Calls(
                    self._tools,
                    group=group,
                    clock=self._clock,
                    answer=lambda answer: wire.send(c.AnswerTools((answer,))),
                    report=self._report,
                )
                carriers = [group.create_task(wire.receive(self._speaker, self._heard), name="receiver")]
                if self._microphone is not None:
                    carriers.append(group.create_task(wire.send_microphone(self._microphone), name="sender"))
                await self._take(turns, wire)
                await self._speaker.drained()
                self._calls.cancel_all()
                for task in carriers:
                    task.cancel()
        except BaseExceptionGroup as failures:
            await self._speaker.drained()  # what came before the end is still worth hearing
            raise _first(failures) from None
        except asyncio.CancelledError:
            self._cut(self._clock.now(), self._speaker.flush())
            raise
        finally:
            self._narrator.ended()
            for surprise, times in self._protocol.surprises.items():
                self._report(Warned(f"unexpected from the server: {surprise} ({times} times)"))

    async def _take(self, turns: Iterable[Turn], wire: pump.Pump) -> None:
        taken = answered = 0
        for turn in turns:
            if self._max_duration_s is not None and self._clock.now() >= self._max_duration_s:
                self._report(Warned(f"stopped after {self._max_duration_s:g} s, as asked"))
                return
            begun = self._clock.now()
            match turn:
                case Typed(text):
                    self._narrator.typed(text, begun)
                    await wire.type_text(text)
                    asked, name = begun, "the typed line"
                case Spoken(name, play):
                    await play()
                    spoken_until = self._microphone.speech_ended_s if self._microphone else None
                    if spoken_until is None:
                        self._report(Warned(f"{name} holds nothing that sounds like speech"))
                    asked = self._clock.now() if spoken_until is None else spoken_until
                case _:
                    assert_never(turn)
            taken += 1
            answered += await self._answer_came(name, begun=begun, asked=asked)
        if taken and not answered:
            raise NoAnswer("the server took every turn and answered none")

    async def _answer_came(self, name: str, *, begun: float, asked: float) -> bool:
        """Wait for the end of the answer to a turn that began and ended at these times; False when none came."""
        waiting_since = self._clock.now()
        told_of_stall = False
        while not self._has_answered(asked):
            if self._has_answered(begun) and not self._unanswered_speech:
                # answered in the middle of the clip; what came after was no speech to the server
                if self._clock.now() - waiting_since >= QUIET_S:
                    return True
                patience_s = self._clock.real(waiting_since + QUIET_S - self._clock.now())
            elif self._protocol.ledger.open_calls:
                patience_s = None  # a tool's own timeout ends this
            else:
                stall_s = self._patience.stall_s
                patience_s = max(0.0, self._patience.answer_s - stall_s) if told_of_stall else stall_s
            try:
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
                self._news.clear()
            except TimeoutError:
                if self._has_answered(begun) and not self._unanswered_speech:
                    continue
                if told_of_stall:
                    self._report(Warned(f"no answer to {name}; going on"))
                    return False
                told_of_stall = True
                self._report(Warned(f"no answer to {name} for {self._patience.stall_s:g} s"))
        return True

    def _has_answered(self, since: float) -> bool:
        """Whether an answer that began after `since` has ended."""
        began, ended = self._narrator.reply_started_s, self._narrator.turn_completed_s
        return self._protocol.at_rest and began is not None and ended is not None and since <= began <= ended

    def _heard(self, event: e.Event, now: float, dropped_frames: int | None) -> None:
        """Take one event in the receiver's task; must not wait."""
        match event:
            case e.ToolCall() if self._calls is not None:
                self._calls.start(event)
            case e.ToolCallCancelled(ids) if self._calls is not None:
                self._calls.cancel(ids)
            case e.SpeechStarted() | e.InputTranscript():
                self._unanswered_speech = True
            case e.AudioChunk() | e.OutputTranscript():
                self._unanswered_speech = False
            case _:
                pass
        if dropped_frames is not None:
            self._cut(now, dropped_frames)
        self._narrator.told(event, now, asked_s=self._microphone.speech_ended_s if self._microphone else None)
        self._news.set()

    def _cut(self, now: float, dropped_frames: int) -> None:
        self._narrator.interrupted(
            now,
            played_frames=self._speaker.played_frames,
            dropped_frames=dropped_frames,
            spoke_s=self._microphone.speech_started_s if self._microphone else None,
        )

    def _playing(self, now: float) -> None:
        self._narrator.playing(now)

    def _report(self, report: Report) -> None:
        self._listener(Stamped(self._clock.now(), self._narrator.turn, report))


def _rejected(lost: ConnectionLost, model: Model) -> ConnectionRejected:
    """Say what a close during setup means: there it is the service's way to refuse."""
    words = f"the service refused the setup ({lost.code}: {lost.reason or 'no reason given'})"
    hints = {
        1007: "; see flashlive models for what each model takes",
        1008: f"; is {model.id} gone? try --model {CURRENT_MODEL}",
    }
    hint = hints.get(lost.code, "")
    if lost.reason.startswith("API "):
        hint = "; get a key at https://aistudio.google.com/apikey and set GEMINI_API_KEY"
    return ConnectionRejected(words + hint, code=lost.code, reason=lost.reason)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what went wrong first in a group: the rest is its echo in the other tasks."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
