"""Rooms that must not see each other: whatever flashlive says, the simulator takes it as it was meant."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from flashlive_cli.protocol import codec
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import KNOWN_MODELS, find_model, shape
from flashlive_cli.protocol.voices import VOICES
from flashlive_cli.sim import inbound
from flashlive_cli.sim.setup import DEFAULT_VOICE, Setup, judge_setup

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.text(string.ascii_letters + string.digits + "_.:-", max_size=20).map("f".__add__)
MILLISECONDS = st.none() | st.integers(0, 10_000)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
)
OBJECTS = st.dictionaries(
    WORDS,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)),
    max_size=4,
)


def typed(name: str, **more: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({"type": st.just(name), **more}, optional={"description": WORDS})


PARAMETERS = st.recursive(
    st.sampled_from(["STRING", "INTEGER", "NUMBER", "BOOLEAN"]).flatmap(typed)
    | typed("STRING", enum=st.lists(WORDS, min_size=1, max_size=3)),
    lambda inner: (
        typed("ARRAY", items=inner)
        | st.dictionaries(NAMES, inner, max_size=3).flatmap(
            lambda properties: typed("OBJECT", properties=st.just(properties), required=st.just([*properties]))
        )
    ),
    max_leaves=6,
)
FUNCTIONS = st.lists(
    st.builds(
        c.FunctionDeclaration,
        name=NAMES,
        description=WORDS,
        parameters=st.none() | st.dictionaries(NAMES, PARAMETERS, min_size=1, max_size=3).map(
            lambda properties: {"type": "OBJECT", "properties": properties}
        ),
        behavior=st.sampled_from([None, "BLOCKING", "NON_BLOCKING"]),
    ),
    unique_by=lambda function: function.name,
    max_size=4,
).map(tuple)  # fmt: skip
DETECTIONS = st.builds(
    c.Detection,
    disabled=st.booleans(),
    start_sensitivity=st.sampled_from([None, "HIGH", "LOW"]),
    end_sensitivity=st.sampled_from([None, "HIGH", "LOW"]),
    prefix_ms=MILLISECONDS,
    silence_ms=MILLISECONDS,
    interrupts=st.booleans(),
    turn_coverage=st.sampled_from([None, "ONLY_ACTIVITY", "ALL_INPUT", "AUDIO_ACTIVITY_AND_ALL_VIDEO"]),
)
SETUPS = st.builds(
    c.Setup,
    model=st.sampled_from(KNOWN_MODELS).map("models/".__add__),
    voice=st.none() | st.sampled_from(sorted(VOICES)),
    system=st.none() | WORDS,
    functions=FUNCTIONS,
    google_search=st.booleans(),
    sampling=st.builds(c.Sampling, temperature=st.none() | st.floats(0, 2), seed=st.none() | st.integers(0, 2**31 - 1)),
    media_resolution=st.sampled_from([None, "LOW", "MEDIUM", "HIGH"]),
    thinking_level=st.sampled_from([None, "MINIMAL", "LOW", "MEDIUM", "HIGH"]),
    thinking_budget=st.none() | st.integers(0, 1000),
    include_thoughts=st.booleans(),
    detection=DETECTIONS,
    transcribe_input=st.booleans(),
    transcribe_output=st.booleans(),
    handle=st.none() | NAMES,
    seeds_history=st.booleans(),
    proactive_audio=st.booleans(),
    affective_dialog=st.booleans(),
)


def understood(setup: c.Setup) -> Setup:
    shaped, _ = shape(setup, find_model(setup.model).family)
    return judge_setup(inbound.read_first(codec.encode(shaped).encode(), version="v1alpha"), version="v1alpha")


@settings(max_examples=200)
@given(SETUPS)
def test_any_setup_is_taken_as_it_was_meant(setup: c.Setup) -> None:
    taken = understood(setup)

    assert (taken.model, taken.voice) == (setup.model, setup.voice or DEFAULT_VOICE)
    assert taken.instruction == (setup.system or "")
    assert [tool.name for tool in taken.tools] == [function.name for function in setup.functions]
    assert [tool.parameters for tool in taken.tools] == [function.parameters or {} for function in setup.functions]
    assert taken.automatic is not setup.detection.disabled
    assert (taken.silence_ms, taken.prefix_ms) == (setup.detection.silence_ms, setup.detection.prefix_ms)
    assert taken.eager_start is (setup.detection.start_sensitivity != "LOW")
    assert taken.eager_end is (setup.detection.end_sensitivity != "LOW")
    assert taken.interrupts is setup.detection.interrupts
    assert (taken.transcribe_in, taken.transcribe_out) == (setup.transcribe_input, setup.transcribe_output)
    assert taken.media_resolution == (setup.media_resolution or "")
    assert taken.handle == (setup.handle or "")
    assert taken.resumption
    assert taken.seeds_history is setup.seeds_history


@given(
    st.sampled_from(KNOWN_MODELS),
    st.binary(max_size=200),
    WORDS,
    st.lists(WORDS, min_size=1, max_size=3),
    st.booleans(),
)
def test_any_words_and_sound_arrive_as_they_were_sent(
    model: str, sound: bytes, text: str, turns: list[str], complete: bool
) -> None:
    setup = understood(c.Setup(model=f"models/{model}"))
    pcm = sound[: len(sound) // 2 * 2]
    history = tuple(c.Content("user", turn) for turn in turns)

    def read(command: c.Command) -> list[inbound.ClientMessage]:
        return inbound.read_later(codec.encode(command).encode(), setup)

    assert read(c.SendAudio(pcm)) == [inbound.Audio(pcm, 16_000)]
    assert read(c.SendText(text)) == [inbound.Typed(text)]
    assert read(c.EndAudioStream()) == [inbound.AudioStreamEnd()]
    (content,) = read(c.SendContent(history, complete))
    assert isinstance(content, inbound.Content)
    assert content.history_text == "\n".join(turns)
    assert content.turn_complete is complete


@given(NAMES, NAMES, OBJECTS, st.sampled_from([None, "INTERRUPT", "WHEN_IDLE", "SILENT"]), st.booleans())
def test_any_answer_of_a_tool_arrives_as_it_was_given(
    call_id: str, name: str, response: dict[str, object], scheduling: c.Scheduling | None, will_continue: bool
) -> None:
    answer = c.ToolAnswer(call_id, name, response, scheduling, will_continue)
    setup = understood(c.Setup(model="models/gemini-3.8-live"))

    (read,) = inbound.read_later(codec.encode(c.AnswerTools((answer,))).encode(), setup)

    assert read == inbound.Answers((inbound.Answer(call_id, name, response, scheduling or "WHEN_IDLE", will_continue),))
