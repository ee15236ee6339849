"""
The connection a talk has at present, and how it gets another one.

The service keeps a session for a while after its connection has gone, by the newest handle it gave. The old socket is
closed first, with a close frame, and a second later the handle is good; a refusal with 1011 means "not yet".
"""

import enum
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, NoAnswer
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Model, shape
from flashlive_cli.protocol.machine import LiveProtocol
from flashlive_cli.session.connection import Connection, dial
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.givens import Witness
from flashlive_cli.session.opening import set_up

RESUME_AFTER_S: Final = (1.0, 1.0, 2.0, 4.0)
"""Conversation seconds before each attempt with the old handle."""
INVALID_SETUP: Final = 1007
UNKNOWN_HANDLE: Final = 1008

_log: Final = logging.getLogger("flashlive.session")


class Fate(enum.Enum):
    """What an attempt to resume a session has come to."""

    RESUMED = enum.auto()
    NOT_YET = enum.auto()
    REFUSED = enum.auto()
    FORGOTTEN = enum.auto()


def judge(failure: ConnectionRejected | NoAnswer | ConnectionLost) -> Fate:
    """Say what a failed attempt means: the setup is refused, the handle is no good, or it is worth another attempt."""
    code = failure.code if isinstance(failure, ConnectionRejected) else None
    return {INVALID_SETUP: Fate.REFUSED, UNKNOWN_HANDLE: Fate.FORGOTTEN}.get(code or 0, Fate.NOT_YET)


class Line:
    """
    One talk's line to the service; to be opened, moved at quiet moments, and closed.

    Belongs to one event loop.

    Attributes:
        connection: the present one, or the last; None before `open`.
        protocol: its state.
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
    ) -> None:
        self._endpoint = endpoint
        self._model = model
        self._setup, self.notes = shape(setup, model.family)
        self._clock = clock
        self._patience_s = patience_s
        self._witness = _Timed(witness, clock) if witness is not None else None
        self.connection: Connection | None = None
        self.protocol = LiveProtocol(model.family)
        self._handle: str | None = None  # of the present session, until its connection gives a newer one

    @property
    def setup(self) -> c.Setup:
        """As it was sent last, but for the handle."""
        return self._setup

    async def open(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """
        Dial, and have the setup accepted; `meanwhile` is done once it is on its way, in the loop.

        Raises:
            ConnectionRejected: the service cannot be reached, or refuses the setup.
            NoAnswer: the setup met with silence.
            RemoteProtocolError: the server sent what is no Live API message.
        """
        await self._connect(self._setup, meanwhile)

    async def move(self, functions: tuple[c.FunctionDeclaration, ...]) -> bool:
        """
        Go on over a new connection, with other functions declared; return whether the session is the old one.

        Functions that the service refuses are given up for those of before: see `setup`.

        Raises: as `open` does, when a fresh session is refused too.
        """
        handle, before = self.protocol.handle or self._handle, self._setup
        self._setup, _ = shape(replace(before, functions=functions, handle=None), self._model.family)
        await self.close()
        fate = await self._resume(handle) if handle else Fate.FORGOTTEN
        if fate is Fate.REFUSED and handle:
            self._setup = before
            fate = await self._resume(handle)
        if fate is Fate.RESUMED:
            return True
        self._handle = None
        try:
            await self._connect(self._setup)
        except ConnectionRejected as refusal:
            if self._setup is before or judge(refusal) is not Fate.REFUSED:
                raise
            self._setup = before
            await self._connect(before)
        return False

    async def _resume(self, handle: str) -> "Fate":
        """Try to take the old session up again, as often as is worth it."""
        for wait_s in RESUME_AFTER_S:
            await self._clock.sleep(wait_s)
            try:
                await self._connect(replace(self._setup, handle=handle))
            except (ConnectionRejected, NoAnswer, ConnectionLost) as failure:
                _log.info("resumption failed: %s", failure)
                fate = judge(failure)
                if fate is not Fate.NOT_YET:
                    return fate
            else:
                self._handle = handle  # good until a newer one comes
                return Fate.RESUMED
        return Fate.FORGOTTEN

    async def close(self) -> None:
        """Say goodbye; nothing where there never was a connection."""
        if self.connection is not None:
            await self.connection.close()

    async def _connect(self, setup: c.Setup, meanwhile: Callable[[], None] = lambda: None) -> None:
        _log.debug("dialling %s", self._endpoint.url)
        connection = await dial(self._endpoint, timeout_s=self._patience_s)
        connection.witness = self._witness
        self.connection, self.protocol = connection, LiveProtocol(self._model.family)
        try:
            await set_up(
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


class _Timed:
    """Tells a witness when; see `connection.MessageWitness`."""

    def __init__(self, witness: Witness, clock: Clock) -> None:
        self._witness = witness
        self._clock = clock

    def sent(self, message: str) -> None:
        self._witness.sent(message, self._clock.now())

    def received(self, message: bytes) -> None:
        self._witness.received(message, self._clock.now())
