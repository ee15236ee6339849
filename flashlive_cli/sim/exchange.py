"""
One connection after its setup: who is speaking, who waits, and what is on its way.

Theory of operation. Whatever the client says is dealt with at once and without awaiting (`receive`), so messages
leave in the order in which things happened: `interrupted` cannot overtake or be overtaken. At most one `Reply`
is under way; it is a task that thinks, calls, speaks and waits for the assumed playback, and interrupting it is
cancelling that task. Turns of the user and results of calls that may not interrupt wait in two queues.
"""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.sim import inbound, outbound
from flashlive_cli.sim.attention import Attention, Began, CutIn, TurnTaken, UserEvent
from flashlive_cli.sim.delivery import Chunk, chunks
from flashlive_cli.sim.mind import Plan, Spoken
from flashlive_cli.sim.profile import Filler, Handles
from flashlive_cli.sim.session import Round, Session
from flashlive_cli.sim.setup import Setup
from flashlive_cli.sim.voice import Speech, Voice

SETUP_S: Final = 0.3
"""0.1-0.8 s in recordings."""
HANDLE_S: Final = 0.013
THINKING_S: Final = 0.7
"""From the end of the user's turn to speech: 0.6-0.8 s on 3.8 (gemini-live-stop-test)."""
CALLING_S: Final = 0.25
"""To a tool call: 1 ms to 0.4 s."""
TELLING_S: Final = 0.6
"""From the last answer to speech: 0.5-0.9 s on 3.8, 0.56 s in a recording of 3.1."""
HANDLE_AFTER_TOOLS_S: Final = 0.3
"""The same recording of 3.1: 0.33 s after the answer."""

_STALE: Final = (2, 0, 3, 1)
"""Chunks of the old reply that trail `interrupted`; none to three were seen."""
_REHEARSED: Final = 3


