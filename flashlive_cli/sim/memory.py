"""
Sessions that outlive their sockets, by the handles issued for them.

A handle brings back the latest state, as 3.8 does it. It is refused with 1011 while the old socket is open or gone
for less than a second (gemini-live-resume-test), and with 1008 where it is unknown, or older than two hours.
"""

import itertools
from dataclasses import dataclass
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.sim.outbound import new_handle
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import Setup

REFUSING_S: Final = 0.5
"""So long a refusal takes."""
NOT_BEFORE_S: Final = 1.0
"""After the old socket's end."""
VALID_S: Final = 2 * 3600.0
MOST_HANDLES: Final = 10_000


@dataclass(slots=True)
class _Kept:
    session: Session
    model: str
    left_s: float | None = None  # when its socket ended; None while that is open


class Memory:
    """What the simulator remembers; belongs to its event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def issue(self, session: Session, model: str) -> str:
        """Return a new handle for a session that has a socket."""
        handle = new_handle()
        self._kept[handle] = _Kept(session, model)
        for oldest in itertools.islice(self._kept, max(0, len(self._kept) - MOST_HANDLES)):
            del self._kept[oldest]
            break
        return handle

    def leave(self, session: Session) -> None:
        """Note that a session's socket is gone."""
        for kept in self._kept.values():
            if kept.session is session:
                kept.left_s = self._clock.now()

    async def resume(self, setup: Setup) -> Session:
        """
        Return the session of a setup's handle, with the setup's tools; its instruction is the old one, as seen on 3.8.

        Raises:
            Refusal: as the service refuses.
        """
        kept = self._kept.get(setup.handle)
        now = self._clock.now()
        if kept is None or kept.model != setup.model or (kept.left_s is not None and now - kept.left_s > VALID_S):
            raise Refusal(1008, "Requested entity was not found.")
        if kept.left_s is None or now - kept.left_s < NOT_BEFORE_S:
            await self._clock.sleep(REFUSING_S)
            raise Refusal(1011, "Internal error encountered.")
        for other in self._kept.values():
            if other.session is kept.session:
                other.left_s = None
        kept.session.update(instruction=None, tools=setup.tools, tools_json=setup.tools_json)
        return kept.session
