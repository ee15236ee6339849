"""A session in the service's sense: its mind, its account of tokens, and the calls still open."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flashlive_cli.sim.faults import Fault
from flashlive_cli.sim.inbound import Answer
from flashlive_cli.sim.mind import Mind, Plan, Spoken, Written
from flashlive_cli.sim.script import Script, ScriptedTurn
from flashlive_cli.sim.setup import Setup, Tool
from flashlive_cli.sim.usage import Ledger

_SAME_SPEECH_S: Final = 0.3
"""How much longer or shorter a sentence may seem that is sent again."""


@dataclass(slots=True)
class Round:
    """
    The calls of one plan, and their answers.

    Attributes:
        plan: why they were made.
        names: function by call id, in the order of the calls.
        held: the turn waited for them when they were made.
        results: response by call id.
        continued: calls that were answered with more to come.
    """

    plan: Plan
    names: dict[str, str]
    held: bool = False
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    continued: set[str] = field(default_factory=set)

    @property
    def answered(self) -> bool:
        """Nothing is awaited any more."""
        return len(self.results) == len(self.names)

    def told(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Function and response, in the order of the calls."""
        return [(name, self.results[call_id]) for call_id, name in self.names.items() if call_id in self.results]


class Session:
    """
    What a connection speaks for. Pure: no clock, no socket.

    Attributes:
        faults: those of the scenario.
        struck: faults that have struck, so that a client that comes back meets them once.
        busy: a reply was under way when somebody last looked; its connection keeps it.
        left_s: when its socket ended, by the simulator's clock; None while it has one; kept by its memory.
        free_s: since when it may be taken up again; the same.
        mismatches: what the client did otherwise than the scenario says, one sentence each, in order.
        undeclared: functions that the scenario calls and the client has not declared, in order.
    """

    def __init__(self, setup: Setup, script: Script | None) -> None:
        self.mind = Mind(script)
        self.ledger = Ledger(details_calls=setup.profile.details_calls)
        self.tools: tuple[Tool, ...] = ()
        self.open_calls: dict[str, Round] = {}
        self.faults: tuple[Fault, ...] = script.faults if script else ()
        self.struck = set[Fault]()
        self.busy = False
        self.left_s: float | None = None
        self.free_s = 0.0
        self.mismatches: list[str] = []
        self.undeclared: list[str] = []
        self._turns = script.turns if script else ()
        self._n_turns = 0
        self._latest: tuple[Spoken | Written, Plan] | None = None
        self._cut_off: tuple[Spoken | Written, Plan] | None = None
        self._instruction = ""
        self._tools_json = ""
        self.update(instruction=setup.instruction, tools=setup.tools, tools_json=setup.tools_json)

    def update(self, *, instruction: str | None, tools: tuple[Tool, ...] | None, tools_json: str | None) -> None:
        """Take a new instruction, new tools, or both; None leaves what there is."""
        self._instruction = self._instruction if instruction is None else instruction
        self._tools_json = self._tools_json if tools_json is None else tools_json
        self.tools = self.tools if tools is None else tools
        self.ledger.stand_on(self._instruction, self._tools_json)

    def taken_up(self) -> None:
        """Note that another connection carries on: a reply that was under way is lost, and may be asked for again."""
        self._cut_off = self._latest if self.busy and not self.open_calls else None
        self.busy = False

    def plan(self, turn: Spoken | Written) -> Plan:
        """How the user's turn will be answered; one that is taken again, as its reply was lost, as before."""
        cut_off, self._cut_off = self._cut_off, None
        if cut_off is not None and _is_again(turn, cut_off[0]):
            return cut_off[1]
        plan = self._next(turn)
        self._latest = turn, plan
        return plan

    def _next(self, turn: Spoken | Written) -> Plan:
        self._n_turns += 1
        if self._turns:
            self._compare(self.mind.expected(), turn)
        plan = self.mind.answer(turn, self.tools)
        declared = {tool.name for tool in self.tools}
        self.undeclared += [call.name for call in plan.calls if call.name not in declared]
        return plan

    def unmet(self) -> list[str]:
        """What the scenario expects and has not got so far: turns never taken, calls never answered."""
        turns = [f"turn {i + 1} of the scenario was never taken" for i in range(self._n_turns, len(self._turns))]
        calls = [f"{found.names[call_id]} was never answered" for call_id, found in self.open_calls.items()]
        return turns + calls

    def holds(self, plan: Plan) -> bool:
        """The turn waits for the calls of a plan: one of the functions blocks, or nobody declared it."""
        free = {tool.name for tool in self.tools if not tool.blocking}
        return any(call.name not in free for call in plan.calls)

    def open_round(self, plan: Plan, call_ids: Sequence[str]) -> Round:
        """The calls of a plan are made, each under its id."""
        names = {call_id: call.name for call_id, call in zip(call_ids, plan.calls, strict=True)}
        made = Round(plan, names, held=self.holds(plan))
        self.open_calls.update(dict.fromkeys(call_ids, made))
        return made

    def held_open(self) -> list[Round]:
        """The rounds for which a turn waited and that are not answered."""
        rounds: list[Round] = []
        for found in self.open_calls.values():
            if found.held and not any(found is known for known in rounds):
                rounds.append(found)
        return rounds

    def take(self, answer: Answer) -> Round | None:
        """The round an answer belongs to, with the answer in it; None for an id nobody awaits."""
        found = self.open_calls.get(answer.call_id)
        if found is None:
            self.mismatches.append(f"an answer to {answer.call_id}, which is not open")
            return None
        if answer.name and answer.name != found.names[answer.call_id]:
            self.mismatches.append(f"{found.names[answer.call_id]} was answered by {answer.name}")
        if answer.will_continue:
            # an interim answer is told by itself and leaves its call open
            found.continued.add(answer.call_id)
            plan = replace(found.plan, reply=None, recording=None)
            return Round(plan, {answer.call_id: answer.name}, results={answer.call_id: answer.response})
        self._judge(answer, found)
        del self.open_calls[answer.call_id]
        found.results[answer.call_id] = answer.response
        return found

    def drop(self, dropped: Round) -> list[str]:
        """Close the open calls of a round; their ids."""
        ids = [call_id for call_id, found in self.open_calls.items() if found is dropped]
        for call_id in ids:
            del self.open_calls[call_id]
        return ids

    # what the scenario says of it

    def _compare(self, expected: ScriptedTurn | None, turn: Spoken | Written) -> None:
        number = self._n_turns
        did = f"typed {turn.text!r}" if isinstance(turn, Written) else f"spoke for {turn.seconds:.1f} s"
        if expected is None:
            self.mismatches.append(f"turn {number} is not in the scenario: the user {did}")
        elif expected.typed is not None and (not isinstance(turn, Written) or turn.text != expected.typed):
            self.mismatches.append(f"turn {number}: the scenario types {expected.typed!r}, the user {did}")
        elif expected.spoken and isinstance(turn, Written):
            self.mismatches.append(f"turn {number}: the scenario speaks, the user {did}")
        if expected is not None and expected.sees is not None:
            self._look(expected.sees, len(turn.stills))

    def _look(self, sees: int, n_stills: int) -> None:
        if n_stills < sees or (not sees and n_stills):
            wanted = f"at least {sees}" if sees else "no"
            self.mismatches.append(
                f"turn {self._n_turns}: the scenario shows {wanted} pictures, the user showed {n_stills}"
            )

    def _judge(self, answer: Answer, found: Round) -> None:
        call = found.plan.calls[list(found.names).index(answer.call_id)]
        said = json.dumps(answer.response, ensure_ascii=False)
        if call.answer is not None and not re.search(call.answer, said):
            self.mismatches.append(f"{call.name} answered {said}, which does not match {call.answer!r}")


def _is_again(turn: Spoken | Written, before: Spoken | Written) -> bool:
    """Whether the user says the same again: of speech no more than its length is known."""
    if isinstance(turn, Spoken) and isinstance(before, Spoken):
        return abs(turn.seconds - before.seconds) <= _SAME_SPEECH_S
    return isinstance(turn, Written) and isinstance(before, Written) and turn.text == before.text
