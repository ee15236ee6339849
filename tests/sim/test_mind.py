"""What the simulator says and calls by itself."""

import itertools

import pytest

from flashlive_cli.sim.arguments import arguments
from flashlive_cli.sim.mind import Mind, Plan, Spoken, Written
from flashlive_cli.sim.script import Script, ScriptedCall, ScriptedTurn
from flashlive_cli.sim.setup import Tool
from flashlive_cli.sim.sight import Picture
from flashlive_cli.sim.tones import CHARACTERS_PER_S

CITY = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}


def tool(name, parameters=CITY):
    return Tool(name=name, parameters=parameters, blocking=True)


WEATHER = tool("get_weather")
ORDER_ID = {"type": "OBJECT", "properties": {"order_id": {"type": "STRING"}}, "required": ["order_id"]}
ORDER = tool("check_order_status", ORDER_ID)


def test_the_first_reply_says_that_it_is_a_simulator():
    mind = Mind()
    assert "simulator" in (mind.answer(Written("Hi"), []).reply or "")
    assert "simulator" not in (mind.answer(Written("Ho"), []).reply or "")


def test_it_introduces_itself_after_a_first_tool_too():
    mind = Mind()
    plan = mind.answer(Written("weather"), [WEATHER])
    assert "simulator" in mind.tell(plan, [("get_weather", {"output": "fog"})])


WIDE = Picture("image/jpeg", 768, 432)
RED = Picture("image/png", 4, 3, "red")


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (Spoken(1.84), "I heard 1.8 seconds of speech."),
        (Spoken(2.0, (WIDE,)), "I heard 2.0 seconds of speech. I see a picture of 768 by 432."),
        (Written("Hm"), "You typed: Hm"),
        (Written("Look", (WIDE, WIDE, RED)), "You typed: Look I see 3 pictures, the last of 4 by 3, mostly red."),
        (Written("", (RED,)), "I see a picture of 4 by 3, mostly red."),
        (Written(""), "I am listening."),
        (Written("x" * 5000), "You typed: " + "x" * 120 + "…"),
    ],
)
def test_it_acknowledges_what_it_received(turn, words):
    mind = Mind()
    mind.answer(Written("first"), [])
    assert mind.answer(turn, []).reply == words


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("How is the weather?", "get_weather"),
        ("WEATHER", "get_weather"),
        ("Where is my order A-1001?", "check_order_status"),
        ("status of orders", "check_order_status"),
        ("lights on in the kitchen", "setLight"),
        ("get me some tea", None),
        ("whether or not", None),
    ],
)
def test_typed_text_calls_the_tool_it_has_a_word_of(text, name):
    calls = Mind().answer(Written(text), [WEATHER, ORDER, tool("setLight")]).calls
    assert [call.name for call in calls] == ([name] if name else [])


def test_spoken_turns_call_a_tool_every_few_turns_the_second_first():
    mind = Mind()
    plans = [mind.answer(Spoken(1), [WEATHER, ORDER]) for _ in range(8)]
    assert [plan.calls[0].name if plan.calls else "" for plan in plans] == [
        "", "get_weather", "", "", "check_order_status", "", "", "get_weather",
    ]  # fmt: skip
    assert all(not plan.calls for plan in [Mind().answer(Spoken(1), []) for _ in range(3)])


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"output": "12 degrees, fog."}, "get weather says: 12 degrees, fog."),
        ({"result": {"celsius": 12, "sky": "fog"}}, "get weather says: celsius 12, sky fog."),
        ({"celsius": 12.5, "wet": False, "note": None}, "get weather says: celsius 12.5, wet no, note nothing."),
        ({"output": ["a", "b"]}, "get weather says: a, b."),
        ({}, "get weather says: nothing."),
        ({"error": "timeout"}, "I am sorry, get weather failed: timeout."),
    ],
)  # fmt: skip
def test_it_says_what_the_tool_answered(response, words):
    mind = Mind()
    mind.answer(Written("Hi"), [])
    assert mind.tell(Plan("", (ScriptedCall("get_weather", {}),)), [("get_weather", response)]) == words


def test_it_never_says_the_same_twice_in_a_row():
    mind = Mind()
    texts = [mind.answer(Written("Hm"), []).reply for _ in range(5)]
    plan = Plan("", (ScriptedCall("f", {}),))
    texts += [mind.tell(plan, [("f", {"output": "x"})]) for _ in range(3)]
    texts += [mind.answer(Written("a story"), []).reply for _ in range(4)]
    assert all(a != b for a, b in itertools.pairwise(texts))


