"""
What a scenario file may say, as typed tables; pydantic checks them.

A name that is not here is an error, so is a value of another type. What is None, or empty, was not said. `[turn.sim]`
is the simulator's: see `sim/script.py`.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from flashlive_cli.errors import ConfigError
from flashlive_cli.protocol.families import find_model
from flashlive_cli.protocol.voices import find_voice

GOES_ON: Final = "goes on"
"""Of the context of a validation: the turns of other files come first."""
MOST_MS: Final = 3_600_000
"""An hour."""

EVENTS: Final = (
    "session.ready",
    "session.leaving",
    "session.moving",
    "session.resumed",
    "speech.started",
    "speech.ended",
    "transcript",
    "reply.started",
    "reply.first_sample",
    "reply.flushed",
    "reply.complete",
    "tool.called",
    "tool.finished",
    "tool.cancelled",
    "usage",
    "latency",
)
"""What a turn may come `after`: the types of `--format json`."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"no regular expression: {exc}") from exc
    return text


def _voice(name: str) -> str:
    try:
        return find_voice(name)
    except ConfigError as exc:
        raise ValueError(str(exc)) from exc


def _model(name: str) -> str:
    try:
        find_model(name)
    except ConfigError as exc:
        raise ValueError(str(exc)) from exc
    return name


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression, searched for; `(?i)` at its beginning overlooks letter case."""
VoiceName = Annotated[str, AfterValidator(_voice)]
"""Of a prebuilt voice, in any letter case."""
ModelName = Annotated[str, AfterValidator(_model)]
Milliseconds = Annotated[int, Field(ge=0, le=MOST_MS)]
Share = Annotated[float, Field(ge=0)]
Texts = list[str]


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


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


class After(Table):
    """When a turn begins, where not when the turn before is answered: so long after an event of that turn."""

    event: Literal[EVENTS]  # type: ignore[valid-type] # a tuple of texts
    ms: Milliseconds = 0


class Noise(Table):
    """
    What is mixed into the user's sound.

    Attributes:
        kind: made up: `white`, `pink`, or `babble`, many voices at once.
        file: a WAV, from its beginning again where it is too short.
        snr_db: how much louder the speech is than the noise; of root mean square, pauses not counted.
    """

    kind: Literal["white", "pink", "babble"] | None = None
    file: str | None = None
    snr_db: Annotated[float, Field(ge=-20, le=80)]

    @model_validator(mode="after")
    def _one(self) -> "Noise":
        if (self.kind is None) == (self.file is None):
            raise ValueError("expected one of kind and file")
        return self


class Turn(Table):
    """
    What the user says, and what that has to bring.

    Attributes:
        say: a WAV file.
        say_text: spoken by espeak-ng.
        text: typed.
        silence_ms: nothing is said for so long.
        image: shown with it: inside a typed turn, else while it is said.
        after: when it begins.
        noise: mixed in, instead of the scenario's.
        expect: of it.
        sim: how the simulator plays it.
    """

    say: str | None = None
    say_text: str | None = Field(default=None, min_length=1)
    text: str | None = Field(default=None, min_length=1)
    silence_ms: Milliseconds | None = None
    image: str | None = Field(default=None, min_length=1)
    after: After | None = None
    noise: Noise | None = None
    expect: Expect = Field(default_factory=Expect)
    sim: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Turn":
        said = self.model_fields_set & SAID
        if len(said) > 1:
            raise ValueError(f"{' and '.join(sorted(said))} exclude each other")
        if self.text is not None and self.noise is not None:
            raise ValueError("noise is for turns that are heard, not for text")
        if self.expect.wer_below is not None and self.say_text is None and self.expect.reference is None:
            raise ValueError("wer_below needs a `reference`: what was said")
        return self


SAID: Final = frozenset({"say", "say_text", "text", "silence_ms"})
"""One of which says what a turn is; without any it is the simulator's alone."""


class Stub(Table):
    """
    A tool with a canned result.

    Attributes:
        returns: what it answers.
        error: what it fails with, instead.
        sequence: what it answers call by call; the last again and again.
        takes_ms: how long that takes, of the conversation.
        description: what the model is told of it; of the real function, where `files` declare one.
        parameters: its JSON schema; likewise.
        blocking: as `@tool(blocking=…)`.
    """

    returns: Any = None
    error: str | None = None
    sequence: list[Any] | None = Field(default=None, min_length=1)
    takes_ms: Milliseconds = 0
    description: str | None = None
    parameters: dict[str, Any] | None = None
    blocking: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> "Stub":
        if len(self.model_fields_set & {"returns", "error", "sequence"}) != 1:
            raise ValueError("expected one of returns, error and sequence")
        return self


class Tools(Table):
    """
    What the model may call.

    Attributes:
        files: of functions.
        stubs: canned ones, in the place of functions of the same names and beside them.
        yes: run tools that ask first; without it they are refused, as nobody is there to ask.
    """

    files: Texts = Field(default_factory=list)
    stubs: dict[str, Stub] = Field(default_factory=dict)
    yes: bool = False


class Voice(Table):
    """How the model speaks: a prebuilt voice, and the language of the replies."""

    name: VoiceName | None = None
    language: str | None = None


class Model(Table):
    """Whom to talk to."""

    id: ModelName | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    thinking: Literal["minimal", "low", "medium", "high"] | None = None
    search: bool = False


class TurnTaking(Table):
    """When the service takes the user's turn to begin and to end; as the options of `talk`."""

    silence_ms: Milliseconds | None = None
    prefix_ms: Milliseconds | None = None
    start_sensitivity: Literal["high", "low"] | None = None
    end_sensitivity: Literal["high", "low"] | None = None
    no_interrupt: bool = False
    push_to_talk: bool = False


class Matrix(Table):
    """One scenario for each combination of these."""

    voice: list[VoiceName] | None = Field(default=None, min_length=1)
    model: list[ModelName] | None = Field(default=None, min_length=1)
    noise: list[Noise | Literal["none"]] | None = Field(default=None, min_length=1)


class Scenario(Table):
    """
    A scenario file.

    Attributes:
        name: for people and reports; by default the file's.
        description: for people.
        tags: for `-k`.
        system: instruction; `@FILE` reads it from there.
        silence_for_ms: how long nothing must come where a turn expects `silence`.
        max_duration_s: of all of it, in seconds of the conversation: after that it has failed.
        faults: what goes wrong in the simulator.
        expect: of all of it.
        turn: in order.
    """

    name: str | None = Field(default=None, min_length=1)
    description: str | None = None
    tags: Texts = Field(default_factory=list)
    tools: Tools = Field(default_factory=Tools)
    system: str | None = None
    voice: Voice = Field(default_factory=Voice)
    model: Model = Field(default_factory=Model)
    turn_taking: TurnTaking = Field(default_factory=TurnTaking)
    noise: Noise | None = None
    silence_for_ms: Milliseconds = 3000
    max_duration_s: Annotated[float, Field(gt=0, le=MOST_MS / 1000)] = 300.0
    faults: Texts = Field(default_factory=list)
    matrix: Matrix = Matrix()
    expect: WholeExpect = Field(default_factory=WholeExpect)
    turn: list[Turn] = Field(default_factory=list)

    @model_validator(mode="after")
    def _begins(self, info: ValidationInfo) -> "Scenario":
        goes_on = bool(info.context and info.context.get(GOES_ON))
        if not goes_on and self.turn and self.turn[0].after is not None and self.turn[0].after.event != "session.ready":
            raise ValueError("the first turn comes after nothing but session.ready")
        return self
