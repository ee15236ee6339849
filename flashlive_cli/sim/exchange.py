"""
One connection after its setup: who is speaking, who waits, and what is on its way.

Theory of operation. Whatever the client says is dealt with at once and without awaiting (`receive`), so messages
leave in the order in which things happened: `interrupted` cannot overtake or be overtaken. At most one `Reply`
is under way; it is a task that thinks, calls, speaks and waits for the assumed playback, and interrupting it is
cancelling that task. Turns of the user and results of calls that may not interrupt wait in two queues. All that is
sent passes through `Mischief`, which is where faults are played.
"""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Final, assert_never

from flashlive_cli.clock import Clock
from flashlive_cli.pcm import WIRE_OUT
from flashlive_cli.sim import inbound, outbound
from flashlive_cli.sim.attention import Attention, Began, CutIn, TurnTaken, UserEvent
from flashlive_cli.sim.delivery import chunks
from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.lease import Lease
from flashlive_cli.sim.mind import Plan, Spoken
from flashlive_cli.sim.mischief import Mischief, Socket
from flashlive_cli.sim.profile import Filler, Handles
from flashlive_cli.sim.reply import (
    CALLING_S,
    DUPLICATE_SPOKEN_S,
    DUPLICATE_TYPED_S,
    HANDLE_AFTER_TOOLS_S,
    HANDLE_S,
    HANDLE_WHEN_QUIET_S,
    SETUP_S,
    TELLING_S,
    THINKING_S,
    Reply,
)
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.session import Round, Session
from flashlive_cli.sim.setup import Setup
from flashlive_cli.sim.voice import Speech, Voice