@dataclass(slots=True)
class Reply:
    """
    The turn under way.

    Attributes:
        chunks: what is left to send of the speech.
        said_s: seconds of audio sent.
        generated: `generationComplete` is out, and only playback is awaited.
        round: the calls that hold this turn.
        answered: set when all of them are answered.
    """

    task: asyncio.Task[None] | None = None
    chunks: Iterator[Chunk] = field(default_factory=lambda: iter(()))
    said_s: float = 0.0
    generated: bool = False
    round: Round | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Exchange:
    """
    The server's side of one connection.

    Args:
        setup: as judged.
        session: what this connection speaks for.
        issue_handle: returns a handle that brings the session back.
        send: puts a message on its way, in order, without waiting.
        tasks: where replies run; ends with the connection.
        note: takes one line for people for each happening.
    """

    def __init__(
        self,
        setup: Setup,
        session: Session,
        *,
        issue_handle: Callable[[], str],
        clock: Clock,
        voice: Voice,
        send: Callable[[outbound.Message], None],
        tasks: asyncio.TaskGroup,
        note: Callable[[str], None],
    ) -> None:
        self._setup = setup
        self._profile = setup.profile
        self._session = session
        self._issue_handle = issue_handle
        self._clock = clock
        self._voice = voice
        self._send = send
        self._tasks = tasks
        self._note = note
        self._attention = Attention(setup, session.ledger)
        self._reply: Reply | None = None
        self._turns: deque[Plan] = deque()
        self._results: deque[Round] = deque()
        self._n_replies = 0
        self._n_interruptions = 0

    async def open(self) -> None:
        """Confirm the setup."""
        self._rehearse()
        await self._clock.sleep(SETUP_S)
        self._send(outbound.SETUP_COMPLETE)
        if self._profile.handles is not Handles.ON_REQUEST or self._setup.resumption:
            await self._clock.sleep(HANDLE_S)
            self._send(outbound.resumption_update(self._issue_handle()))

    def receive(self, said: inbound.ClientMessage) -> None:
        """Deal with one thing the client said."""
        match said:
            case inbound.Answers():
                for answer in said.answers:
                    self._take(answer)
            case inbound.ContextUpdate():
                self._session.update(instruction=said.instruction, tools=said.tools, tools_json=said.tools_json)
                self._note("took a new context")
            case _:
                for event in self._attention.receive(said):
                    self._notice(event)

    # what the user does

    def _notice(self, event: UserEvent) -> None:
        match event:
            case Began():
                if event.offset_s is not None:
                    self._send_all(outbound.activity(self._profile, "ACTIVITY_START", event.offset_s))
                if self._setup.interrupts:
                    self._interrupt("speech")
            case CutIn():
                self._interrupt("client content")
            case TurnTaken():
                self._take_turn(event)
            case _:
                assert_never(event)

    def _take_turn(self, taken: TurnTaken) -> None:
        plan = self._session.plan(taken.turn)
        if isinstance(taken.turn, Spoken):
            self._note(f"heard {taken.turn.seconds:.1f} s of speech: {plan.heard}")
            # 3.1 and 3.8 were recorded to send it unasked
            if not taken.typed and (self._setup.transcribe_in or not self._profile.heard_in_pieces):
                self._send_all(outbound.heard(self._profile, plan.heard))
        else:
            self._note(f"read: {taken.turn.text}")
        if taken.offset_s is not None:
            self._send_all(outbound.activity(self._profile, "ACTIVITY_END", taken.offset_s))
        self._rehearse()
        if taken.typed or self._setup.interrupts:
            self._interrupt("a new turn")
        self._turns.append(plan)
        self._go_on()

    # what the tools do

    def _take(self, answer: inbound.Answer) -> None:
        found = self._session.take(answer)
        if found is None:
            self._note(f"ignored an answer to {answer.call_id}, which is not open")
            return
        self._session.ledger.read(json.dumps(answer.response, ensure_ascii=False))
        self._note(f"answered by {answer.name or answer.call_id}")
        if not found.answered:
            return
        if self._reply is not None and self._reply.round is found:
            self._reply.answered.set()
        elif answer.scheduling == "INTERRUPT":
            self._results.appendleft(found)
            self._interrupt("a result")
            self._go_on()
        elif answer.scheduling == "WHEN_IDLE":
            self._results.append(found)
            self._go_on()

    # what the model does

    def _go_on(self) -> None:
        """Begin what waits, if nothing is under way: the user first, results when nobody speaks."""
        if self._reply is not None:
            return
        if self._turns:
            plan = self._turns.popleft()
            self._begin(lambda reply: self._answer(reply, plan))
        elif self._results and not self._attention.user_speaks:
            found = self._results.popleft()
            self._begin(lambda reply: self._tell(reply, found))

    def _begin(self, respond: Callable[[Reply], Coroutine[None, None, None]]) -> None:
        self._reply = reply = Reply()
        reply.task = self._tasks.create_task(respond(reply), name="reply")

    async def _answer(self, reply: Reply, plan: Plan) -> None:
        thought_s = CALLING_S if plan.calls else THINKING_S
        due = self._clock.now() + (thought_s if plan.delay_ms is None else plan.delay_ms / 1000)
        if plan.calls:
            await self._clock.sleep_until(due)
            await self._call(reply, plan)
            return
        text = plan.reply or ""
        speech = await self._speech(plan, text)
        await self._clock.sleep_until(due)
        await self._speak(reply, text, speech)
        self._finish(reply)

    async def _call(self, reply: Reply, plan: Plan) -> None:
        held = self._session.holds(plan)
        if not held and self._profile.filler is Filler.BEFORE:
            await self._fill(reply, "Let me check that.")
            self._close_turn(reply, idle=False)
        ids = [outbound.new_call_id(self._profile) for _ in plan.calls]
        found = self._session.open_round(plan, ids)
        self._send_all(outbound.before_reply(self._profile))
        calls = [(call_id, call.name, call.args) for call_id, call in zip(ids, plan.calls, strict=True)]
        self._send(outbound.tool_call(self._profile, calls))
        for call_id, name, args in calls:
            said = json.dumps(args, ensure_ascii=False)
            self._session.ledger.say_text(name + said)
            self._note(f"called {name}({said}) as {call_id}")
        if held:
            reply.round = found
            await reply.answered.wait()
            await self._tell(reply, found)
            return
        if self._profile.filler is Filler.AFTER:
            await self._fill(reply, "One moment, I am looking that up.")
        if self._profile.filler is Filler.BEFORE:
            self._reply = None  # with a status, only the result ends the turn
            self._go_on()
        else:
            self._finish(reply)

    async def _fill(self, reply: Reply, words: str) -> None:
        await self._speak(reply, words, await self._voice.say(words, self._setup.voice))

    async def _tell(self, reply: Reply, found: Round) -> None:
        answered_at = self._clock.now()
        text = self._session.mind.tell(found.plan, found.told())
        speech = await self._speech(found.plan, text)
        if self._profile.handles is Handles.AND_AFTER_TOOLS:
            await self._clock.sleep_until(answered_at + HANDLE_AFTER_TOOLS_S)
            self._send(outbound.resumption_update(self._issue_handle()))
        await self._clock.sleep_until(answered_at + TELLING_S)
        await self._speak(reply, text, speech)
        self._finish(reply)

    async def _speech(self, plan: Plan, text: str) -> Speech:
        return plan.recording or await self._voice.say(text, self._setup.voice)

    async def _speak(self, reply: Reply, text: str, speech: Speech) -> None:
        """Generate at the family's pace, then wait until a client that plays along has heard it all."""
        self._note(f"said: {text}" if text else "said something recorded")
        self._send_all(outbound.before_reply(self._profile))
        if self._profile.thoughts or self._setup.include_thoughts:
            self._send(outbound.thought(self._profile, "**Answering the user**\n\nI keep it short."))
        self._n_replies += 1
        shown = text if self._setup.transcribe_out else ""
        reply.chunks = chunks(speech, shown, tiny_first=self._n_replies % 2 == 0)
        reply.generated = False
        began = self._clock.now()
        for chunk in reply.chunks:
            await self._clock.sleep_until(began + chunk.at_s / self._profile.pace)
            self._send_chunk(reply, chunk.pcm, chunk.text)
        reply.generated = True
        self._send(outbound.GENERATION_COMPLETE)
        await self._clock.sleep_until(began + speech.n_frames / WIRE_OUT.rate_hz)

    def _send_chunk(self, reply: Reply, pcm: bytes, text: str) -> None:
        reply.said_s += WIRE_OUT.seconds_in(len(pcm))
        self._send_all(outbound.audio(self._profile, pcm, text))

    def _send_all(self, messages: Iterable[outbound.Message]) -> None:
        for message in messages:
            self._send(message)

    def _interrupt(self, by: str) -> None:
        """Stop the turn under way, thinking, calling, speaking or waiting for playback; nothing when there is none."""
        reply = self._reply
        if reply is None:
            return
        assert reply.task is not None
        reply.task.cancel()
        self._note(f"interrupted by {by}")
        self._send(outbound.INTERRUPTED)
        if reply.said_s and not reply.generated:
            n_stale = _STALE[self._n_interruptions % len(_STALE)]
            self._n_interruptions += 1
            for chunk in itertools.islice(reply.chunks, n_stale):
                self._send_chunk(reply, chunk.pcm, "")
        if reply.round is not None and not reply.round.answered and self._profile.cancels_calls:
            ids = self._session.drop(reply.round)
            self._send(outbound.cancellation(ids))
            self._note(f"cancelled {', '.join(ids)}")
        self._close_turn(reply)
        self._reply = None

    def _finish(self, reply: Reply) -> None:
        self._close_turn(reply)
        self._reply = None
        self._go_on()

    def _close_turn(self, reply: Reply, *, idle: bool = True) -> None:
        self._session.ledger.say_audio(reply.said_s)
        reply.said_s = 0.0
        idle = idle and not self._session.open_calls and not self._results
        usage = self._session.ledger.close_turn()
        self._send(outbound.turn_complete(self._profile, usage, idle=idle))
        if self._profile.handles is Handles.ON_REQUEST and self._setup.resumption:
            self._send(outbound.resumption_update(self._issue_handle()))

    def _rehearse(self) -> None:
        """Have the next scripted replies ready: the voice takes real time, however fast the clock runs."""
        for text in self._session.mind.upcoming(_REHEARSED):
            self._tasks.create_task(self._voice.rehearse(text, self._setup.voice), name="rehearsal")
