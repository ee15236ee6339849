"""Calls of tools, and values of JSON, as text."""

from datetime import date

from flashlive_cli.scenario.outcome import CallMade
from flashlive_cli.scenario.spelling import answered_text, call_text, canonical, json_text


def test_a_call_is_spelled_with_its_arguments_in_order_and_what_it_was_answered() -> None:
    call = CallMade("find", {"word": "é", "at": {"y": 2, "x": 1}}, True, {"output": {"z": 1, "a": None}})

    assert call_text("go", {}) == "go()"
    assert answered_text(call) == 'find(word="é", at={"x": 1, "y": 2}) -> {"output": {"z": 1, "a": null}}'
    assert answered_text(CallMade("go", {}, None, None)) == "go() -> not answered"


def test_values_that_differ_in_the_order_of_keys_alone_are_canonically_the_same() -> None:
    one, other = {"a": [{"b": 1, "c": 2}]}, {"a": [{"c": 2, "b": 1}]}

    assert canonical(one) == canonical(other) != canonical({"a": [{"b": 2, "c": 1}]})
    assert json_text(one) != json_text(other)


def test_what_json_has_no_word_for_is_spelled_as_text() -> None:
    assert json_text({"on": date(2026, 1, 2)}) == canonical({"on": date(2026, 1, 2)}) == '{"on": "2026-01-02"}'
