"""
The model families as the far end knows them: what each takes, and the shape in which each answers.

Sources: the models' pages and the thinking guide of ai.google.dev (September 2026), the public wire recordings
in pydantic-ai's `tests/realtime/cassettes` (2.5, 3.1 and 3.8), and the measurements of
frontier-on-cloud/gemini-live-stop-test (3.8, September 2026).
"""

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final


class Empties(Enum):
    """Where a family puts messages that say nothing (`{}` and `{"serverContent":{}}`)."""

    NONE = "none"
    AROUND_REPLIES = "around replies"
    BEFORE_EVERY_CHUNK = "before every chunk"


class ActivityShape(Enum):
    """How `voiceActivity` travels."""

    ABSENT = "absent"
    ALONE = "alone"
    BESIDE_CONTENT = "beside an empty serverContent"


class Handles(Enum):
    """When `sessionResumptionUpdate` is sent."""

    ON_REQUEST = "on request, after setup and every turn"
    AFTER_SETUP = "once, unrequested"
    AND_AFTER_TOOLS = "unrequested, put off while a turn is under way, and again after a tool round"


class Filler(Enum):
    """What a family says around a call that does not hold the turn."""

    NONE = "the turn ends with the call"
    BEFORE = "a turn of its own, before the call"
    AFTER = "in the turn of the call, after it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    One family.

    Attributes:
        family: for people and logs.
        thinking_levels: the levels setup may name; empty where the field itself is refused.
        thinking_required: setup without a level is refused.
        thinking_budget: a `thinkingBudget` other than 0 is taken.
        blocking: functions may be declared `BLOCKING`.
        non_blocking: functions may be declared `NON_BLOCKING`.
        blocks_by_default: a function that declares nothing holds the turn until it is answered.
        scheduling: tool answers may carry `scheduling`.
        will_continue: tool answers may carry `willContinue`.
        cancels_calls: a barge-in sends `toolCallCancellation`.
        server_tools: tools of the service's own that setup may name.
        alpha_extras: v1alpha takes `proactivity` and `enableAffectiveDialog`.
        last_unspoken: the last answer after others with `willContinue` is taken in and never told.
        mute_after_resuming: BLOCKING calls open at a drop are not told afterwards, and swallow the user's next turn
            while they are open.
        seeded_calls: history may hold function calls and their responses.
        audio_in_history: history may hold 16 kHz PCM.
        filler: see there.
        call_id: how an id starts, and how many digits follow.
        empties: see there.
        activity: see there.
        handles: see there.
        role: `modelTurn` names its role.
        heard_in_pieces: the input transcript comes in word pieces, and only on request; else in one message.
        said_apart: the output transcript has messages of its own; else it rides on audio.
        thoughts: a thought part precedes the audio of an answer.
        thought_tokens: about so many are counted for an answer, asked for or not.
        details_calls: the tokens of calls are told apart in the usage; else they are in its sums only.
        status: turns end with `interactionStatus`.
        pace: how many times faster than real time a reply is generated.
        covers_stills: stills shown in silence belong to the next turn (`turnCoverage` left alone).
    """

    family: str
    thinking_levels: frozenset[str] = frozenset()
    thinking_required: bool = False
    thinking_budget: bool = False
    blocking: bool = True
    non_blocking: bool = True
    blocks_by_default: bool = False
    scheduling: bool = True
    will_continue: bool = True
    cancels_calls: bool = False
    server_tools: frozenset[str] = frozenset({"googleSearch"})
    alpha_extras: bool = False
    last_unspoken: bool = False
    mute_after_resuming: bool = False
    seeded_calls: bool = True
    audio_in_history: bool = True
    filler: Filler = Filler.NONE
    call_id: tuple[str, int] = ("call_", 7)
    empties: Empties = Empties.BEFORE_EVERY_CHUNK
    activity: ActivityShape = ActivityShape.ALONE
    handles: Handles = Handles.AFTER_SETUP
    role: bool = True
    heard_in_pieces: bool = False
    said_apart: bool = False
    thoughts: bool = False
    thought_tokens: int = 0
    details_calls: bool = False
    status: bool = False
    pace: float = 4.4
    covers_stills: bool = True


LIVE_3_8: Final = Profile(family="3.8", mute_after_resuming=True, thought_tokens=40)
"""Pace measured by gemini-live-stop-test: 4.7-5.4 s of audio within 1.1-1.2 s. Thoughts: 40-96 in recordings."""

EXTENDED_3_8: Final = replace(
    LIVE_3_8,
    family="3.8 extended thinking",
    thinking_levels=frozenset({"LOW", "MEDIUM", "HIGH"}),
    thinking_required=True,
    blocking=False,
    scheduling=False,
    last_unspoken=True,
    filler=Filler.BEFORE,
    status=True,
    thought_tokens=90,
    pace=1.0,
)

LIVE_3_1: Final = Profile(
    family="3.1",
    thinking_levels=frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
    non_blocking=False,
    blocks_by_default=True,
    scheduling=False,
    will_continue=False,
    cancels_calls=True,
    call_id=("fc_", 19),
    empties=Empties.AROUND_REPLIES,
    activity=ActivityShape.BESIDE_CONTENT,
    handles=Handles.AND_AFTER_TOOLS,
    role=False,
)

NATIVE_2_5: Final = Profile(
    family="2.5 native audio",
    thinking_budget=True,
    blocks_by_default=True,
    cancels_calls=True,
    server_tools=frozenset({"googleSearch", "urlContext"}),
    alpha_extras=True,
    seeded_calls=False,
    audio_in_history=False,
    filler=Filler.AFTER,
    call_id=("function-call-", 20),
    empties=Empties.NONE,
    activity=ActivityShape.ABSENT,
    handles=Handles.ON_REQUEST,
    role=False,
    heard_in_pieces=True,
    said_apart=True,
    thoughts=True,
    thought_tokens=24,
    details_calls=True,
    covers_stills=False,
)

_FAMILIES: Final[tuple[tuple[str, Profile], ...]] = (
    (r"gemini-3\.8-live-extended-thinking(-.+)?", EXTENDED_3_8),
    (r"gemini-3\.8-live(-preview.*|-\d.*)?", LIVE_3_8),
    (r"gemini-3\.1-flash-live-preview(-.+)?", LIVE_3_1),
    (r"gemini-2\.5-flash(-preview)?-native-audio-.+", NATIVE_2_5),
)

_VOICE_NAMES: Final = """
    Zephyr Puck Charon Kore Fenrir Leda Orus Aoede Callirrhoe Autonoe Enceladus Iapetus Umbriel Algieba Despina
    Erinome Algenib Rasalgethi Laomedeia Achernar Alnilam Schedar Gacrux Pulcherrima Achird Zubenelgenubi
    Vindemiatrix Sadachbia Sadaltager Sulafat
"""
VOICES: Final = frozenset(_VOICE_NAMES.split())
"""The thirty prebuilt voices, as spelled on ai.google.dev; the service is particular about case."""


def profile_of(model: str) -> Profile | None:
    """The family of a model as setup spells it (`models/ID`), or None when no such Live model exists."""
    for pattern, profile in _FAMILIES:
        if re.fullmatch(rf"models/{pattern}", model):
            return profile
    return None