def test_a_long_answer_takes_more_than_ten_seconds():
    mind = Mind()
    for text in ("tell me something long", "A story!", "long"):
        assert len(mind.answer(Written(text), []).reply or "") / CHARACTERS_PER_S > 15


def test_the_script_comes_first_and_in_order():
    mind = Mind(
        Script(
            (
                ScriptedTurn(heard="Hello there", reply="Hi."),
                ScriptedTurn(calls=(ScriptedCall("f", {"a": 1}),), reply="It is {f}, I say {result}."),
                ScriptedTurn(heard="the weather"),
            )
        )
    )
    assert mind.upcoming(3) == ["Hi."]
    assert mind.answer(Spoken(1), []) == Plan("Hello there", reply="Hi.")
    plan = mind.answer(Written("anything"), [])
    assert plan.calls == (ScriptedCall("f", {"a": 1}),)
    assert mind.tell(plan, [("f", {"output": "so"})]) == "It is so, I say so."
    assert mind.tell(plan, [("f", {"error": "broken"})]) == "I am sorry, f failed: broken."
    assert mind.answer(Spoken(1), [WEATHER]).calls[0].name == "get_weather", "heard words count as typed ones"
    assert mind.answer(Spoken(1), []).heard == "(1.0 s of speech)"


def made(schema, text="", **more):
    return arguments({"type": "OBJECT", "properties": {"x": schema}, "required": ["x"]} | more, text).get("x")


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "STRING", "enum": ["red", "green"]}, "", "red"),
        ({"type": "STRING", "enum": ["red", "green"]}, "Make it green", "green"),
        ({"type": "STRING"}, "What is the weather in London?", "London"),
        ({"type": "STRING"}, "", "sample x"),
        ({"type": "STRING", "maxLength": 3}, "", "sam"),
        ({"type": "STRING", "minLength": 10}, "", "sample xxx"),
        ({"type": "string", "format": "date"}, "", "2026-01-15"),
        ({"type": "INTEGER"}, "", 1),
        ({"type": "INTEGER", "minimum": 5}, "", 5),
        ({"type": "INTEGER", "maximum": -2}, "", -2),
        ({"type": "INTEGER", "minimum": 1.5}, "", 2),
        ({"type": "INTEGER", "minimum": 10, "maximum": 30}, "set it to 21 degrees or 99", 21),
        ({"type": "NUMBER", "maximum": 0.5}, "", 0.5),
        ({"type": "NUMBER"}, "2.5 please", 2.5),
        ({"type": "BOOLEAN"}, "", True),
        ({"type": "NULL"}, "", None),
        ({"type": "ARRAY", "items": {"type": "INTEGER"}}, "", [1]),
        ({"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": 3}, "", [1, 1, 1]),
        ({"type": "ARRAY", "items": {"type": "INTEGER"}, "maxItems": 0}, "", []),
        ({"type": "STRING", "default": "so"}, "", "so"),
        ({"anyOf": [{"type": "NULL"}, {"type": "INTEGER"}]}, "", 1),
        ({"type": ["null", "integer"]}, "", 1),
        ({"$ref": "#/$defs/D"}, "", {"y": True}),
        ({"const": 7}, "", 7),
    ],
)
def test_arguments_fit_the_schema_and_the_text(schema, text, value):
    defs = {"D": {"type": "object", "properties": {"y": {"type": "boolean"}}, "required": ["y"]}}
    assert made(schema, text, **{"$defs": defs}) == value


def test_ids_are_taken_from_the_text():
    assert arguments(ORDER.parameters, "Where is my order A-1001?") == {"order_id": "A-1001"}


def test_only_required_properties_are_given_unless_the_text_names_a_choice():
    schema = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "INTEGER"},
            "unit": {"type": "STRING", "enum": ["celsius", "fahrenheit"]},
            "deep": {"type": "OBJECT", "properties": {"b": {"type": "STRING", "enum": ["q"]}}, "required": ["b"]},
        },
        "required": ["deep"],
    }
    assert arguments(schema, "") == {"deep": {"b": "q"}}
    assert arguments(schema, "in Fahrenheit") == {"unit": "fahrenheit", "deep": {"b": "q"}}


def test_a_schema_that_needs_itself_ends():
    loop = {"$defs": {"L": {"type": "object", "properties": {"l": {"$ref": "#/$defs/L"}}, "required": ["l"]}}}
    assert arguments(loop | {"$ref": "#/$defs/L"}, "")
    assert arguments({"$ref": "#"}, "") == {}
