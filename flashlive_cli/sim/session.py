"""A session in the service's sense: its mind, its account of tokens, and the calls still open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flashlive_cli.sim.inbound import Answer
from flashlive_cli.sim.mind import Mind, Plan, Spoken, Written
from flashlive_cli.sim.script import Script
from flashlive_cli.sim.setup import Setup, Tool
from flashlive_cli.sim.usage import Ledger


@dataclass(slots=True)
class Round:
    """
    The calls of one plan, and their answers.

    Attributes:
        plan: why they were made.
        names: function by call id, in the order of the calls.
        results: response by call id.
    """

    plan: Plan
    names: dict[str, str]
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Nothing is awaited any more."""
        return len(self.results) == len(self.names)

    def told(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Function and response, in the order of the calls."""
        return [(name, self.results[call_id]) for call_id, name in self.names.items() if call_id in self.results]


class Session:
    """What a connection speaks for. Pure: no clock, no socket."""

    def __init__(self, setup: Setup, script: Script | None) -> None:
        self.mind = Mind(script)
        self.ledger = Ledger()
        self.tools: tuple[Tool, ...] = ()
        self.open_calls: dict[str, Round] = {}
        self._instruction = ""
        self._tools_json = ""
        self.update(instruction=setup.instruction, tools=setup.tools, tools_json=setup.tools_json)

    def update(self, *, instruction: str | None, tools: tuple[Tool, ...] | None, tools_json: str | None) -> None:
        """Take a new instruction, new tools, or both; None leaves what there is."""
        self._instruction = self._instruction if instruction is None else instruction
        self._tools_json = self._tools_json if tools_json is None else tools_json
        self.tools = self.tools if tools is None else tools
        self.ledger.stand_on(self._instruction, self._tools_json)

    def plan(self, turn: Spoken | Written) -> Plan:
        """How the user's turn will be answered."""
        return self.mind.answer(turn, self.tools)

    def holds(self, plan: Plan) -> bool:
        """The turn waits for the calls of a plan: one of the functions blocks, or nobody declared it."""
        free = {tool.name for tool in self.tools if not tool.blocking}
        return any(call.name not in free for call in plan.calls)

    def open_round(self, plan: Plan, call_ids: Sequence[str]) -> Round:
        """The calls of a plan are made, each under its id."""
        made = Round(plan, {call_id: call.name for call_id, call in zip(call_ids, plan.calls, strict=True)})
        self.open_calls.update(dict.fromkeys(call_ids, made))
        return made

    def take(self, answer: Answer) -> Round | None:
        """The round an answer belongs to, with the answer in it; None for an id nobody awaits."""
        found = self.open_calls.get(answer.call_id)
        if found is None:
            return None
        if answer.will_continue:
            # an interim answer is told by itself and leaves its call open
            plan = replace(found.plan, reply=None, recording=None)
            return Round(plan, {answer.call_id: answer.name}, {answer.call_id: answer.response})
        del self.open_calls[answer.call_id]
        found.results[answer.call_id] = answer.response
        return found

    def drop(self, dropped: Round) -> list[str]:
        """Close the open calls of a round; their ids."""
        ids = [call_id for call_id, found in self.open_calls.items() if found is dropped]
        for call_id in ids:
            del self.open_calls[call_id]
        return ids
