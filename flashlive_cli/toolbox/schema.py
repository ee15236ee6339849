"""
JSON schema, as pydantic writes it, into the subset a Live declaration may use.

The subset is protobuf's `Schema`: one upper-case `type`, `nullable` beside it, references written out. A name
outside it closes the connection at setup, so each key is either translated or refused. Three degrees:

- What the subset has a field for is said there.
- A limit it has no field for (`multipleOf`, a bound that excludes itself, choices that are not text, keys and values
  of a free-form object) is said in words in the description; the call checks it all the same.
- A shape it cannot express (a type that contains itself, a tuple of different types) is refused.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = dict[str, Any]

_TYPES: Final = {
    "string": "STRING",
    "number": "NUMBER",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
    "null": "NULL",
}

_SAME: Final = frozenset(
    {"description", "minItems", "maxItems", "minProperties", "maxProperties"}
    | {"minimum", "maximum", "minLength", "maxLength", "pattern"}
)
"""Keys that both sides know under one name."""

ENUM_NAMES: Final = "x-enum-names"
"""A key of ours beside `enum`: what its values are called, in their order."""

_SHAPE: Final = frozenset({"type", "properties", "required", "items", "prefixItems", "enum", "const", ENUM_NAMES})
_WORDS: Final = frozenset(
    {"format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "additionalProperties"}
    | {"propertyNames"}
)
_SAYS_NOTHING: Final = frozenset(
    {"title", "$defs", "discriminator", "examples", "deprecated", "readOnly", "writeOnly", "contentMediaType"}
)
"""Notes for human readers of a schema, and bookkeeping of pydantic."""

_FORMATS: Final = {
    "date": "A date, YYYY-MM-DD.",
    "time": "A time of day, HH:MM:SS.",
    "duration": "A duration in ISO 8601, such as PT1H30M.",
    "uuid": "A UUID.",
    "email": "An e-mail address.",
    "uri": "A URL.",
    "date-time": "",
    "binary": "",
    "path": "",
}


_NO_PLACE: Final = {
    "patternProperties": "its keys follow a pattern, but patternProperties has no place in the Live schema",
    "contentSchema": "it is JSON inside of text: use the type of what is inside",
}
"""What a JSON schema may say and nobody here can, in words."""


class Unsayable(Exception):
    """The Live schema subset cannot express a type; the text is the reason."""


def live_schema(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """
    Translate one JSON schema node.

    Args:
        node: as `TypeAdapter.json_schema` writes it; not changed.
        definitions: its `$defs`, which `$ref` points into.

    Raises:
        Unsayable: with the reason.
    """
    return _translate(node, definitions, ())


def _translate(node: Schema, definitions: Mapping[str, Schema], inside: tuple[str, ...]) -> Schema:
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        if name in inside:
            raise Unsayable(f"{name} contains itself, and the Live API has no references")
        return _translate(definitions[name] | _without(node, "$ref"), definitions, (*inside, name))
    for union in ("anyOf", "oneOf"):  # pydantic writes oneOf for unions with a discriminator
        if union in node:
            return _union(node[union], _without(node, union), definitions, inside)
    if "const" in node or "enum" in node:
        return _said(node, _choices(node))
    return _said(node, _shape(node, definitions, inside))


def _union(choices: list[Schema], around: Schema, definitions: Mapping[str, Schema], inside: tuple[str, ...]) -> Schema:
    some = [choice for choice in choices if choice.get("type") != "null"]
    if len(some) == 1:
        translated = _translate(some[0] | around, definitions, inside)
    else:
        anyof = {"anyOf": [_translate(choice, definitions, inside) for choice in some]}
        translated = _said(around, anyof)
    return translated | ({"nullable": True} if len(some) < len(choices) else {})


def _choices(node: Schema) -> Schema:
    """Tell text choices by `enum`, which the API has for text only, and others in words."""
    values = [node["const"]] if "const" in node else list(node["enum"])
    names = dict(zip(map(str, values), node.get(ENUM_NAMES, ()), strict=False))
    some = [value for value in values if value is not None]
    if not some:
        return {"type": "NULL"}
    if "" in some:
        raise Unsayable("one of its choices is empty text, which the Live API does not take")
    kinds: dict[str, list[Any]] = {}
    for value in some:
        kinds.setdefault(_kind_of(value), []).append(value)
    shapes = [
        {"type": kind, "enum": listed} if kind == "STRING" else {"type": kind, "description": _one_of(listed, names)}
        for kind, listed in kinds.items()
    ]
    shape = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    return shape | ({"nullable": True} if len(some) < len(values) else {})


def _kind_of(value: object) -> str:
    match value:
        case str():
            return "STRING"
        case bool():
            return "BOOLEAN"
        case int():
            return "INTEGER"
        case float():
            return "NUMBER"
        case _:
            raise Unsayable(f"a choice of it ({value}) is neither text nor a number")


def _one_of(values: list[Any], names: Mapping[str, str]) -> str:
    told = [
        f"{json.dumps(value)} ({names[str(value)]})" if str(value) in names else json.dumps(value) for value in values
    ]
    return f"One of {', '.join(told)}." if len(told) > 1 else f"Always {told[0]}."


def _shape(node: Schema, definitions: Mapping[str, Schema], inside: tuple[str, ...]) -> Schema:
    kind = node.get("type")
    if kind not in _TYPES:
        raise Unsayable("any value would do: give it a type")
    shape: Schema = {"type": _TYPES[kind]}
    if kind == "array":
        shape["items"] = _translate(_item(node), definitions, inside)
    elif kind == "object" and "properties" in node:
        shape["properties"] = {
            name: _translate(inner, definitions, inside) for name, inner in node["properties"].items()
        }
        shape |= {"required": node["required"]} if node.get("required") else {}
    elif kind == "object" and isinstance(node.get("additionalProperties"), dict):
        value = _translate(node["additionalProperties"], definitions, inside)
        said = value["type"] if value.keys() == {"type"} else json.dumps(value, ensure_ascii=False)
        shape["description"] = f"{_keys(node, definitions)}; every value is {said}."
    return shape


def _keys(node: Schema, definitions: Mapping[str, Schema]) -> str:
    """Say in words which keys a free-form object may have."""
    if "propertyNames" not in node:
        return "Any keys"
    limits = _translate({"type": "string"} | node["propertyNames"], definitions, ())
    if "enum" in limits:
        return f"Keys are among {', '.join(limits['enum'])}"
    said = ", ".join(f"{name} {value}" for name, value in limits.items() if name != "type")
    return f"Keys are text ({said})"


def _item(node: Schema) -> Schema:
    """Return the one schema of an array's items."""
    members = node.get("prefixItems", [])
    if any(member != members[0] for member in members):
        raise Unsayable("a tuple of different types has no place in the Live schema: use a model")
    item: Schema = members[0] if members else node.get("items", {})
    if not item:
        raise Unsayable("a list needs the type of its items, such as list[str]")
    return item


