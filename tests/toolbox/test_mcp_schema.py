"""Schemas as MCP servers write them, in the subset of a Live declaration."""

from typing import Any

import pytest

from flashlive_cli.toolbox.mcp_schema import live_parameters
from flashlive_cli.toolbox.schema import Unsayable

OBJECT = {"type": "object"}


def said(inner: Any, **around: Any) -> Any:
    """Translate one argument, `x`."""
    live = live_parameters(OBJECT | {"properties": {"x": inner}} | around)
    assert live is not None
    assert live["type"] == "OBJECT"
    return live["properties"]["x"]


@pytest.mark.parametrize(
    ("inner", "live"),
    [
        ({"type": "string", "title": "X", "x-order": 1}, {"type": "STRING"}),
        ({"type": ["string", "null"], "description": "Who."},
         {"type": "STRING", "nullable": True, "description": "Who."}),
        ({"type": "integer", "nullable": True}, {"type": "INTEGER", "nullable": True}),
        ({"type": ["string", "integer"], "minLength": 1, "minimum": 0},
         {"anyOf": [{"type": "STRING", "minLength": 1}, {"type": "INTEGER", "minimum": 0}]}),
        ({"type": "string", "properties": {}, "required": [], "minItems": 1}, {"type": "STRING"}),
        ({"enum": ["a", "b", "a"]}, {"type": "STRING", "enum": ["a", "b"]}),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "INTEGER", "minimum": 1}),
        ({"allOf": [{"$ref": "#/definitions/Day"}], "description": "When."},
         {"type": "STRING", "format": "date-time", "description": "When."}),
        ({"$ref": "#/properties/y/items"}, {"type": "NUMBER"}),
        ({"items": {"type": "string"}}, {"type": "ARRAY", "items": {"type": "STRING"}}),
        ({"type": "array", "items": [{"type": "number"}, {"type": "number"}]},
         {"type": "ARRAY", "items": {"type": "NUMBER"}}),
        ({"properties": {"a": {"type": "boolean"}}, "required": ["a", "gone"]},
         {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}, "required": ["a"]}),
        ({"type": "object", "additionalProperties": {}, "propertyNames": {"type": "string"}}, {"type": "OBJECT"}),
        ({"type": "string", "description": 5, "minLength": "1", "pattern": None}, {"type": "STRING"}),
    ],
)  # fmt: skip
def test_any_json_schema_is_brought_into_the_subset(inner: Any, live: Any) -> None:
    day = {"type": "string", "format": "date-time"}
    number = {"type": "array", "items": {"type": "number"}}
    around = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"Day": day}}
    if "$ref" in inner:
        parameters = live_parameters(OBJECT | {"properties": {"x": inner, "y": number}})
        assert parameters is not None
        assert parameters["properties"]["x"] == live
    else:
        assert said(inner, **around) == live


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ({}, "any value would do"),
        (True, "any value would do"),
        (False, "no schema"),
        ({"type": "array"}, "type of its items"),
        ({"type": "strnig"}, "strnig is no type"),
        ({"type": []}, "names none"),
        ({"enum": []}, "no choices"),
        ({"$ref": "#/$defs/Gone"}, "leads nowhere"),
        ({"$ref": "https://example.com/x.json"}, "leads out of it"),
        ({"$ref": "#"}, "contains itself"),
        ({"type": "object", "properties": []}, "no object"),
        ({"anyOf": {}}, "no list of schemas"),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "allOf has no place"),
        ({"type": "object", "patternProperties": {"^a": {"type": "string"}}}, "patternProperties has no place"),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"items": {}}]}, "beside properties"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_has_a_reason(inner: Any, reason: str) -> None:
    with pytest.raises(Unsayable, match=reason):
        said(inner)


def test_a_schema_that_unfolds_without_end_is_refused() -> None:
    laughs: dict[str, Any] = {"L0": {"type": "string"}}
    for n in range(30):
        twice = {"$ref": f"#/$defs/L{n}"}
        laughs[f"L{n + 1}"] = {"type": "object", "properties": {"a": twice, "b": twice}}
    with pytest.raises(Unsayable, match="too large"):
        said({"$ref": "#/$defs/L30"}, **{"$defs": laughs})
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"a": deep}}
    with pytest.raises(Unsayable, match="too large"):
        said(deep)


def test_arguments_that_are_no_plain_object_are_refused_and_none_are_none() -> None:
    assert live_parameters({"type": "object", "properties": {}}) is None
    assert live_parameters({"type": "object", "additionalProperties": False, "$schema": "x"}) is None
    either: dict[str, Any] = {"anyOf": [OBJECT | {"properties": {"a": {"type": "string"}}}, OBJECT]}
    with pytest.raises(Unsayable, match="more than a plain object"):
        live_parameters(either)
    one_of_two = [{"required": ["x"]}, {"required": ["y"]}]
    assert said({"type": "string"}, anyOf=one_of_two) == {"type": "STRING"}


def test_choices_that_are_not_text_are_told_in_words() -> None:
    choice = said({"type": "integer", "enum": [1, 2], "description": "How many."})
    assert choice["type"] == "INTEGER"
    assert "enum" not in choice
    assert choice["description"].startswith("How many. One of 1, 2")


def test_keys_of_a_free_object_are_told_in_words() -> None:
    live = said({"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "number"}})
    assert live["type"] == "OBJECT"
    assert "a, b" in live["description"]
