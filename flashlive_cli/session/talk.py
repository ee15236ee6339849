"""One talk from dial to goodbye: connection, setup, conversation."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Final, Protocol

from flashlive_cli.clock import Clock
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import Model
from flashlive_cli.protocol.prices import Price
from flashlive_cli.reports import Listener, Noted, Report, SessionClosed, SessionReady, Stamped, Warned
from flashlive_cli.session.bill import Bill
from flashlive_cli.session.calls import Consent, NoTools, Tools, nobody_to_ask
from flashlive_cli.session.conversation import Conversation
from flashlive_cli.session.endpoint import Endpoint
from flashlive_cli.session.givens import Eyes, Left, Patience, Renewal, Sound, Turn, Witness
from flashlive_cli.session.history import History
from flashlive_cli.session.limits import Curfew, Limits
from flashlive_cli.session.line import Line
from flashlive_cli.session.narrator import Narrator
from flashlive_cli.session.tally import Tally
from flashlive_cli.session.verdict import waits
from flashlive_cli.session.wishes import Wish

_SHORT_WITH_PICTURES: Final = "the service ends a session with pictures after 2 minutes"

_log: Final = logging.getLogger("flashlive.session")


class SoundSource(Protocol):
    """Where a talk gets its ears and mouth from; each method is called once, and who opens them closes them."""

    def prepare(self) -> None:
        """Load what takes time, while the service thinks about the setup: it is free there."""
        ...

    async def open(self) -> Sound:
        """
        Open them, now that the service has accepted.

        Raises:
            DeviceError: a device is not there, or cannot be opened.
            ConfigError: it is not clear which device is meant.
            FileError: the output cannot be created.
        """
        ...


class Talk:
    """
    A talk, over as many connections as it takes; `hold` it once.

    Belongs to one event loop. Reports go to `listener` in the loop's thread.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        model: Model,
        setup: c.Setup,
        sound: SoundSource,
        listener: Listener,
        clock: Clock,
        tools: Tools | None = None,
        consent: Consent = nobody_to_ask,
        renewal: Renewal | None = None,
        wishes: asyncio.Queue[Wish] | None = None,
        witness: Witness | None = None,
        eyes: Eyes | None = None,
        patience: Patience | None = None,
        limits: Limits | None = None,
        price: Price | None = None,
        delays: Callable[[], Iterator[float]] | None = None,
        left: Left | None = None,
        renewed: Callable[[], None] | None = None,
        simulated: bool = False,
    ) -> None:
        self._model = model
        self._sound = sound
        self._listener = listener
        self._clock = clock
        self._tools = tools or NoTools()
        self._consent = consent
        self._renewal = renewal
        self._wishes = wishes
        self._witness = witness
        self._eyes = eyes
        self._patience = patience or Patience()
        self._curfew = Curfew(limits or Limits())
        self._simulated = simulated
        self._line = Line(
            endpoint,
            model,
            setup,
            clock=clock,
            patience_s=self._patience.setup_s,
            witness=witness,
            delays=delays or (lambda: waits(Random())),  # noqa: S311 - no secret
        )
        self._bill = Bill(price)
        self._narrator = Narrator(self._report, self._bill)
        self._tally = Tally()
        self._before = left
        self._renewed = renewed or (lambda: None)  # called in the loop when the session has a newer handle: see `left`
        self._history = History(left.turns if left else ())

    async def hold(self, turns: Iterable[Turn] | None) -> None:
        """
        Dial, take the turns one after another, wait for each answer and for its last sound, say goodbye.

        With None for turns, talk by microphone until cancelled.

        Raises:
            ConnectionRejected: the service cannot be reached, or refuses the setup.
            ConnectionLost: the connection ended in the middle.
            NoAnswer: the setup met with silence, or not a single turn was answered to the end.
            RemoteProtocolError: the server sent what is no Live API message.
            DeviceError, ConfigError, FileError: see `SoundSource.open`.
        """
        for note in (self._model.note, *self._line.notes):
            if note:
                self._report(Warned(note))
        self._tell_limit_of_pictures()
        try:
            sound = await self._open()
            conversation = Conversation(
                self._line,
                sound,
                tools=self._tools,
                consent=self._consent,
                renewal=self._renewal,
                wishes=self._wishes,
                witness=self._witness,
                eyes=self._eyes,
                history=self._history,
                renewed=self._renewed,
                family=self._model.family,
                narrator=self._narrator,
                report=self._report,
                clock=self._clock,
                patience=self._patience,
                curfew=self._curfew,
            )
            await conversation.hold(turns)
        finally:
            try:
                await self._line.close()
            finally:
                self._sum_up()

    def _sum_up(self) -> None:
        connection = self._line.connection
        if connection is not None:
            turns_ended, now = self._narrator.turn - 1, self._clock.now()
            self._report(self._tally.summary(duration_s=now, turns=turns_ended, bill=self._bill))
            self._report(SessionClosed(connection.close_code, connection.close_reason, now, turns_ended))

    @property
    def left(self) -> Left:
        """What another talk could take up."""
        return Left(self._line.handle, self._history.turns())

    def _tell_limit_of_pictures(self) -> None:
        """Say what becomes of a session with pictures, which is short as the service has it."""
        if self._eyes is None or self._eyes.when == "key":  # one now and then is no film
            return
        if self._line.setup.compress_context:
            told = f"{_SHORT_WITH_PICTURES} unless its context is compressed: that is on, and the oldest is forgotten"
            self._report(Noted(told))
        else:
            told = f"{_SHORT_WITH_PICTURES}, and flashlive does not know how to compress this model's context"
            self._report(Warned(told))

    async def _open(self) -> Sound:
        begun = self._clock.now()
        resumed = await self._line.open(
            self._sound.prepare,
            handle=self._before.handle if self._before else None,
            history=self._history.turns(),
            on_retry=lambda reason: self._report(Warned(f"{reason}; once more")),
        )
        took_ms = (self._clock.now() - begun) * 1000
        sound = await self._sound.open()
        setup = self._line.setup
        tools = tuple(function.name for function in setup.functions)
        taken_up = resumed if self._before else None
        self._report(SessionReady(self._model.id, setup.voice, tools, self._simulated, took_ms, taken_up))
        return sound

    def _report(self, report: Report) -> None:
        now = self._clock.now()
        self._tally.note(report)
        self._history.note(report, now)
        stamped = Stamped(now, self._narrator.turn, report)
        _log.debug("%s", stamped)
        self._listener(stamped)
