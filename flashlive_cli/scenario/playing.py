"""How the simulator plays a turn that was recorded: what its `[turn.sim]` says. Pure."""

from typing import Any, Final

from flashlive_cli.scenario.recorded import RecordedTurn
from flashlive_cli.scenario.suggesting import long_enough
from flashlive_cli.scenario.toml import sayable
from flashlive_cli.sim.script import PLACEHOLDER

_CHARS_PER_S: Final = 20.0
"""Faster than any voice of the simulator's speaks."""
_SPARE_S: Final = 2.0


def played_by_simulator(turn: RecordedTurn, *, until_s: float = 0.0) -> dict[str, Any]:
    """
    Return what of `heard`, `calls` and `reply` is known.

    Args:
        turn: as it was recorded.
        until_s: the next turn cuts in so long after the reply's first sample: it must not be over by then.
    """
    sim: dict[str, Any] = {}
    if turn.typed is None:
        sim["heard"] = sayable(turn.heard)
    if calls := [call for call in turn.course.calls if not call.repeats]:
        sim["calls"] = [{"name": call.name} | ({"args": sayable(call.args)} if call.args else {}) for call in calls]
    # words in braces would stand for what a tool answered
    reply = PLACEHOLDER.sub(r"(\1)", sayable(turn.course.reply))
    if reply:
        sim["reply"] = long_enough(reply, until_s + _SPARE_S, _CHARS_PER_S) if until_s else reply
    return sim
