"""
What a scenario file may say, as typed tables; pydantic checks them.

A name that is not here is an error, so is a value of another type. What is None, or empty, was not said. `[turn.sim]`
is the simulator's: see `sim/script.py`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from flashlive_cli.errors import ConfigError
from flashlive_cli.protocol.families import find_model
from flashlive_cli.protocol.voices import find_voice
from flashlive_cli.scenario.expecting import Expect, WholeExpect
from flashlive_cli.scenario.tables import MOST_MS, Milliseconds, Table

GOES_ON: Final = "goes on"
"""Of the context of a validation: the turns of other files come first."""

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


VoiceName = Annotated[str, AfterValidator(_voice)]
"""Of a prebuilt voice, in any letter case."""
ModelName = Annotated[str, AfterValidator(_model)]
Texts = list[str]


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
    """One scenario for each combination of these; each of them once."""

    voice: list[VoiceName] | None = Field(default=None, min_length=1)
    model: list[ModelName] | None = Field(default=None, min_length=1)
    noise: list[Noise | Literal["none"]] | None = Field(default=None, min_length=1)

    @field_validator("voice", "model", "noise")
    @classmethod
    def _different(cls, chosen: list[Any] | None, info: ValidationInfo) -> list[Any] | None:
        names = [find_model(each).id if info.field_name == "model" else _name_of(each) for each in chosen or ()]
        if twice := [name for number, name in enumerate(names) if name in names[:number]]:
            raise ValueError(f"{twice[0]} is there twice; --repeat runs scenarios more than once")
        return chosen


def _name_of(choice: str | Noise) -> str:
    """Return how a voice or a noise is told from others."""
    return choice if isinstance(choice, str) else f"{choice.kind or choice.file} at {choice.snr_db:g} dB"


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

    @property
    def checks_nothing(self) -> bool:
        """Whether nothing is expected: it passes whatever is answered, and does only what its turns say."""
        expected = [self.expect, *(turn.expect for turn in self.turn)]
        waits = any(turn.after is not None for turn in self.turn)  # for what has to come
        return not waits and not any(each.model_dump(exclude_defaults=True) for each in expected)

    @model_validator(mode="after")
    def _begins(self, info: ValidationInfo) -> "Scenario":
        goes_on = bool(info.context and info.context.get(GOES_ON))
        if not goes_on and self.turn and self.turn[0].after is not None and self.turn[0].after.event != "session.ready":
            raise ValueError("the first turn comes after nothing but session.ready")
        return self
