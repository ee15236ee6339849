"""What the user has asked last, whether that is answered, and how it is asked again where the answer broke off."""

import math
from dataclasses import dataclass
from typing import Final

from flashlive_cli.session.answers import Answers
from flashlive_cli.session.gate import Gate
from flashlive_cli.session.givens import Sound
from flashlive_cli.session.pump import Pump
from flashlive_cli.session.uplink import Uplink

MOST_TIMES: Final = 7
"""A question is asked, again included: who cannot say the answer within so many connections never will."""


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What the user asked.

    Attributes:
        at: clock time of its beginning, in seconds.
        text: as typed; None where it was spoken.
        images: (bytes, MIME type) that were typed with it.
    """

    at: float
    text: str | None = None
    images: tuple[tuple[bytes, str], ...] = ()


class Questions:
    """Keeps the latest question of a talk; belongs to the event loop. Times are clock seconds."""

    def __init__(self, sound: Sound, answers: Answers, *, gate: Gate, uplink: Uplink | None) -> None:
        """Hear of spoken ones by the `sound`, whose microphone the `uplink` sends; None where there is none."""
        self._sound = sound
        self._answers = answers
        self._gate = gate
        self._uplink = uplink
        self._typed: Asked | None = None
        self._stopped_s = -math.inf
        self._times = (-math.inf, 0)  # when the question was asked that was asked last, and how often

    def typed(self, text: str, now: float, images: tuple[tuple[bytes, str], ...] = ()) -> None:
        """Note a typed one, which is about to go out."""
        self._typed = Asked(now, text, images)
        self._answers.typed(now)

    def stopped(self, now: float) -> None:
        """Note that the user does not want the answers to what was asked before."""
        self._stopped_s = now
        self._answers.stopped()

    def gave_up(self) -> None:
        """Note that no answer to the typed one is waited for any more."""
        self._typed = None

    @property
    def waits(self) -> bool:
        """Whether a typed one has met with nothing yet, not even an end of turn."""
        asked = self._typed
        return asked is not None and asked.at > self._stopped_s and not self._answers.generated_since(asked.at)

    def latest(self) -> Asked | None:
        """Return the latest, typed or spoken; None before any."""
        spoke_s = self._sound.speech_started_s
        if spoke_s is not None and (self._typed is None or spoke_s > self._typed.at):
            return Asked(spoke_s)
        return self._typed

    def is_answered(self, asked: Asked) -> bool:
        """Whether all of the answer has come, or none is wanted."""
        return asked.at <= self._stopped_s or self._answers.answered_since(asked.at)

    def is_hopeless(self, asked: Asked) -> bool:
        """Whether it has been asked so often that it is of no use any more."""
        return self._times == (asked.at, MOST_TIMES)

    async def ask_again(self, asked: Asked, wire: Pump) -> bool:
        """
        Ask it over another connection; return False where it has not even been asked once.

        Raises:
            ConnectionLost: that has ended, too.
        """
        self._times = (asked.at, self._times[1] + 1 if self._times[0] == asked.at else 2)
        if asked.text is not None:
            self._answers.typed(asked.at)
            await wire.type_text(asked.text, asked.images)
            return True
        said = self._uplink.said_since(asked.at) if self._uplink is not None else b""
        if not said:  # all of it waits to be sent for the first time
            return False
        for command in self._gate.say_again(said):
            await wire.send(command)
        return True