_STALE: Final = (2, 0, 3, 1)
"""Chunks of the old reply that trail `interrupted`; none to three were seen."""
_REHEARSED: Final = 3


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
        faults: what goes wrong on this connection, besides what the scenario says.
        socket: what can be done to the client besides sending; without it no fault closes, and the connection has
            no end of its own.
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
        faults: Sequence[Fault] = (),
        socket: Socket | None = None,
    ) -> None:
        self._mischief = Mischief(
            (*faults, *session.faults), struck=session.struck, clock=clock, send=send, socket=socket,
            tasks=tasks, note=note,
        )  # fmt: skip
        self._mischief.on_phantom = self._interrupt_for_nothing
        self._send = self._mischief.send
        self._lease = Lease(clock=clock, send=self._send, socket=socket, tasks=tasks, note=note)
        self._mischief.on_go_away = self._lease.announce
        self._setup = setup
        self._profile = setup.profile
        self._session = session
        self._issue_handle = issue_handle
        self._clock = clock
        self._voice = voice
        self._tasks = tasks
        self._note = note
        self._attention = Attention(setup, session.ledger)
        self._reply: Reply | None = None
        self._turns: deque[Plan] = deque()
        self._results: deque[Round] = deque()
        self._n_replies = 0
        self._n_interruptions = 0
        self._owes_handle = False
        self._cut_round: Round | None = None  # the last that was held when the user cut in
        muffled = setup.handle and setup.profile.mute_after_resuming
        self._muffled = session.held_open() if muffled else []

    async def open(self) -> None:
        """Confirm the setup, or raise `Refusal` where a fault says so."""
        self._mischief.judge_setup()
        self._rehearse()
        await self._clock.sleep(SETUP_S)
        self._mischief.open()
        short = self._mischief.manner("short-lease")
        self._lease.begin(**{} if short is None else {"after_s": short.value("after"), "left_s": short.value("left")})
        self._send(outbound.SETUP_COMPLETE)
        if self._profile.handles is Handles.AND_AFTER_TOOLS:
            self._owes_handle = True
            self._tasks.create_task(self._issue_when_quiet(), name="handle")
        elif self._profile.handles is not Handles.ON_REQUEST or self._setup.resumption:
            await self._clock.sleep(HANDLE_S)
            self._tell_handle()

    async def _issue_when_quiet(self) -> None:
        await self._clock.sleep(HANDLE_WHEN_QUIET_S)
        if self._owes_handle and self._reply is None:
            self._tell_handle()

    def _tell_handle(self) -> None:
        self._owes_handle = False
        self._send(outbound.resumption_update(self._issue_handle()))

    def receive(self, said: inbound.ClientMessage) -> None:
        """Deal with one thing the client said; `Refusal` where a fault does not take it."""
        match said:
            case inbound.Answers():
                for answer in said.answers:
                    self._take(answer)
            case inbound.ContextUpdate() if self._mischief.manner("no-context-update"):
                raise Refusal(1007, 'Invalid JSON payload received. Unknown name "contextUpdate": Cannot find field.')
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
                if not self._attention.more_to_come:
                    self._go_on()
            case TurnTaken():
                self._take_turn(event)
            case _:
                assert_never(event)

    def _take_turn(self, taken: TurnTaken) -> None:
        plan = self._session.plan(taken.turn)
        if self._reply is None or taken.typed or self._setup.interrupts:
            self._mischief.turn = plan.turn
        if isinstance(taken.turn, Spoken):
            self._note(f"heard {taken.turn.seconds:.1f} s of speech: {plan.heard}")
            # 3.1 and 3.8 were recorded to send it unasked
            if not taken.typed and (self._setup.transcribe_in or not self._profile.heard_in_pieces):
                self._send_all(outbound.heard(self._profile, plan.heard))
        else:
            self._note(f"read: {taken.turn.text}")
        if taken.turn.stills:
            self._note(f"saw {len(taken.turn.stills)}: {taken.turn.stills[-1].words}")
        if taken.offset_s is not None:
            self._send_all(outbound.activity(self._profile, "ACTIVITY_END", taken.offset_s))
        self._rehearse()
        if taken.typed or self._setup.interrupts:
            self._interrupt("a new turn")
        if any(not found.answered for found in self._muffled):
            # pydantic-ai, `realtime/google.py`: seen on 3.8 after a resumption
            self._note("swallowed the turn: calls from before the resumption are open")
            self._muffled = []
            return
        cut, self._cut_round = self._cut_round, None
        if cut is not None and not cut.answered and self._mischief.manner("duplicate-call"):
            wait_s = DUPLICATE_TYPED_S if taken.typed else DUPLICATE_SPOKEN_S
            plan = replace(cut.plan, heard=plan.heard, delay_ms=round(wait_s * 1000), turn=plan.turn)
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
        if any(found is muffled for muffled in self._muffled):
            self._note("does not tell it: the call is from before the resumption")
        elif found.continued and self._profile.last_unspoken:
            self._note("does not tell it: it is the last of several")
        elif self._reply is not None and self._reply.round is found:
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
            self._begin(plan, lambda reply: self._answer(reply, plan))
        elif self._results and not self._attention.user_speaks:
            found = self._results.popleft()
            self._begin(found.plan, lambda reply: self._tell(reply, found))

    def _begin(self, plan: Plan, respond: Callable[[Reply], Coroutine[None, None, None]]) -> None:
        self._mischief.turn = plan.turn
        self._session.busy = True
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
        await self._speak(reply, text, speech, thinks=True)
        self._finish(reply)

    async def _call(self, reply: Reply, plan: Plan) -> None:
        held = self._session.holds(plan)
        if not held and self._profile.filler is Filler.BEFORE:
            await self._fill(reply, "Let me check that.")
            self._close_turn(reply, idle=False)
        ids = [outbound.new_call_id(self._profile) for _ in plan.calls]
        found = self._session.open_round(plan, ids)
        self._tell_no_restart()
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
            self._end_reply()  # with a status, only the result ends the turn
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
            self._tell_handle()
        await self._clock.sleep_until(answered_at + TELLING_S)
        await self._speak(reply, text, speech)
        self._finish(reply)

    async def _speech(self, plan: Plan, text: str) -> Speech:
        return plan.recording or await self._voice.say(text, self._setup.voice)

    async def _speak(self, reply: Reply, text: str, speech: Speech, *, thinks: bool = False) -> None:
        """Generate at the family's pace, then wait until a client that plays along has heard it all."""
        self._note(f"said: {text}" if text else "said something recorded")
        if self._owes_handle:
            self._tell_handle()
        self._tell_no_restart()
        self._send_all(outbound.before_reply(self._profile))
        if thinks:
            self._session.ledger.think(self._profile.thought_tokens)
            if self._profile.thoughts or self._setup.include_thoughts:
                self._send(outbound.thought(self._profile, "**Answering the user**\n\nI keep it short."))
        self._n_replies += 1
        shown = text if self._setup.transcribe_out else ""
        tiny_first = self._n_replies % 2 == 0
        reply.chunks = chunks(speech, shown, tiny_first=tiny_first, chunk_ms=self._mischief.chunk_ms)
        reply.generated = False
        began = self._clock.now()
        for chunk in reply.chunks:
            await self._clock.sleep_until(began + chunk.at_s / self._mischief.pace(self._profile.pace))
            self._send_chunk(reply, chunk.pcm, chunk.text)
            await self._meet_faults(reply.said_s)
        await self._meet_faults(float("inf"))  # what a short reply was over too soon for
        reply.generated = True
        self._send(outbound.GENERATION_COMPLETE)
        await self._clock.sleep_until(began + speech.n_frames / WIRE_OUT.rate_hz)

    async def _meet_faults(self, said_s: float) -> None:
        struck = list(self._mischief.due(said_s))
        for fault in struck:
            self._mischief.strike(fault)
        if struck:
            await asyncio.sleep(0)  # where one of them cancels this very reply

    def _interrupt_for_nothing(self) -> None:
        if self._reply is None:
            self._send(outbound.INTERRUPTED)
        else:
            self._interrupt("nobody")
            self._go_on()

    def _tell_no_restart(self) -> None:
        if self._profile.handles is Handles.ON_REQUEST and self._setup.resumption:
            self._send(outbound.not_resumable())

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
        if reply.round is not None and not reply.round.answered:
            self._cut_round = reply.round
            if self._profile.cancels_calls:
                ids = self._session.drop(reply.round)
                self._send(outbound.cancellation(ids))
                self._note(f"cancelled {', '.join(ids)}")
        self._close_turn(reply)
        self._end_reply()

    def _finish(self, reply: Reply) -> None:
        self._close_turn(reply)
        self._end_reply()
        self._go_on()

    def _end_reply(self) -> None:
        self._reply = None
        self._session.busy = False

    def _close_turn(self, reply: Reply, *, idle: bool = True) -> None:
        self._session.ledger.say_audio(reply.said_s)
        reply.said_s = 0.0
        idle = idle and not self._session.open_calls and not self._results
        usage = self._session.ledger.close_turn()
        self._send(outbound.turn_complete(self._profile, usage, idle=idle))
        if self._profile.handles is Handles.ON_REQUEST and self._setup.resumption:
            self._tell_handle()

    def _rehearse(self) -> None:
        """Have the next scripted replies ready: the voice takes real time, however fast the clock runs."""
        for text in self._session.mind.upcoming(_REHEARSED):
            self._tasks.create_task(self._voice.rehearse(text, self._setup.voice), name="rehearsal")
