"""
The model families as a table, and the shaping of a `Setup` by it.

Families differ in what closes the connection with 1007: `thinkingLevel` must be absent on 3.8-live and present on
its extended-thinking sibling, `BLOCKING` functions are refused by the latter, and so on. Sources: the models'
pages and thinking guide of ai.google.dev (September 2026), and public wire recordings (pydantic-ai's cassettes).
"""

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from flashlive_cli.errors import ConfigError, advised
from flashlive_cli.nearest import nearest
from flashlive_cli.protocol.commands import Behavior, Detection, FunctionDeclaration, Sampling, Setup, ThinkingLevel

DEFAULT_MODEL: Final = "gemini-3.1-flash-live-preview"
CURRENT_MODEL: Final = "gemini-3.8-live"
"""What an error names when the service no longer knows a model: stable since 2026-09-15."""

KNOWN_MODELS: Final = (
    "gemini-3.8-live",
    "gemini-3.8-live-extended-thinking",
    "gemini-3.1-flash-live-preview",
    "gemini-2.5-flash-native-audio-latest",
    "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-2.5-flash-native-audio-preview-09-2025",
)

MISSPELLED: Final = {"gemini-3.1-flash-live": "gemini-3.1-flash-live-preview"}

RETIRED: Final = frozenset({"gemini-2.0-flash-live-001", "gemini-2.0-flash-exp", "gemini-live-2.5-flash-preview"})


class Thinking(Enum):
    """Whether a family takes a thinking level, and whether it can do without."""

    REFUSED = "refused"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """
    What one family of models takes and does.

    Attributes:
        name: for people.
        matches: the ids it holds, without `models/`.
        thinking: whether `thinkingLevel` may or must be set.
        levels: the levels it takes.
        takes_budget: whether `thinkingBudget` may be set.
        behaviors: what functions may be declared as; empty where the field itself is unknown.
        default_behavior: what a function is that declares nothing.
        schedules: whether an answer may say how it is told (`scheduling`).
        continues: whether interim answers (`willContinue`) work.
        types_live: type through `realtimeInput.text`; else through `clientContent`.
        stops: an empty `clientContent` turn stops a running reply. Seen on 3.8; on builds of 3.1 any `clientContent`
            after the first reply closes the connection (livekit/agents #5496).
        shows_inline: a picture can be sent inside a typed turn, through `clientContent`; else beside it. See `stops`.
        sees_silence: turns include all video; else stills that are sent while nobody speaks are of no turn.
        ends_on_idle: a turn is over only when `interactionStatus` says `IDLE`.
        takes_dialog_extras: proactive audio and affective dialog (on v1alpha).
        takes_extras: whether anything beyond model, voice, instruction, functions and transcripts (which every Live
            model was seen to take) is worth a risk.
    """

    name: str
    matches: re.Pattern[str]
    thinking: Thinking = Thinking.REFUSED
    levels: tuple[ThinkingLevel, ...] = ()
    takes_budget: bool = False
    behaviors: frozenset[Behavior] = frozenset()
    default_behavior: Behavior = "BLOCKING"
    schedules: bool = False
    continues: bool = False
    types_live: bool = True
    stops: bool = True
    shows_inline: bool = True
    sees_silence: bool = True
    ends_on_idle: bool = False
    takes_dialog_extras: bool = False
    takes_extras: bool = True


EXTENDED_THINKING: Final = Family(
    name="3.8 extended thinking",
    matches=re.compile(r"gemini-3\.8-live-extended-thinking.*"),
    thinking=Thinking.REQUIRED,
    levels=("LOW", "MEDIUM", "HIGH"),
    behaviors=frozenset({"NON_BLOCKING"}),
    default_behavior="NON_BLOCKING",
    ends_on_idle=True,
)
LIVE_3_8: Final = Family(
    name="3.8",
    matches=re.compile(r"gemini-(?:3\.(?:[89]|\d{2,})|[4-9]\d*\.\d+|[1-9]\d+\.\d+)-live(?!-translate).*"),
    behaviors=frozenset({"BLOCKING", "NON_BLOCKING"}),
    default_behavior="NON_BLOCKING",
    schedules=True,
    continues=True,
)
LIVE_3_1: Final = Family(
    name="3.1",
    matches=re.compile(r"gemini-3\.1-flash-live.*"),
    thinking=Thinking.OPTIONAL,
    levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"),
    stops=False,
    shows_inline=False,
)
NATIVE_AUDIO_2_5: Final = Family(
    name="2.5 native audio",
    matches=re.compile(r".*native-audio.*"),
    takes_budget=True,
    behaviors=frozenset({"BLOCKING", "NON_BLOCKING"}),
    schedules=True,
    continues=True,
    types_live=False,
    sees_silence=False,
    takes_dialog_extras=True,
)
UNKNOWN: Final = Family(name="unknown", matches=re.compile(r".*"), takes_extras=False, stops=False, shows_inline=False)

