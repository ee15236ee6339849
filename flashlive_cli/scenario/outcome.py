"""
What a run came to: plain values, for tables, files and other processes.

Times that end in `_ms` are of the conversation, in milliseconds; `at_s` is where on its clock something was seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["passed", "failed", "error"]
"""`error`: it could not be carried out; see `Outcome.error_kind`."""

ErrorKind = Literal["usage", "service", "unexpected"]


@dataclass(frozen=True, slots=True)
class Check:
    """
    One expectation, and what came of it.

    Attributes:
        name: the key of the scenario.
        ok: it was met.
        expected: in words.
        got: in words; what is measured has a field of its own, so that two runs say the same.
        measured: what was measured; None for what is no number, or did not happen.
        unit: of `measured`.
        at_s: when that was seen; None where there is no such moment.
        late_ms: how late the machine was, where that could be why a limit was missed; see `lateness`.
        note: the same in words, with what to try; empty where there is nothing to say.
    """

    name: str
    ok: bool
    expected: str
    got: str
    measured: float | None = None
    unit: str = ""
    at_s: float | None = None
    late_ms: float | None = None
    note: str = ""

    @property
    def answer(self) -> str:
        """Say for people what came, what was measured included."""
        number = "" if self.measured is None else f"{self.measured:.6g} {self.unit}".strip()
        return ": ".join(part for part in (number, self.got) if part)

    @property
    def sentence(self) -> str:
        """Say for people what was expected, what came, when, and what there is to say of that."""
        when = "" if self.at_s is None else f" (at {self.at_s:.2f} s)"
        told = f"; {self.note}" if self.note else ""
        return f"{self.name}: expected {self.expected}, got {self.answer}{when}{told}"


@dataclass(frozen=True, slots=True)
class CallMade:
    """A tool call as it was made and answered."""

    name: str
    args: Mapping[str, Any]
    ok: bool | None
    response: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a turn, whether or not anything was expected of it; None for what did not happen."""

    first_audio_ms: float | None
    complete_ms: float | None
    audio_ms: float | None
    interrupted_ms: float | None
    flushed_ms: float | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """
    One turn.

    Attributes:
        number: from 1.
        said: what it says, for people.
        heard: what the service understood.
        reply: what it answered.
    """

    number: int
    said: str
    checks: tuple[Check, ...]
    heard: str
    reply: str
    calls: tuple[CallMade, ...]
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    One run of a scenario.

    Attributes:
        id: of the scenario and its variant, the same in every run.
        name: for people.
        path: of the file, as it was given.
        variant: what the matrix chose.
        repetition: from 1.
        seed: of what was made up.
        error: why it could not be carried out.
        turns: as far as they began.
        checks: of the whole conversation.
        model: it was held with.
        simulated: with the simulator.
        duration_s: of the conversation.
        took_s: of the wall's time.
        evidence: the folder with sound, events, wire and timeline; None where none is kept.
    """

    id: str
    name: str
    path: str
    variant: Mapping[str, str]
    repetition: int
    seed: int
    status: Status
    error: str | None
    error_kind: ErrorKind | None
    turns: tuple[TurnOutcome, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    model: str
    simulated: bool
    duration_s: float
    took_s: float
    cost_usd: float | None
    evidence: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it did not pass, a sentence each."""
        missed = [
            f"turn {turn.number}: {check.sentence}" for turn in self.turns for check in turn.checks if not check.ok
        ]
        missed += [check.sentence for check in self.checks if not check.ok]
        return ((self.error,) if self.error else ()) + tuple(missed)
