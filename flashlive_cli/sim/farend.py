"""
The far end of every connection: who is let in, what was agreed, and then an `Exchange`, or a `Replay` of a tape.

As on the service, the upgrade succeeds whatever the credential; a bad key, model or field shows as a close frame
after `setup`. No socket library is known here: a connection is a `Channel`.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from flashlive_cli.clock import Clock
from flashlive_cli.printable import printable
from flashlive_cli.sim import wire
from flashlive_cli.sim.doors import TOKEN_PREFIX, Talk
from flashlive_cli.sim.exchange import Exchange
from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.inbound import ClientMessage, may_show, read_first, read_later
from flashlive_cli.sim.memory import Memory
from flashlive_cli.sim.outbox import Channel, Hangup, Outbox
from flashlive_cli.sim.quick import read_sound
from flashlive_cli.sim.replay import Repertoire, Replay
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.script import Script
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import Setup, judge_setup
from flashlive_cli.sim.tape import Tape, lenient_setup
from flashlive_cli.sim.tokens import Token, TokenOffice
from flashlive_cli.sim.voice import Voice
from flashlive_cli.sim.workers import Workers

NOTE_CHARACTERS: Final = 300
"""What a line for people holds of texts of any length."""
MOST_NUMBERS: Final = 10_000
MOST_LOOKERS: Final = 2
"""Threads that look at pictures, of all clients: each has a core at work, and one picture's memory."""

GOODBYE: Final = 1000
NO_KEY: Final = "API Key not found. Please pass a valid API key."
WRONG_KEY: Final = "API key not valid. Please pass a valid API key."


@dataclass(slots=True, kw_only=True)
class FarEnd:
    """
    What all connections share; belongs to its event loop.

    Attributes:
        script: played from its start in every session.
        tape: performed instead.
        faults: of every connection.
        api_key: the only one that is let in, beside tokens; None lets in everybody.
        note: takes one line, free of control characters, for each happening.
        mismatch: takes one line for each thing that a client does otherwise than script or tape say.
        doubt: takes one line for each thing that the script has us do and the service never would, once.
        on_wire: takes all that passes; None for nobody.
    """

    clock: Clock
    script: Script | None = None
    tape: Tape | None = None
    faults: Sequence[Fault] = ()
    api_key: str | None = None
    note: Callable[[str], None] = lambda _: None
    mismatch: Callable[[str], None] = lambda _: None
    doubt: Callable[[str], None] = lambda _: None
    on_wire: Callable[[wire.WireEvent], None] | None = None
    office: TokenOffice = field(default_factory=TokenOffice)
    voice: Voice = field(default_factory=Voice.of_this_machine)
    lookers: Workers = field(default_factory=lambda: Workers(MOST_LOOKERS, "sim-lookers"))
    memory: Memory = field(init=False)
    repertoire: Repertoire | None = field(init=False)
    _connections: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _sessions: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _numbers: dict[str, int] = field(default_factory=dict)  # of sessions, by their handles
    _scripted: dict[int, Session] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.memory = Memory(self.clock, self.faults)
        self.repertoire = Repertoire(self.tape) if self.tape else None

    async def talk(self, channel: Channel, door: Talk, credential: str) -> None:
        """One connection, from its upgrade to its close; what the channel raises ends it, and comes out in a group."""
        call = _Call(self, channel, door, credential, next(self._connections))
        try:
            async with asyncio.TaskGroup() as tasks:
                await call.hold(tasks)
        except* Hangup:
            pass
        finally:
            call.over()

    def judge_key(self, key: str) -> Token | None:
        """
        Let a key or a token in; return what is known of a token.

        Raises:
            Refusal: neither.
        """
        token = self.office.find(key) if key.startswith(TOKEN_PREFIX) else None
        if token is not None or self.api_key is None:
            return token
        if not key:
            raise Refusal(1007, NO_KEY)
        if key != self.api_key:
            raise Refusal(1007, WRONG_KEY)
        return None

    def finish(self) -> None:
        """Nobody comes any more: tell what the script expected in vain, and let the threads go."""
        self.lookers.close()
        self.voice.close()
        for number, session in self._scripted.items():
            for line in session.unmet():
                self.mismatch(f"session {number}: {line}")

    def doubt_call(self, function: str) -> None:
        """Tell that nobody has declared what the script calls, if that was not told yet."""
        if function not in self._doubted:
            self._doubted.add(function)
            self.doubt(
                f"the scenario calls {printable(function[:NOTE_CHARACTERS])}, which the client has not declared: "
                "the service would never do that"
            )

    def session_of(self, handle: str) -> int:
        """The number of a session, a new one where its handle is none."""
        return self._numbers.get(handle) or next(self._sessions)

    def remember(self, handle: str, session: int) -> str:
        """Note whose a new handle is, and return it."""
        self._numbers[handle] = session
        if len(self._numbers) > MOST_NUMBERS:
            del self._numbers[next(iter(self._numbers))]
        return handle

    async def begin(self, setup: Setup, number: int) -> Session:
        """A session new or taken up again; `Refusal` where its handle is none."""
        if setup.handle:
            return await self.memory.resume(setup)
        session = Session(setup, self.script)
        if self.script is not None and self.script.turns:
            self._scripted[number] = session
        return session


