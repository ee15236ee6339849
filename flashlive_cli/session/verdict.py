"""
What a failure means for the talk: take the session up again, begin another one, or give up. Pure.

The service closes with a handful of codes for everything. Code and phase together tell nearly all; only the quota,
which closes like a fault of the server, is known by its words. The codes and what followed them: public recordings of
pydantic-ai, livekit/agents-js #2366 and #2507, js-genai #1236, and the session guide of ai.google.dev.
"""

from collections import deque
from collections.abc import Iterator
from enum import Enum, auto
from random import Random
from typing import Final

from flashlive_cli.errors import ConnectionLost, ConnectionRejected, FlashliveError

INVALID: Final = 1007
REFUSED: Final = 1008
_PASSING_STATUS: Final = frozenset({408, 425, 429})

RESUME_AFTER_S: Final = 1.0
"""A session that was dropped while idle is refused for the first second, and free after 1 to 1.6 s."""
_FIRST_WAITS_S: Final = (RESUME_AFTER_S, 1.0, 2.0, 4.0)
LONGEST_WAIT_S: Final = 15.0
GIVE_UP_AFTER_S: Final = 180.0
"""Of waiting for the network, or a service that has fallen over; a laptop that slept is back by then."""
MOST_DROPS_A_MINUTE: Final = 5
MOST_FRESH_A_MINUTE: Final = 1
MOST_LEAVES_A_MINUTE: Final = 5
"""As the server asks: each connection lasts about ten minutes."""


class Cause(Enum):
    """What the service closed for, where its words tell; of anything else they are not to be relied on."""

    KEY = auto()
    QUOTA = auto()
    MODEL = auto()


def cause_of(reason: str) -> Cause | None:
    """Understand the reason of a close; None for those that say nothing, or nothing that is known."""
    if reason.startswith("API "):  # "API key not valid. Please pass a valid API key.", "API Key not found. …"
        return Cause.KEY
    if reason.startswith("You exceeded your current quota"):
        return Cause.QUOTA
    # "models/X is not found for API version v1beta, …"; "Requested entity was not found." may be of a handle, too
    return Cause.MODEL if " is not found" in reason else None


class Phase(Enum):
    """Where a talk stood when something failed."""

    DIALLING = auto()  # for the first time
    RESUMING = auto()
    BEGINNING_ANEW = auto()
    TALKING = auto()
    LEAVING = auto()  # the server had said that it would end the connection


class Verdict(Enum):
    """What to do about a failure."""

    AGAIN = auto()  # dial again, with the handle where there is one
    ANEW = auto()  # the session is lost: begin another one
    GIVE_UP = auto()


def judge(phase: Phase, failure: FlashliveError) -> Verdict:
    """Say what a failure in some phase means."""
    code = failure.code if isinstance(failure, ConnectionLost | ConnectionRejected) else None
    reason = failure.reason if isinstance(failure, ConnectionLost | ConnectionRejected) else ""
    if cause_of(reason) is Cause.QUOTA:
        return Verdict.GIVE_UP
    refused = code in {INVALID, REFUSED}
    match phase:
        case Phase.LEAVING:
            verdict = Verdict.AGAIN
        case Phase.TALKING:
            verdict = Verdict.ANEW if code == INVALID else Verdict.AGAIN
        case Phase.RESUMING if refused:
            verdict = Verdict.ANEW
        case Phase.DIALLING if code is None:  # nobody there: most likely a wrong address
            verdict = Verdict.GIVE_UP
        case _:
            verdict = Verdict.GIVE_UP if refused or _is_final(code) else Verdict.AGAIN
    return verdict


def _is_final(code: int | None) -> bool:
    """Whether an HTTP status will be the same the next time."""
    return code is not None and 400 <= code < 500 and code not in _PASSING_STATUS


def waits(random: Random) -> Iterator[float]:
    """Yield how long to wait before each attempt, in seconds: 1, 1, 2, 4, then ever longer with jitter, to an end."""
    waited_s, wait_s = 0.0, 4.0
    for first_s in _FIRST_WAITS_S:
        waited_s += first_s
        yield first_s
    while waited_s < GIVE_UP_AFTER_S:
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        jittered_s = wait_s * random.uniform(0.5, 1.0)
        waited_s += jittered_s
        yield jittered_s


class Drops:
    """Counts what went wrong lately, so that a connection that breaks again and again is given up."""

    def __init__(self, most_a_minute: int) -> None:
        self._most = most_a_minute
        self._times: deque[float] = deque()

    def too_many(self, now: float) -> bool:
        """Note another one at `now`, in seconds; tell whether that makes too many within a minute."""
        while self._times and now - self._times[0] > 60:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > self._most
