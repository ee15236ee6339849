"""
A talk outlives its connections: carry it over one, judge what ended that, move, carry it over the next.

    pump ─► lost, or time to leave ─► judge ─► close, wait, dial ─► pump

A planned move (the server's `goAway`, new tools) waits for a quiet moment, for as long as there is time. While there
is much, a `goAway` waits for a pause, and not in the first moments of a connection: who moved at once was seen to lose
the greeting, and to meet with silence from then on. Sound that has come is played on meanwhile; what is said meanwhile
is kept and sent first.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, FlashliveError, RemoteProtocolError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.reports import Report, SessionMoving, SessionResumed, Warned
from flashlive_cli.session.connection import ABNORMAL
from flashlive_cli.session.givens import Renewal, Speaker
from flashlive_cli.session.history import History
from flashlive_cli.session.line import Line
from flashlive_cli.session.pump import Pump
from flashlive_cli.session.uplink import Uplink
from flashlive_cli.session.verdict import (
    MOST_DROPS_A_MINUTE,
    MOST_FRESH_A_MINUTE,
    MOST_LEAVES_A_MINUTE,
    Drops,
    Phase,
    Verdict,
    judge,
)

LEAVE_EARLY_S: Final = 10.0
"""Before the server ends the connection: who stays to the end is cut off with 1008."""
MUCH_TIME_S: Final = 15.0
"""Before the end; where less is left, the first quiet moment is taken."""
PAUSE_S: Final = 2.0
"""Of quiet, while there is much time."""
YOUNG_S: Final = 10.0
"""A connection on which no turn has ended is left no sooner, while there is much time."""
QUIET_CHECK_S: Final = 0.1


class Traveller(Protocol):
    """The conversation that is carried."""

    def heard(self, event: e.Event, now: float, dropped_frames: int | None) -> None:
        """Take an event; see `Pump.receive`."""
        ...

    def is_quiet(self) -> bool:
        """Whether nobody speaks, plays or works: the moment to move."""
        ...

    def is_idle(self) -> bool:
        """Whether the server has said all that it will say."""
        ...

    def asks_again_since(self, *, midway: bool, settled: bool) -> float | None:
        """Return since when the user has asked what is to be asked again after a move; None where nothing is."""
        ...

    async def moved(self, *, resumed: bool, midway: bool, settled: bool) -> bool:
        """
        Take up what the move has left open, before sound flows again; return whether something was asked again.

        Args:
            resumed: the session is the old one.
            midway: it was no quiet moment.
            settled: all results of calls had been told then.
        """
        ...

    def arrived(self) -> None:
        """Note that the line leads somewhere, at the beginning and after each move."""
        ...


class Keeper:
    """
    Keeps a conversation on the line; belongs to the event loop, `run` to one task of it.

    Attributes:
        wire: the present connection, or the last.
        in_place: set while it leads somewhere.
    """

    def __init__(
        self,
        line: Line,
        speaker: Speaker,
        traveller: Traveller,
        *,
        uplink: Uplink | None,
        renewal: Renewal | None,
        history: History,
        report: Callable[[Report], None],
        clock: Clock,
    ) -> None:
        self._line = line
        self._speaker = speaker
        self._traveller = traveller
        self._uplink = uplink
        self._renewal = renewal
        self._history = history
        self._report = report
        self._clock = clock
        self.wire = self._pump()
        self.in_place = asyncio.Event()
        self._leaving = asyncio.Event()
        self._leave_by_s = 0.0
        self._ends_s = 0.0  # the connection, as the server has said
        self._led_s = 0.0
        self._turn_ended = False  # on this connection
        self._quiet_since_s: float | None = None
        self._hurry = False
        self._finished = asyncio.Event()
        self._arrived = asyncio.Event()
        self._drops = Drops(MOST_DROPS_A_MINUTE)
        self._begun_anew = Drops(MOST_FRESH_A_MINUTE)
        self._left = Drops(MOST_LEAVES_A_MINUTE)

    def _pump(self) -> Pump:
        assert self._line.connection is not None, "a conversation needs a line that is open"
        return Pump(self._line.connection, self._line.protocol, self._clock, said_first=self._line.said_first)

    @property
    def due(self) -> bool:
        """Whether the talk is to move at the next quiet moment."""
        return self._leaving.is_set() or (self._renewal is not None and self._renewal.pending.is_set())

    def told(self, event: e.Event, now: float) -> None:
        """Take notice of `GoAway`, and of turns that end."""
        match event:
            case e.GoAway(time_left_s):
                self._ends_s = now + time_left_s
                self._leave_by_s = self._ends_s - min(LEAVE_EARLY_S, time_left_s / 2)
                self._leaving.set()
            case e.TurnComplete():
                self._turn_ended = True
            case _:
                pass

    def break_off(self) -> None:
        """Give the present connection up, and go on over another."""
        self.wire.break_off()

    async def settle(self) -> None:
        """Between two turns: let a move that is due happen now."""
        while self.due and self._traveller.is_idle() and not (self._has_time() and self._is_young()):
            self._hurry = True
            self._arrived.clear()
            await self._arrived.wait()

    def finish(self) -> None:
        """Note that nothing more is to be said: a connection that ends now is not missed."""
        self._finished.set()

    async def run(self) -> None:
        """
        Carry the talk until cancelled.

        Raises:
            ConnectionLost: it broke, and there is no going on.
            ConnectionRejected: the service does not take us back.
            NoAnswer, RemoteProtocolError: nor does it say anything sensible.
        """
        while True:
            self._lead()
            failure = await self._carried()
            if self._finished.is_set():
                return
            self.in_place.clear()
            if self._uplink is not None:
                self._uplink.hold()
            try:
                await self._move(failure)
            except FlashliveError:
                if self._finished.is_set():
                    return
                raise

    def _lead(self) -> None:
        self._led_s, self._turn_ended, self._quiet_since_s = self._clock.now(), False, None
        self.in_place.set()
        if self._uplink is not None:
            self._uplink.lead(self.wire)
        self._traveller.arrived()

    async def _carried(self) -> ConnectionLost | RemoteProtocolError | None:
        """Receive until the connection ends, and return what ended it; None where it is time to leave it."""
        async with asyncio.TaskGroup() as group:
            receiver = group.create_task(self._receive(), name="receiver")
            leaver = group.create_task(self._time_to_leave(), name="leaver")
            pinger = group.create_task(self.wire.outlive(), name="pinger")
            await asyncio.wait((receiver, leaver), return_when=asyncio.FIRST_COMPLETED)
            receiver.cancel()
            leaver.cancel()
            pinger.cancel()
        return None if receiver.cancelled() else receiver.result()

    async def _receive(self) -> ConnectionLost | RemoteProtocolError:
        try:
            await self.wire.receive(self._speaker, self._traveller.heard)
        except (ConnectionLost, RemoteProtocolError) as failure:
            return failure

    async def _time_to_leave(self) -> None:
        """Wait until the talk is to move, and then for a quiet moment as long as there is time."""
        await _any_of(self._leaving.wait(), *([self._renewal.pending.wait()] if self._renewal else ()))
        while not self._may_leave():  # noqa: ASYNC110 - that nothing happens is no event
            await asyncio.sleep(QUIET_CHECK_S)

    def _may_leave(self) -> bool:
        now = self._clock.now()
        if self._leaving.is_set() and now >= self._leave_by_s:
            return True
        if not self._is_moment():
            self._quiet_since_s = None
            return False
        if self._quiet_since_s is None:
            self._quiet_since_s = now
        if self._hurry or not self._has_time():
            return True
        return now - self._quiet_since_s >= PAUSE_S and not self._is_young()

    def _has_time(self) -> bool:
        """Whether nothing but a `goAway` wants the talk to move, and the end that it told of is far."""
        renews = self._renewal is not None and self._renewal.pending.is_set()
        return self._leaving.is_set() and not renews and self._ends_s - self._clock.now() > MUCH_TIME_S

    def _is_young(self) -> bool:
        """Whether the connection has just begun, and no turn has ended on it."""
        return not self._turn_ended and self._clock.now() - self._led_s < YOUNG_S

    def _is_moment(self) -> bool:
        return self._traveller.is_idle() if self._hurry else self._traveller.is_quiet()

    async def _move(self, failure: ConnectionLost | RemoteProtocolError | None) -> None:
        begun, midway = self._clock.now(), failure is not None or not self._is_moment()
        anew = self._judge(failure, begun)
        renews = self._renewal is not None and self._renewal.pending.is_set()
        self._report(SessionMoving(self._reason(failure, renews=renews)))
        offered = self._renewal.offered if self._renewal is not None and renews else self._line.setup.functions
        ledger = self._line.protocol.ledger
        settled = ledger.settled
        try:
            resumed = await self._line.move(offered, lambda: self._said(midway=midway, settled=settled), anew=anew)
        except FlashliveError as last:
            raise _told_together(failure, last) from last
        if resumed:
            self._line.protocol.ledger = ledger  # open calls are open still
        if self._renewal is not None and renews:
            self._settle_renewal(self._renewal, offered)
        self._leaving.clear()
        self._hurry = False
        self.wire = self._pump()
        asked_again = await self._taken_up(resumed=resumed, midway=midway, settled=settled)
        self._report(
            SessionResumed(
                resumed,
                tuple(function.name for function in self._line.setup.functions),
                moved_ms=1000 * (self._clock.now() - begun),
                asked_again=asked_again,
                microphone_kept_ms=self._uplink.kept_ms if self._uplink else 0.0,
                microphone_lost_ms=self._uplink.dropped_ms if self._uplink else 0.0,
            )
        )
        self._arrived.set()

    def _said(self, *, midway: bool, settled: bool) -> tuple[c.Content, ...]:
        """What a new session begins with; what is asked again over it comes after that."""
        return self._history.turns(asked_again=self._traveller.asks_again_since(midway=midway, settled=settled))

    async def _taken_up(self, *, resumed: bool, midway: bool, settled: bool) -> bool:
        try:
            return await self._traveller.moved(resumed=resumed, midway=midway, settled=settled)
        except ConnectionLost:  # the receiver will say so
            return False

    def _judge(self, failure: FlashliveError | None, now: float) -> bool:
        """Return whether the session is lost; raise the failure where there is no going on."""
        if failure is None:
            if self._leaving.is_set() and self._left.too_many(now):
                raise ConnectionLost("the service ends every connection at once", code=ABNORMAL)
            return False
        verdict = judge(Phase.LEAVING if self._leaving.is_set() else Phase.TALKING, failure)
        anew = verdict is Verdict.ANEW
        if verdict is Verdict.GIVE_UP or self._drops.too_many(now) or (anew and self._begun_anew.too_many(now)):
            raise failure
        return anew

    def _reason(self, failure: FlashliveError | None, *, renews: bool) -> str:
        if failure is not None:
            return str(failure)
        return "the server ends this connection" if self._leaving.is_set() or not renews else "the tools have changed"

    def _settle_renewal(self, renewal: Renewal, offered: tuple[c.FunctionDeclaration, ...]) -> None:
        names = {function.name for function in self._line.setup.functions}
        taken = names == {function.name for function in offered}
        renewal.settle(taken=taken)
        if not taken:
            self._report(Warned("the service refused the new tools; those of before stay"))


def _told_together(failure: FlashliveError | None, last: FlashliveError) -> FlashliveError:
    """Return what ended the talk: what broke, and why that could not be mended."""
    if failure is None:
        return last
    code = last.code if isinstance(last, ConnectionLost | ConnectionRejected) else None
    return ConnectionLost(f"{failure}; it could not be taken up again: {last}", code=code or ABNORMAL)


async def _any_of(*waiting: Coroutine[None, None, object]) -> None:
    """Wait for the first of these, and forget the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each, name="waiting") for each in waiting]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
