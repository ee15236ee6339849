"""How long a connection lives: about ten minutes, whatever was agreed, with a `goAway` before the cut."""

import asyncio
from collections.abc import Callable
from typing import Final

from flashlive_cli.clock import Clock
from flashlive_cli.sim.mischief import Socket
from flashlive_cli.sim.outbound import Message, go_away

GO_AWAY_S: Final = 540.0
"""Seen at about nine minutes (ai.google.dev, Live session management: a connection lasts about ten)."""
LEFT_S: Final = 50.0
_TOO_LATE: Final = (
    "Connection aborted because the client failed to close the connection after receiving a GoAway signal."
)


class Lease:
    """
    The end of one connection.

    Args:
        send: puts a message on its way.
        socket: what is closed in the end; None for a connection that never ends.
        tasks: where the waiting happens; ends with the connection.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        send: Callable[[Message], None],
        socket: Socket | None,
        tasks: asyncio.TaskGroup,
        note: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._send = send
        self._socket = socket
        self._tasks = tasks
        self._note = note
        self._cut_s = float("inf")

    def begin(self, *, after_s: float = GO_AWAY_S, left_s: float = LEFT_S) -> None:
        """The setup is confirmed: the `goAway` comes so long after it, and the cut so long after that."""
        if self._socket is not None:
            self._tasks.create_task(self._wear_out(after_s, left_s), name="lease")

    async def _wear_out(self, after_s: float, left_s: float) -> None:
        await self._clock.sleep(after_s)
        if self._cut_s == float("inf"):
            self.announce(left_s)

    def announce(self, left_s: float) -> None:
        """Say that the connection will be cut, and cut it then; the earliest cut announced counts."""
        self._send(go_away(left_s))
        self._note(f"told the client to go away within {left_s:g} s")
        when = self._clock.now() + left_s
        if when < self._cut_s:
            self._cut_s = when
            self._tasks.create_task(self._cut(when), name="cut")

    async def _cut(self, when: float) -> None:
        await self._clock.sleep_until(when)
        if self._socket is not None:
            self._note("closed: the client stayed after goAway")
            self._socket.close(1008, _TOO_LATE)
