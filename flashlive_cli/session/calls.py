"""
Tool calls in flight: ask, run, cancel, answer exactly once.

A call goes through the user's consent where its tool wants that, then runs in a task of its own. A blocking call of
the 3.8 models comes again under a new id when the user says "stop" meanwhile (seen in most runs): the second is
answered with what the first came to, so that nothing is ordered twice.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.protocol.commands import Scheduling, ToolAnswer
from flashlive_cli.protocol.events import ToolCall
from flashlive_cli.protocol.families import Family
from flashlive_cli.reports import Report, ToolAsked, ToolCalled, ToolCancelled, ToolFinished, ToolProgressed

Response = Mapping[str, object]
Consent = Callable[[str, Mapping[str, object]], Awaitable[str | None]]
"""Ask the user about a call; None to go on, else why not, in words for the model. May wait as long as the user does."""

MOST_ANSWERS: Final = 50
"""Kept for an id that comes again after a move."""
MOST_INTERIM_BYTES: Final = 256 * 1024
"""Of JSON, where interim answers have to wait for the final one; the oldest are dropped."""
STOPPED: Final = "the user stopped this call; what it had done by then is not undone"
JUST_DONE_S: Final = 10.0
"""A call that comes again after an interruption is the same one, if the first ended no longer ago than this, in
seconds of the conversation."""


class Outcome(Protocol):
    """What a tool has come to."""

    @property
    def response(self) -> dict[str, object]:
        """`{"output": …}` or `{"error": …}`."""
        ...

    @property
    def final(self) -> bool:
        """No other follows."""
        ...


class Tools(Protocol):
    """What runs the user's functions."""

    def asks(self, name: str) -> bool:
        """Whether the user is to be asked before each call."""
        ...

    def scheduling(self, name: str) -> Scheduling | None:
        """When an answer that was not waited for is told; None leaves it to the service."""
        ...

    def outcomes(self, name: str, args: Mapping[str, object]) -> AsyncGenerator[Outcome, None]:
        """
        Run one: interim outcomes, then a final one. The tool's faults never raise.

        Must not block the event loop; may be closed or cancelled at any time.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Refusal:
    response: dict[str, object]
    final: bool = True


class NoTools:
    """For a talk without tools: a model that calls one all the same is told so."""

    def asks(self, name: str) -> bool:
        """Never: there is nothing to run."""
        del name
        return False

    def scheduling(self, name: str) -> Scheduling | None:
        """Leave it to the service."""
        del name
        return None

    async def outcomes(self, name: str, args: Mapping[str, object]) -> AsyncGenerator[Outcome, None]:
        """Answer with an error."""
        del args
        yield _Refusal({"error": f"there is no tool {name}"})


async def nobody_to_ask(name: str, args: Mapping[str, object]) -> str | None:
    """Refuse what wants a yes."""
    del args
    return f"{name} needs the user's consent, and nobody is there to give it"


@dataclass(slots=True)
class _Call:
    """
    A call under way, or just done.

    Attributes:
        call: as the server made it.
        message: in which of the server's messages, counted.
        began_s: clock time of its beginning.
        comes_to: its final response, for the one that comes again; cancelled with the call.
        cut: the user was heard cutting in since.
        asked_again: what it was made for is asked again, and may have it made again, however late.
        ended_s: clock time of its end; None while it runs.
    """

    call: ToolCall
    message: int
    began_s: float
    comes_to: asyncio.Future[Response]
    cut: bool = False
    asked_again: bool = False
    ended_s: float | None = None


class Calls:
    """
    The calls of one talk, each in a task of its own, so that a slow one delays neither sound nor a barge-in.

    Lives in the event loop; calls are taken while `running`.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        family: Family,
        clock: Clock,
        consent: Consent,
        answer: Callable[[ToolAnswer], Awaitable[None]],
        report: Callable[[Report], None],
    ) -> None:
        self._tools = tools
        self._family = family
        self._clock = clock
        self._consent = consent
        self._answer = answer
        self._report = report
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: dict[str, tuple[_Call, asyncio.Task[None]]] = {}
        self._seen: set[str] = set()
        self._latest: dict[str, _Call] = {}  # by function and arguments
        self._on_its_way: dict[str, ToolAnswer] = {}
        self._said: dict[str, ToolAnswer] = {}
        self._said_before: dict[str, ToolAnswer] = {}  # over an earlier connection

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Take calls until the block is left; what is open then is cancelled. A failed answer fails the block.

        An answer that still waits for the line then is dropped: nobody is left to hear it.
        """
        async with asyncio.TaskGroup() as self._group:
            try:
                yield
            finally:
                self.cancel(tuple(self._open))
                for task in self._tasks:
                    task.cancel()

    def start(self, call: ToolCall, message: int) -> None:
        """
        Run a call; one that comes again under the same id is the same call and is not run twice.

        Args:
            call: what the server wants.
            message: a count of the server's messages: calls of one message are all meant.
        """
        if call.id in self._seen:
            self._say_again(call.id)
            return
        self._seen.add(call.id)
        self._forget()
        made = _Call(call, message, self._clock.now(), asyncio.get_running_loop().create_future())
        key = f"{call.name}{json.dumps(call.args, sort_keys=True)}"
        first = self._first(key, message)
        self._report(ToolCalled(call.id, call.name, call.args, duplicate_of=first.call.id if first else None))
        if first is None:
            self._latest[key] = made
        work = self._run(made) if first is None else self._repeat(made, first)
        self._open[call.id] = made, self._begin(work, f"tool {call.name}")

    @property
    def open(self) -> bool:
        """Whether a call runs, or its answer has yet to go out."""
        return bool(self._open or self._on_its_way)

    def interrupted(self) -> None:
        """Note that the user cut in: a call that comes again from now on is the same one, until `answered`."""
        for call in self._latest.values():
            call.cut = True

    def answered(self) -> None:
        """Note that what the user said since has been answered: a call that is done and comes again is meant."""
        for call in self._latest.values():
            call.cut, call.asked_again = call.ended_s is None, False

    def asked_again(self, since_s: float) -> None:
        """Note that what the user has said since is asked again: the calls it led to are the same ones if they come."""
        for call in self._latest.values():
            call.asked_again |= call.began_s >= since_s

    def moved(self) -> None:
        """Note that another connection carries on: what was answered over the old one may be asked for again."""
        self._said_before.update(self._said)
        self._said.clear()

    def _begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        assert self._group is not None, "calls come while running"
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _say_again(self, call_id: str) -> None:
        answer = self._said_before.pop(call_id, None)
        if answer is not None:
            self._begin(self._deliver(answer), "answer again")

    def _forget(self) -> None:
        """Drop what is too old to come again."""
        now = self._clock.now()
        for key, call in list(self._latest.items()):
            if not self._may_come_again(call, now):
                del self._latest[key]
        while len(self._said) > MOST_ANSWERS:
            del self._said[next(iter(self._said))]
        while len(self._said_before) > MOST_ANSWERS:
            del self._said_before[next(iter(self._said_before))]

    def stop(self) -> None:
        """End what runs, and answer that the user wanted it so."""
        for made, task in tuple(self._open.values()):
            task.cancel()
            self._begin(self._deliver(self._end(made, {"error": STOPPED})), f"stop {made.call.name}")

    def cancel(self, ids: tuple[str, ...]) -> None:
        """Stop calls that the server took back; those whose answer is on its way already stay answered."""
        for call_id in ids:
            if call_id in self._open:
                made, task = self._open.pop(call_id)
                made.comes_to.cancel()
                task.cancel()
                self._report(ToolCancelled(made.call.id, made.call.name))

    def _first(self, key: str, message: int) -> _Call | None:
        """Return the call that another of the same function and arguments repeats."""
        first = self._latest.get(key)
        if first is None or first.message == message or first.comes_to.cancelled():
            return None
        if first.ended_s is None:
            return first
        same = self._may_come_again(first, self._clock.now()) and (first.cut or first.asked_again)
        return first if same and "error" not in first.comes_to.result() else None

    def _may_come_again(self, call: _Call, now: float) -> bool:
        return call.ended_s is None or call.asked_again or now - call.ended_s <= JUST_DONE_S

    async def _run(self, made: _Call) -> None:
        call = made.call
        refusal = await self._ask(call) if self._tools.asks(call.name) else None
        if refusal is not None:
            await self._finish(made, {"error": refusal})
            return
        interim: list[object] = []
        async with aclosing(self._tools.outcomes(call.name, call.args)) as outcomes:
            async for outcome in outcomes:
                if outcome.final:
                    response = outcome.response
                    fits = len(json.dumps([*interim, response.get("output")])) <= MOST_INTERIM_BYTES
                    if interim and "output" in response and fits:
                        response = {"output": [*interim, response["output"]]}
                    await self._finish(made, response)
                    return
                self._report(ToolProgressed(call.id, call.name, outcome.response))
                if self._family.continues:
                    await self._answer(self._answer_to(call, outcome.response, more=True))
                else:
                    interim.append(outcome.response.get("output"))
                    while len(json.dumps(interim)) > MOST_INTERIM_BYTES:
                        del interim[0]

    async def _repeat(self, made: _Call, first: _Call) -> None:
        try:
            response = await asyncio.shield(first.comes_to)
        except asyncio.CancelledError:
            if made.comes_to.cancelled() or not first.comes_to.cancelled():
                raise
            response = {"error": f"{made.call.name} was cancelled"}
        await self._finish(made, response)

    async def _ask(self, call: ToolCall) -> str | None:
        self._report(ToolAsked(call.id, call.name, call.args))
        return await self._consent(call.name, call.args)

    async def _finish(self, made: _Call, response: Response) -> None:
        if made.call.id in self._open:  # else it was stopped or taken back, and its tool does not care
            await self._deliver(self._end(made, response))

    def _end(self, made: _Call, response: Response) -> ToolAnswer:
        """Note what a call has come to, and return its answer, which is to be delivered."""
        # from here on the answer is on its way: too late to take the call back
        del self._open[made.call.id]
        made.ended_s = self._clock.now()
        made.comes_to.set_result(response)
        took_ms = (made.ended_s - made.began_s) * 1000
        self._report(ToolFinished(made.call.id, made.call.name, "error" not in response, response, took_ms))
        answer = self._on_its_way[made.call.id] = self._answer_to(made.call, response, more=False)
        return answer

    async def _deliver(self, answer: ToolAnswer) -> None:
        await self._answer(answer)
        self._on_its_way.pop(answer.id, None)
        self._said[answer.id] = answer

    def _answer_to(self, call: ToolCall, response: Response, *, more: bool) -> ToolAnswer:
        scheduling = self._tools.scheduling(call.name) if self._family.schedules else None
        return ToolAnswer(call.id, call.name, response, scheduling=scheduling, will_continue=more)
