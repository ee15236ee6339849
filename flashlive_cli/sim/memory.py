"""
Sessions that outlive their sockets, by the handles issued for them.

A handle brings back the latest state, as 3.8 does it. It is refused with 1011 while the old socket is open, or gone
for less than a second from an idle talk; one that was lost in the middle of a reply is taken up at once
(gemini-live-resume-test). It is refused with 1008 where it is unknown, or older than two hours.
"""

from collections.abc import Sequence
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.outbound import new_handle
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.session import Session
from flashlive_cli.sim.setup import Setup

REFUSING_S: Final = 0.5
"""So long a refusal takes."""
NOT_BEFORE_S: Final = 1.0
"""After the end of the old socket of an idle talk; 1 to 1.6 s were measured."""
FREED_S: Final = 0.5
"""The same where the client had said goodbye with 1000: so soon it was free then."""
VALID_S: Final = 2 * 3600.0
"""ai.google.dev, Live session management: two hours after the last connection ended."""
MOST_HANDLES: Final = 10_000


class Memory:
    """
    What the simulator remembers; belongs to its event loop.

    Args:
        clock: of the conversation.
        faults: of the server; `resume-refused` is played here.
    """

    def __init__(self, clock: Clock, faults: Sequence[Fault] = ()) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[Session, str]] = {}  # by handle: whose it is, and for which model
        self._faults = tuple(faults)
        self._refused: dict[Fault, int] = {}

    def issue(self, session: Session, model: str) -> str:
        """Return a new handle for a session that has a socket."""
        handle = new_handle()
        self._kept[handle] = session, model
        if len(self._kept) > MOST_HANDLES:
            del self._kept[next(iter(self._kept))]
        return handle

    def leave(self, session: Session, *, goodbye: bool) -> None:
        """Note that a session's socket is gone, with or without a goodbye; what was being said is lost."""
        session.left_s = self._clock.now()
        session.free_s = session.left_s + (FREED_S if goodbye else NOT_BEFORE_S)
        session.ledger.forget_reply()

    async def resume(self, setup: Setup) -> Session:
        """
        Return the session of a setup's handle, with the setup's tools; its instruction is the old one, as seen on 3.8.

        Raises:
            Refusal: as the service refuses.
        """
        session, model = self._kept.get(setup.handle, (None, ""))
        now = self._clock.now()
        if session is None or model != setup.model or (session.left_s is not None and now - session.left_s > VALID_S):
            raise _unknown()
        await self._refuse_by_fault(session)
        soon = session.left_s is not None and not session.busy and now < session.free_s
        if session.left_s is None or soon:
            await self._clock.sleep(REFUSING_S)
            raise _internal()
        session.left_s = None
        session.taken_up()
        session.update(instruction=None, tools=setup.tools, tools_json=setup.tools_json)
        return session

    async def _refuse_by_fault(self, session: Session) -> None:
        for fault in (*self._faults, *session.faults):
            if fault.name != "resume-refused":
                continue
            times = fault.value("times")
            n_refused = self._refused.get(fault, 0)
            if times and n_refused >= times:
                continue
            self._refused[fault] = n_refused + 1
            await self._clock.sleep(REFUSING_S)
            match fault.value("code"):
                case 1007:
                    raise Refusal(1007, "Request contains an invalid argument.")
                case 1008:
                    raise _unknown()
                case _:
                    raise _internal()


def _unknown() -> Refusal:
    return Refusal(1008, "Requested entity was not found.")


def _internal() -> Refusal:
    return Refusal(1011, "Internal error encountered.")