FAMILIES: Final = (EXTENDED_THINKING, LIVE_3_8, LIVE_3_1, NATIVE_AUDIO_2_5, UNKNOWN)
"""The first that matches an id holds it."""

_OTHER_TRADES: Final = re.compile(r".*(?:translate|transcribe|robotics).*")


@dataclass(frozen=True, slots=True)
class Model:
    """
    A model as the user meant it.

    Attributes:
        id: bare, without `models/`.
        family: what it takes.
        oddity: what is odd about the name; empty for nothing.
        advice: what becomes of that, or may be done about it; empty where nobody knows.
    """

    id: str
    family: Family
    oddity: str = ""
    advice: str = ""

    @property
    def note(self) -> str | None:
        """What the user should know about the name; None for nothing."""
        return advised(self.oddity, self.advice) or None

    @property
    def resource(self) -> str:
        """The name on the wire."""
        return f"models/{self.id}"


def find_model(name: str) -> Model:
    """
    Understand a model's name, bare or with `models/`.

    Raises:
        ConfigError: the name is empty, retired, or of a model that does something else than talk.
    """
    bare = name.strip().removeprefix("models/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bare):
        raise ConfigError(f"{name!r} is no model name", f"try {CURRENT_MODEL}")
    if bare in RETIRED:
        raise ConfigError(f"the model {bare} was shut down", f"use {CURRENT_MODEL}")
    if _OTHER_TRADES.fullmatch(bare):
        raise ConfigError(f"the model {bare} does not hold conversations", f"use {CURRENT_MODEL}")
    oddity, advice = "", ""
    if bare in MISSPELLED:
        oddity, advice = f"{bare} never existed", f"using {MISSPELLED[bare]}"
        bare = MISSPELLED[bare]
    family = next(family for family in FAMILIES if family.matches.fullmatch(bare))
    if family is UNKNOWN:
        close = nearest(bare, KNOWN_MODELS)
        oddity = f"flashlive does not know the model {bare} and sends it a plain setup"
        advice = f"did you mean {close}?" if close else ""
    return Model(bare, family, oddity, advice)


def shape(setup: Setup, family: Family) -> tuple[Setup, list[str]]:
    """
    Fit a setup to a family: leave out what would close the connection, add what must be there.

    Returns:
        The setup for the wire, and a line for each wish that was left out.
    """
    notes: list[str] = []

    def drop(wished: object, what: str) -> None:
        if wished:
            notes.append(f"the {family.name} family takes no {what}; left out")

    level, budget = setup.thinking_level, setup.thinking_budget
    if family.thinking is Thinking.REFUSED:
        drop(level, "thinking level")
        level = None
        if not family.takes_budget:
            drop(setup.include_thoughts, "thought summaries")
            setup = replace(setup, include_thoughts=False)
    elif family.thinking is Thinking.REQUIRED and level is None:
        level = family.levels[0]
    elif level is not None and level not in family.levels:
        notes.append(
            f"the {family.name} family has no thinking level {level.lower()}; using {family.levels[0].lower()}"
        )
        level = family.levels[0]
    if budget is not None and not family.takes_budget:
        drop(True, "thinking budget")
        budget = None
    shaped = replace(
        setup,
        thinking_level=level,
        thinking_budget=budget,
        functions=tuple(_declare(function, family) for function in setup.functions),
    )
    if not family.takes_dialog_extras:
        drop(setup.proactive_audio, "proactive-audio switch")
        drop(setup.affective_dialog, "affective dialog")
        shaped = replace(shaped, proactive_audio=False, affective_dialog=False)
    if not family.takes_extras:
        drop(setup.sampling != Sampling(), "sampling settings that flashlive knows of")
        drop(setup.google_search, "search that flashlive knows of")
        drop(setup.detection != Detection(), "turn-taking settings that flashlive knows of")
        shaped = replace(
            shaped,
            sampling=Sampling(),
            labels={},
            google_search=False,
            detection=Detection(),
            include_thoughts=False,
            compress_context=False,
            resumable=False,
            media_resolution=None,
        )
    return shaped, notes


def _declare(function: FunctionDeclaration, family: Family) -> FunctionDeclaration:
    """Say a function's behavior where the family knows the field, and fits it to what the family can do."""
    if not family.behaviors:
        return replace(function, behavior=None)
    behavior = function.behavior or family.default_behavior
    return replace(function, behavior=behavior if behavior in family.behaviors else family.default_behavior)