@dataclass(slots=True)
class _Call:
    """One connection; the `mischief.Socket` of its exchange."""

    far: FarEnd
    channel: Channel
    door: Talk
    credential: str
    number: int
    session: int = 0
    outbox: Outbox = field(init=False)
    closed: str = ""  # how the server closed
    opened_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.opened_s = self.far.clock.now()
        self.outbox = Outbox(lambda raw: self._pass("s", raw))

    # mischief.Socket

    def abort(self) -> None:
        self.channel.abort()

    def close(self, code: int, reason: str) -> None:
        self._refuse(Refusal(code, reason))

    def delay_pongs(self, seconds: float) -> None:
        self.channel.delay_pongs(self.far.clock.real(seconds))

    # the connection's life

    async def hold(self, tasks: asyncio.TaskGroup) -> None:
        """Converse; the writer raises when one of the two has hung up."""
        tasks.create_task(self.outbox.write_to(self.channel), name=f"sim {self.number} writer")
        try:
            await self._converse(tasks)
        except Refusal as refusal:
            self._refuse(refusal)

    def over(self) -> None:
        """The socket is gone."""
        code, reason = self.channel.goodbye()
        if not self.closed:
            self._tell(wire.Ended(self.number, self.session, "c", code, reason, self.far.clock.now()))
        self.note(self.closed or f"gone with {code} {reason}".rstrip())

    async def _converse(self, tasks: asyncio.TaskGroup) -> None:
        raw = await self.channel.recv()
        try:
            first = read_first(raw, version=self.door.version)
            token = self.far.judge_key(self.credential)
            if token is not None:
                handle = first.get("sessionResumption", {}).get("handle")
                token.judge(self.far.office.wall(), resuming=bool(handle))
                first = token.lock(first)
            if self.far.repertoire is not None:
                await self._replay(raw, first, tasks, self.far.repertoire, token)
            else:
                await self._exchange(raw, judge_setup(first, version=self.door.version), tasks, token)
        finally:
            if not self.session:  # refused before it had one
                self._open(raw, "")

    async def _exchange(self, raw: bytes, setup: Setup, tasks: asyncio.TaskGroup, token: Token | None) -> None:
        self._open(raw, setup.handle)
        session = await self.far.begin(setup, self.session)
        how = "resumed" if setup.handle else "opened"
        self.note(f"{how} with {setup.model}, voice {setup.voice}, {len(setup.tools)} tools")
        self.outbox.as_text = any(fault.name == "text-frames" for fault in (*self.far.faults, *session.faults))
        try:
            exchange = Exchange(
                setup,
                session,
                issue_handle=lambda: self.far.remember(self.far.memory.issue(session, setup.model), self.session),
                clock=self.far.clock,
                voice=self.far.voice,
                send=self.outbox.send,
                tasks=tasks,
                note=self.note,
                faults=self.far.faults,
                socket=self,
            )
            await exchange.open()
            n_told = len(session.mismatches)
            while True:
                for said in await self._read(await self._next(token), setup):
                    exchange.receive(said)
                while session.undeclared:
                    self.far.doubt_call(session.undeclared.pop(0))
                while n_told < len(session.mismatches):
                    self._mismatch(session.mismatches[n_told])
                    n_told += 1
                if not self.outbox.room.is_set():
                    await self.outbox.room.wait()
        finally:
            code, _ = self.channel.goodbye()
            self.far.memory.leave(session, goodbye=code == GOODBYE)

    async def _replay(
        self,
        raw: bytes,
        first: Mapping[str, Any],
        tasks: asyncio.TaskGroup,
        repertoire: Repertoire,
        token: Token | None,
    ) -> None:
        setup = lenient_setup(first, self.door.version)
        self._open(raw, setup.handle)
        scene, issue_handle = repertoire.begin(setup.handle)
        self.note(f"replays {len(scene.cues)} messages, recorded with {scene.model}")
        replay = Replay(
            scene,
            issue_handle=lambda: self.far.remember(issue_handle(), self.session),
            clock=self.far.clock,
            send=lambda cue: self.outbox.send_frame(cue.encoded()),
            close=self._refuse,
            tell=self._mismatch,
        )
        replay.compare(first.get("model", ""), setup)
        tasks.create_task(replay.play(), name=f"sim {self.number} replay")
        try:
            while True:
                for said in await self._read(await self._next(token), setup):
                    replay.receive(said)
                if not self.outbox.room.is_set():
                    await self.outbox.room.wait()
        finally:
            replay.leave()

    async def _read(self, raw: bytes, setup: Setup) -> Sequence[ClientMessage]:
        sound = read_sound(raw)
        if sound is not None:
            return (sound,)
        return await self.far.lookers.run(partial(read_later, raw, setup)) if may_show(raw) else read_later(raw, setup)

    async def _next(self, token: Token | None) -> bytes:
        raw = await self.channel.recv()
        self._pass("c", raw)
        if token is not None:
            token.judge_time(self.far.office.wall())
        return raw

    # what is told of it

    def note(self, line: str) -> None:
        """Say something for people."""
        self.far.note(f"#{self.number} {printable(line[:NOTE_CHARACTERS])}")

    def _mismatch(self, line: str) -> None:
        self.far.mismatch(f"#{self.number} {printable(line[:NOTE_CHARACTERS])}")

    def _refuse(self, refusal: Refusal) -> None:
        if self.closed:
            return
        self.outbox.close(refusal)
        now = self.far.clock.now()
        self._tell(wire.Ended(self.number, self.session, "s", refusal.code, refusal.reason, now))
        self.closed = f"closed with {refusal.code} {refusal.reason}"

    def _open(self, raw: bytes, handle: str) -> None:
        """Know the session from now on; the setup is the first that is told of it."""
        self.session = self.far.session_of(handle)
        self._tell(wire.Opened(self.number, self.session, self.credential, self.opened_s))
        self._pass("c", raw)

    def _pass(self, by: str, raw: bytes) -> None:
        if self.far.on_wire is not None and not self.closed:
            self.far.on_wire(wire.Passed(self.number, self.session, by, raw, self.far.clock.now()))

    def _tell(self, event: wire.WireEvent) -> None:
        if self.far.on_wire is not None and self.session:
            self.far.on_wire(event)
