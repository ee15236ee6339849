"""What the simulator says by itself is known again in a transcript."""

import pytest

from flashlive_cli.sim.mind import Mind, Plan, Spoken, Written
from flashlive_cli.sim.script import ScriptedCall
from flashlive_cli.sim.sight import Picture
from flashlive_cli.sim.smalltalk import without_smalltalk

PICTURE = Picture("image/png", 640, 480)


@pytest.mark.parametrize(
    "turn",
    [
        Written("Hi. How are you?"),
        Written("x" * 300),
        Written(" "),
        Written("tell me a long story"),
        Spoken(2.345),
        Spoken(1.0, (PICTURE,)),
        Written("What is this? And that.", (PICTURE, PICTURE)),
    ],
)
def test_nothing_is_left_of_what_it_says_without_a_script(turn: Spoken | Written) -> None:
    mind = Mind()
    for _ in range(3):
        plan = mind.answer(turn, [])
        assert plan.reply
        assert without_smalltalk(plan.reply) == ""
        assert isinstance(turn, Written) or without_smalltalk(plan.heard) == ""


def test_what_a_function_answered_is_left() -> None:
    plan = Plan("", (ScriptedCall("get_weather", {}), ScriptedCall("look_up", {})))
    said = Mind().tell(plan, [("get_weather", {"output": "Fog in Berlin."}), ("look_up", {"output": "nothing"})])

    assert "simulator" in said
    assert without_smalltalk(said) == "Fog in Berlin. nothing."
    assert without_smalltalk(Mind().tell(Plan("", (ScriptedCall("f", {}),)), [])) == ""


def test_a_story_that_was_cut_is_none_of_the_agent_s() -> None:
    story = Mind().answer(Written("a story"), []).reply or ""

    assert without_smalltalk(story[: len(story) // 2]) == ""
    assert without_smalltalk("(2.3 s of speech) (0.8 s of speech)") == ""


@pytest.mark.parametrize("text", ["Your order has shipped.", "You typed it well.", "I am sorry."])
def test_other_words_stay(text: str) -> None:
    assert without_smalltalk(text) == text
