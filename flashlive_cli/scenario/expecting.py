"""
What may be expected of a turn, and of a whole conversation, as typed tables; `judging` holds it against what came.

As in `schema`: a name that is not here is an error, and what is None was not said.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from flashlive_cli.scenario.tables import Milliseconds, Pattern, Share, Table


class Bounds(Table):
    """Between what something has to lie; both ends count."""

    min: Milliseconds | None = None
    max: Milliseconds | None = None

    @model_validator(mode="after")
    def _some(self) -> "Bounds":
        if self.min is None and self.max is None:
            raise ValueError("expected min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing is at least {self.min} and at most {self.max}")
        return self


class ArgumentRule(Table):
    """
    What an argument has to be, where not just equal to a value.

    Attributes:
        regex: found in the argument, as text where it is none.
        equals: the same as this: for a value that looks like a rule.
        absent: there is no such argument.
    """

    regex: Pattern | None = None
    equals: Any = None
    absent: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> "ArgumentRule":
        if len(self.model_fields_set) != 1:
            raise ValueError("expected one of regex, equals and absent")
        return self


class Call(Table):
    """
    A tool call.

    Attributes:
        name: of the tool.
        args: those that matter, each a value or a rule; what is not named may be anything.
        ok: how it was answered; None for either way.
    """

    name: str = Field(min_length=1)
    args: dict[str, Any] = Field(default_factory=dict)
    ok: bool | None = None

    @field_validator("args")
    @classmethod
    def _rules(cls, args: dict[str, Any]) -> dict[str, Any]:
        return {name: _rule(name, value) for name, value in args.items()}


def _rule(name: str, value: object) -> object:
    """Take a table for a rule, anything else for the value itself; a value that is a table stands in `equals`."""
    if not isinstance(value, dict):
        return value
    try:
        return ArgumentRule.model_validate(value)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        what = error["msg"]
        if error["type"] == "extra_forbidden":
            known = ", ".join(f"`{key}`" for key in ArgumentRule.model_fields)
            what = f"unknown key `{error['loc'][-1]}`; known are {known}"
        raise ValueError(f"the rule for {name}: {what.removeprefix('Value error, ')}") from exc


class Expect(Table):
    """
    What a turn has to bring. Times are of the conversation, in milliseconds, measured in the sound itself.

    Attributes:
        heard: in what the service understood of the turn.
        reply: in all that was answered to it.
        not_reply: the same, in vain.
        calls: that are made, all of them, in this order.
        any_order: of `calls`.
        other_calls: there may be more than `calls`.
        no_calls: none is made.
        silence: nothing is answered.
        interrupted: whether a reply was cut while this turn was said.
        interrupted_within_ms: from the first sound of this turn to the word of the service.
        flushed_within_ms: from there to the last sound of the old reply.
        first_audio_within_ms: from the last sound of this turn to the first of the answer.
        complete_within_ms: from the last sound of this turn to the last of the answer.
        audio_ms: how long the answer sounds, silence within it included.
        max_cost: of the turn, in US dollars.
        wer_below: the share of words that were understood wrongly.
        reference: what was said, for `wer_below`; by default `say_text`.
    """

    heard: Pattern | None = None
    reply: Pattern | None = None
    not_reply: Pattern | None = None
    calls: list[Call] | None = None
    any_order: bool = False
    other_calls: bool = False
    no_calls: Literal[True] | None = None
    silence: Literal[True] | None = None
    interrupted: bool | None = None
    interrupted_within_ms: Milliseconds | None = None
    flushed_within_ms: Milliseconds | None = None
    first_audio_within_ms: Milliseconds | None = None
    complete_within_ms: Milliseconds | None = None
    audio_ms: Bounds | None = None
    max_cost: Share | None = None
    wer_below: Annotated[float, Field(gt=0)] | None = None
    reference: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Expect":
        if self.no_calls and self.calls is not None:
            raise ValueError("no_calls and calls exclude each other")
        if self.silence and (told := _ANSWERS & self.model_fields_set):
            raise ValueError(f"silence and {min(told)} exclude each other")
        if (self.any_order or self.other_calls) and not self.calls:
            raise ValueError(f"{'any_order' if self.any_order else 'other_calls'} says something about `calls`")
        if self.interrupted is False and (told := _CUTS & self.model_fields_set):
            raise ValueError(f"interrupted = false and {min(told)} exclude each other")
        if self.reference is not None and self.wer_below is None:
            raise ValueError("reference is for `wer_below`")
        return self


_CUTS: Final = frozenset({"interrupted_within_ms", "flushed_within_ms"})
_ANSWERS: Final = frozenset({"reply", "first_audio_within_ms", "complete_within_ms", "audio_ms"})


class WholeExpect(Table):
    """
    What all of the conversation has to bring.

    Attributes:
        not_reply: is said nowhere.
        no_calls: no tool is called.
        max_cost: in US dollars.
        moves: how often it goes on over another connection.
        no_warnings: nothing is warned of.
    """

    not_reply: Pattern | None = None
    no_calls: Literal[True] | None = None
    max_cost: Share | None = None
    moves: Annotated[int, Field(ge=0)] | None = None
    no_warnings: Literal[True] | None = None