def _said(node: Schema, shape: Schema) -> Schema:
    """Add to a translated shape what its node says besides."""
    unknown = node.keys() - _SAME - _SHAPE - _WORDS - _SAYS_NOTHING - {"default"}
    if unknown:
        raise Unsayable(_NO_PLACE.get(min(unknown), f"{min(unknown)} has no place in the Live schema"))
    said = shape | {key: value for key, value in node.items() if key in _SAME}
    if node.get("default") is not None and _is_json(node["default"]):  # null means "not set" in protobuf JSON
        said["default"] = node["default"]
    if node.get("format") == "date-time":
        # The only format the service takes for text besides enum; any other is refused when the call opens.
        # google-gemini/gemini-cli #3178
        said["format"] = "date-time"
    if node.get("type") == "integer":
        said |= {"minimum": node["exclusiveMinimum"] + 1} if "exclusiveMinimum" in node else {}
        said |= {"maximum": node["exclusiveMaximum"] - 1} if "exclusiveMaximum" in node else {}
    sentences = [node.get("description", ""), shape.get("description", ""), *_in_words(node)]
    description = " ".join(_sentence(text) for text in sentences if text)
    return said | ({"description": description} if description else {})


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:  # infinity, for "no limit"
        return False
    return True


def _in_words(node: Schema) -> Iterator[str]:
    if "format" in node:
        yield _FORMATS.get(node["format"], f"Format: {node['format']}.")
    if "multipleOf" in node:
        yield f"A multiple of {node['multipleOf']}."
    if node.get("uniqueItems"):
        yield "No item twice."
    if node.get("type") != "integer":
        if "exclusiveMinimum" in node:
            yield f"More than {node['exclusiveMinimum']}."
        if "exclusiveMaximum" in node:
            yield f"Less than {node['exclusiveMaximum']}."


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _without(node: Schema, key: str) -> Schema:
    return {name: value for name, value in node.items() if name != key}
