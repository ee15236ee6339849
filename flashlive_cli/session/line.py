"""
The connection a talk has at present, and how it gets another one.

The service keeps a session for a while after its connection has gone, by the newest handle it gave. The old socket is
closed first, with a close frame, and a second later the handle is good. Where it is not, the talk begins anew, with
what has been said as its history.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, FlashliveError, NoAnswer, RemoteProtocolError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import Model, shape
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.session.connection import NORMAL, Connection, dial
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.givens import Witness
from flashlive_cli.session.opening import set_up
from flashlive_cli.session.verdict import INVALID, RESUME_AFTER_S, Phase, Verdict, judge

MOST_FIRST_DIALS: Final = 3
"""At the start nobody has anything to lose yet: a service that is down is said soon."""
ANEW_AFTER_S: Final = 10.0
"""A service that refuses a handle for so long will not take it."""

_log: Final = logging.getLogger("flashlive.session")


class Line:
    """
    One talk's line to the service; to be opened, moved, and closed.

    Belongs to one event loop.

    Attributes:
        connection: the present one, or the last; None before `open`.
        protocol: its state.
        said_first: what the server said with the acceptance of the setup, and at which clock second.
        handle: of the session; None where there is none, or it was forgotten.
        notes: what the user should know about the setup.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: Model,
        setup: c.Setup,
        *,
        clock: Clock,
        patience_s: float,
        witness: Witness | None = None,
        delays: Callable[[], Iterator[float]],
    ) -> None:
        """
        Nothing is dialled yet.

        Args:
            endpoint: the service.
            model: whom to talk to.
            setup: what to tell it first.
            clock: times it all.
            patience_s: for the dial, and again for the answer to the setup; real seconds.
            witness: sees all messages.
            delays: makes the conversation seconds before each attempt to move; where they end, so do the attempts.
        """
        self._endpoint = endpoint
        self._model = model
        self._setup, self.notes = shape(setup, model.family)
        self._clock = clock
        self._patience_s = patience_s
        self._witness = _Timed(witness, clock) if witness is not None else None
        self._delays = delays
        self.connection: Connection | None = None
        self.protocol = LiveProtocol(model.family)
        self.said_first: tuple[list[e.Event], float] = [], 0.0
        self._old_handle: str | None = None  # of the present session, until its connection gives a newer one

    @property
    def setup(self) -> c.Setup:
        """As it was sent last, but for the handle and the history."""
        return self._setup

    @property
    def handle(self) -> str | None:
        """The newest that resumes the session."""
        return self.protocol.handle or self._old_handle

    async def open(
        self,
        meanwhile: Callable[[], None] = lambda: None,
        *,
        handle: str | None = None,
        history: Sequence[c.Content] = (),
        on_retry: Callable[[str], None] = lambda _reason: None,
    ) -> bool:
        """
        Dial, and have the setup accepted; return whether the session is the one of the `handle`.

        Args:
            meanwhile: done once the setup is on its way, in the loop.
            handle: of a session that another talk has left.
            history: what a session begins with that is not that one.
            on_retry: told why, where it takes more than one attempt.

        Raises:
            ConnectionRejected: the service cannot be reached, or refuses the setup.
            NoAnswer: the setup met with silence.
            RemoteProtocolError: the server sent what is no Live API message.
        """
        self._old_handle = handle
        delays = islice(self._delays(), MOST_FIRST_DIALS - 1)
        while True:
            try:
                return await self._dial(handle, lambda: history, meanwhile)
            except (ConnectionRejected, ConnectionLost) as failure:
                verdict = judge(Phase.RESUMING if handle else Phase.DIALLING, failure)
                wait_s = next(delays, None)
                if verdict is Verdict.GIVE_UP or wait_s is None:
                    raise
                on_retry(str(failure))
            if verdict is Verdict.ANEW:
                handle = None
            else:
                await self._clock.sleep(wait_s)

    async def move(
        self,
        functions: tuple[c.FunctionDeclaration, ...],
        history: Callable[[], Sequence[c.Content]],
        *,
        anew: bool = False,
    ) -> bool:
        """
        Go on over a new connection; return whether the session is the old one.

        Args:
            functions: to declare. Those that the service refuses are given up for those of before: see `setup`.
            history: tells what a new session begins with, at the moment at which it begins.
            anew: the old one is not to be taken up.

        Raises: as `open` does, when all has been tried.
        """
        handle, before = None if anew else self.handle, self._setup
        self._setup, _ = shape(replace(before, functions=functions, handle=None), self._model.family)
        self._old_handle = handle
        await self.close()
        waited_s, seeds, last = 0.0, True, FlashliveError("nothing was tried")
        forgotten = False  # just now
        for delay_s in self._delays():
            # no more is to be waited for: it was the handle that was refused
            wait_s, forgotten = min(delay_s, RESUME_AFTER_S) if forgotten else delay_s, False
            waited_s += wait_s
            try:
                return await self._dial(handle, history if seeds else tuple, wait_s=wait_s)
            except (ConnectionRejected, NoAnswer, ConnectionLost, RemoteProtocolError) as failure:
                _log.info("moving failed: %s", failure)
                last = failure
                code = failure.code if isinstance(failure, ConnectionRejected) else None
                if code == INVALID and self._setup is not before:
                    self._setup = before  # it may be the new functions
                    continue
                verdict = judge(Phase.RESUMING if handle else Phase.BEGINNING_ANEW, failure)
                # who cannot be reached has refused nothing
                refused_long = code is not None and waited_s >= ANEW_AFTER_S
                if handle and (verdict is Verdict.ANEW or refused_long):
                    handle, forgotten = None, True
                elif code == INVALID and seeds:
                    seeds = False
                elif verdict is Verdict.GIVE_UP:
                    raise
        raise last

    async def close(self) -> None:
        """Say goodbye; nothing where there never was a connection."""
        if self.connection is not None:
            await self.connection.close()

    async def _dial(
        self,
        handle: str | None,
        history: Callable[[], Sequence[c.Content]],
        meanwhile: Callable[[], None] = lambda: None,
        *,
        wait_s: float = 0.0,
    ) -> bool:
        """Connect, after a wait, to the session of the handle, or to a new one with a history."""
        connection = await self._dialled(wait_s)
        said = history() if handle is None and self._model.family.takes_extras else ()
        await self._set_up(connection, replace(self._setup, handle=handle, seeds_history=bool(said)), meanwhile)
        self._old_handle = handle
        if said:
            self.protocol.send(c.SendContent(tuple(said)))
            for message in self.protocol.messages_to_send():
                await connection.send(message)
        return handle is not None

    async def _dialled(self, wait_s: float) -> Connection:
        """
        Return a connection when so much time has passed.

        The wait is for a handle, and only the setup tells that: after a proper goodbye a handle is free in half of the
        wait, and the dial is made within it. Where the line broke, a dial's time is what makes the handle free.
        """
        ends_s = self._clock.now() + wait_s
        early_s = min(wait_s, RESUME_AFTER_S) if self._said_goodbye else 0.0
        await self._clock.sleep(wait_s - early_s)
        _log.debug("dialling %s", self._endpoint.url)
        try:
            connection = await dial(self._endpoint, timeout_s=self._patience_s)
        except FlashliveError:
            await self._clock.sleep_until(ends_s)
            raise
        try:
            await self._clock.sleep_until(ends_s)
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def _said_goodbye(self) -> bool:
        return self.connection is not None and self.connection.close_code == NORMAL

    async def _set_up(self, connection: Connection, setup: c.Setup, meanwhile: Callable[[], None]) -> None:
        connection.witness = self._witness
        surprises = self.protocol.surprises
        self.connection, self.protocol = connection, LiveProtocol(self._model.family)
        self.protocol.surprises.update(surprises)
        try:
            said = await set_up(
                connection,
                self.protocol,
                setup,
                endpoint=self._endpoint,
                model=self._model,
                clock=self._clock,
                patience_s=self._patience_s,
                meanwhile=meanwhile,
            )
        except BaseException:
            await connection.close()
            raise
        self.said_first = said, self._clock.now()


class _Timed:
    """Tells a witness when; see `connection.MessageWitness`."""

    def __init__(self, witness: Witness, clock: Clock) -> None:
        self._witness = witness
        self._clock = clock

    def sent(self, message: str) -> None:
        self._witness.sent(message, self._clock.now())

    def received(self, message: bytes) -> None:
        self._witness.received(message, self._clock.now())
