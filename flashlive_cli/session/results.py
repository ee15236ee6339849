"""What tools have come to, told over whichever connection there is."""

import asyncio
import json

from flashlive_cli.errors import ConnectionLost
from flashlive_cli.protocol import commands as c
from flashlive_cli.session.reconnect import QUIET_CHECK_S, Keeper


class Results:
    """Tells them; belongs to the event loop."""

    def __init__(self, keeper: Keeper) -> None:
        """Tell them by the keeper's connection."""
        self._keeper = keeper
        self._n_sessions = 0
        self._session_of: dict[str, int] = {}  # by id of the calls that were not answered

    def called(self, call_id: str) -> None:
        """Note that the present session has made a call."""
        self._session_of[call_id] = self._n_sessions

    def moved(self, *, resumed: bool) -> None:
        """Note that another connection carries on; a session that is not the old one has made no call."""
        self._n_sessions += not resumed

    async def tell(self, answer: c.ToolAnswer) -> None:
        """Answer a call; a session that did not make it is told in words."""
        while True:
            await self._keeper.in_place.wait()
            wire = self._keeper.wire
            try:
                if self._session_of.get(answer.id) == self._n_sessions:
                    await wire.send(c.AnswerTools((answer,)))
                elif not answer.will_continue:
                    told = json.dumps(answer.response, ensure_ascii=False, default=str)
                    await wire.type_text(f"(The function {answer.name}, which was called before, has returned {told})")
            except ConnectionLost:
                while wire is self._keeper.wire:  # noqa: ASYNC110 - rare, and soon over
                    await asyncio.sleep(QUIET_CHECK_S)
            else:
                break
        if not answer.will_continue:
            self._session_of.pop(answer.id, None)
