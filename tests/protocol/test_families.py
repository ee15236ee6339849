"""Models, their families, the setups these take, and voices."""

import pytest

from flashlive_cli.errors import ConfigError
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol.families import (
    DEFAULT_MODEL,
    EXTENDED_THINKING,
    KNOWN_MODELS,
    LIVE_3_1,
    LIVE_3_8,
    NATIVE_AUDIO_2_5,
    UNKNOWN,
    find_model,
    shape,
)
from flashlive_cli.protocol.voices import VOICES, find_voice


@pytest.mark.parametrize(
    ("name", "model_id", "family"),
    [
        ("gemini-3.8-live", "gemini-3.8-live", LIVE_3_8),
        ("models/gemini-3.8-live-extended-thinking", "gemini-3.8-live-extended-thinking", EXTENDED_THINKING),
        ("gemini-3.10-live", "gemini-3.10-live", LIVE_3_8),
        ("gemini-4.0-live-001", "gemini-4.0-live-001", LIVE_3_8),
        ("gemini-3.1-flash-live-preview", "gemini-3.1-flash-live-preview", LIVE_3_1),
        ("gemini-3.1-flash-live", "gemini-3.1-flash-live-preview", LIVE_3_1),
        ("gemini-2.5-flash-native-audio-latest", "gemini-2.5-flash-native-audio-latest", NATIVE_AUDIO_2_5),
        ("gemini-9-voice", "gemini-9-voice", UNKNOWN),
    ],
)
def test_a_model_is_known_by_its_name(name, model_id, family) -> None:
    model = find_model(name)

    assert (model.id, model.family, model.resource) == (model_id, family, f"models/{model_id}")


def test_the_catalogue_holds_the_default_and_no_stranger() -> None:
    assert DEFAULT_MODEL in KNOWN_MODELS
    assert all(find_model(name).family is not UNKNOWN and find_model(name).note is None for name in KNOWN_MODELS)


def test_the_common_misspelling_is_understood_and_said() -> None:
    assert "never existed" in (find_model("gemini-3.1-flash-live").note or "")


def test_an_unknown_model_names_the_nearest() -> None:
    model = find_model("gemini-38-live")

    assert model.advice == "did you mean gemini-3.8-live?"
    assert model.note == f"{model.oddity}; {model.advice}"


@pytest.mark.parametrize("name", ["gemini-2.0-flash-live-001", "gemini-3.5-live-translate-preview", "", "a b", "../x"])
def test_a_model_that_cannot_talk_is_refused_and_another_named(name) -> None:
    with pytest.raises(ConfigError, match=r"gemini-3\.8-live"):
        find_model(name)


WISHES = c.Setup(
    model="models/m",
    thinking_level="HIGH",
    thinking_budget=10,
    functions=(c.FunctionDeclaration("f"), c.FunctionDeclaration("g", behavior="BLOCKING")),
    proactive_audio=True,
    google_search=True,
)


@pytest.mark.parametrize(
    ("family", "level", "budget", "behaviors", "n_notes"),
    [
        (LIVE_3_8, None, None, ["NON_BLOCKING", "BLOCKING"], 3),
        (EXTENDED_THINKING, "HIGH", None, ["NON_BLOCKING", "NON_BLOCKING"], 2),
        (LIVE_3_1, "HIGH", None, [None, None], 2),
        (NATIVE_AUDIO_2_5, None, 10, ["BLOCKING", "BLOCKING"], 1),
        (UNKNOWN, None, None, [None, None], 4),
    ],
)
def test_a_setup_is_fitted_to_its_family(family, level, budget, behaviors, n_notes) -> None:
    shaped, notes = shape(WISHES, family)

    assert (shaped.thinking_level, shaped.thinking_budget) == (level, budget)
    assert [function.behavior for function in shaped.functions] == behaviors
    assert len(notes) == n_notes, notes


def test_extended_thinking_gets_the_level_it_requires() -> None:
    assert shape(c.Setup(model="models/m"), EXTENDED_THINKING)[0].thinking_level == "LOW"
    shaped, notes = shape(c.Setup(model="models/m", thinking_level="MINIMAL"), EXTENDED_THINKING)
    assert (shaped.thinking_level, len(notes)) == ("LOW", 1)


def test_an_unknown_family_gets_a_plain_setup() -> None:
    shaped, _ = shape(WISHES, UNKNOWN)

    assert (shaped.google_search, shaped.compress_context, shaped.resumable) == (False, False, False)
    assert shaped.transcribe_output


def test_there_are_thirty_voices() -> None:
    assert len(VOICES) == 30


@pytest.mark.parametrize("name", ["puck", "PUCK", " Puck "])
def test_a_voice_is_found_in_any_letter_case(name) -> None:
    assert find_voice(name) == "Puck"


@pytest.mark.parametrize(("name", "nearest"), [("Pukc", "Puck"), ("sulafad", "Sulafat"), ("x", "")])
def test_an_unknown_voice_names_the_nearest(name, nearest) -> None:
    with pytest.raises(ConfigError, match=f"the nearest is {nearest}"):
        find_voice(name)
