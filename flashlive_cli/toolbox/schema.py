"""
JSON schema, as pydantic writes it, into the subset a Live declaration may use.

The subset is protobuf's `Schema`: one upper-case `type`, `nullable` beside it, references written out. A name
outside it closes the connection at setup, so each key is either translated or refused. Three degrees:

- What the subset has a field for is said there.
- A limit it has no field for (`multipleOf`, a bound that excludes itself, the values of a free-form object) is
  said in words in the description; the call checks it all the same.
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

_SHAPE: Final = frozenset({"type", "properties", "required", "items", "prefixItems", "enum", "const"})
_WORDS: Final = frozenset(
    {"format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "additionalProperties"}
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
    values = [node["const"]] if "const" in node else list(node["enum"])
    texts = [value for value in values if value is not None]
    if not texts:
        return {"type": "NULL"}
    if not all(isinstance(value, str) for value in texts):
        listed = ", ".join(map(str, texts[:5]))
        raise Unsayable(f"its choices ({listed}) are not text, and the Live API lists choices as text")
    if "" in texts:
        raise Unsayable("one of its choices is empty text, which the Live API does not take")
    nullable = {"nullable": True} if len(texts) < len(values) else {}
    return {"type": "STRING", "enum": texts, **nullable}


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
        shape["description"] = f"Any keys; every value is {said}."
    return shape


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
        raise Unsayable(f"{min(unknown)} has no place in the Live schema")
    said = shape | {key: value for key, value in node.items() if key in _SAME}
    if node.get("default") is not None:  # null means "not set" in protobuf JSON
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
