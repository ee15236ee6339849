"""When has the server said all that it will say? A ledger of calls and answers, and of what was told of them."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class TurnLedger:
    """
    Knows whether an end of turn is the end of the answer.

    A `turnComplete` alone is not: on 3.8 a call ends its turn at once and its result is told in the next one, and
    a turn that ends while calls are open or results untold is followed by another.

    Attributes:
        turn: turns ended so far.
        in_progress: extended thinking said that it still works on an answer.
    """

    turn: int = 0
    in_progress: bool = False
    _open: dict[str, bool] = field(default_factory=dict)
    """id -> whether the call holds its turn."""
    _called_in: dict[str, int] = field(default_factory=dict)
    _untold: set[str] = field(default_factory=set)

    @property
    def open_calls(self) -> tuple[str, ...]:
        """Ids that wait for an answer."""
        return tuple(self._open)

    @property
    def settled(self) -> bool:
        """Nothing is open, nothing untold: an end of turn now is the end of the answer."""
        return not self._open and not self._untold and not self.in_progress

    def called(self, call_id: str, *, blocking: bool) -> None:
        """Note a call; a blocking one is told of in the turn that made it, another in a later turn."""
        if call_id in self._called_in:
            return  # the same call, said twice
        self._open[call_id] = blocking
        self._called_in[call_id] = self.turn if blocking else self.turn + 1

    def cancelled(self, call_id: str) -> None:
        """Forget a call that the server took back."""
        self._open.pop(call_id, None)
        self._untold.discard(call_id)

    def answered(self, call_id: str, *, silent: bool) -> None:
        """Note an answer; a silent one adds to the model's knowledge and is not told."""
        if self._open.pop(call_id, None) is not None and not silent:
            self._untold.add(call_id)

    def told(self) -> None:
        """Note that reply arrives: it tells of every answer whose turn has come."""
        self._untold = {call_id for call_id in self._untold if self._called_in[call_id] > self.turn}

    def working(self, *, idle: bool) -> None:
        """Note what extended thinking says of its work; idle, it has told all that it was answered."""
        self.in_progress = not idle
        if idle:
            self._untold.clear()

    def turn_completed(self) -> None:
        """Note an end of turn; what this turn should have told and did not will not be told any more."""
        self.told()
        self.turn += 1
