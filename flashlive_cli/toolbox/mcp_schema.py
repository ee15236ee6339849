"""
The schemas MCP servers write, brought into the shape that `schema.py` translates.

Servers write any JSON Schema: references anywhere, lists of types, notes for other readers. Here references are
written out, a list of types becomes alternatives, and what says nothing goes. A limit that cannot be said is
dropped or said in words: the server checks its arguments all the same.
"""

from typing import Any, Final

from flashlive_cli.toolbox.schema import Schema, Unsayable, live_schema

_MAX_DEPTH: Final = 32
_MAX_NODES: Final = 2000
"""A reference is written out wherever it is used, so a short schema can stand for an endless one."""

_NOTES: Final = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "title", "example", "examples", "deprecated"}
    | {"readOnly", "writeOnly", "contentMediaType", "contentEncoding", "unevaluatedProperties"}
)
_TEXT_KEYS: Final = frozenset({"pattern", "format"})
_COUNT_KEYS: Final = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_NUMBER_KEYS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})

_KEYS_OF: Final = {
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "number": _NUMBER_KEYS,
    "integer": _NUMBER_KEYS,
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "object": frozenset(
        {"properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"}
    ),
}
_OF_ONE_KIND: Final = frozenset().union(*_KEYS_OF.values())
"""Keys that the service refuses beside another type, and JSON Schema ignores there."""


def live_parameters(input_schema: Schema) -> Schema | None:
    """
    Translate what a server says of a tool's arguments; None where it takes none.

    Raises:
        Unsayable: with the reason.
    """
    plain = _Plain(input_schema).node(input_schema, (), 0)
    if plain.get("type") != "object":
        raise Unsayable("its arguments are more than a plain object")
    return live_schema(plain, {}) if plain.get("properties") else None


class _Plain:
    """Walks one schema; references point into its root."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._nodes_left = _MAX_NODES

    def node(self, raw: object, inside: tuple[str, ...], depth: int) -> Schema:
        """
        Rewrite a node and all below it.

        Args:
            raw: from JSON.
            inside: the references it was reached through.
            depth: how far below the root.
        """
        self._nodes_left -= 1
        if self._nodes_left < 0 or depth > _MAX_DEPTH:
            raise Unsayable("it is too large")
        if raw is True:
            raw = {}
        if not isinstance(raw, dict):
            raise Unsayable("a part of it is no schema")
        node = {key: value for key, value in raw.items() if key not in _NOTES and not key.startswith("x-")}
        if "$ref" in node:
            pointer = node.pop("$ref")
            if pointer in inside:
                raise Unsayable(f"{pointer} contains itself, and the Live API has no references")
            target = self._lookup(pointer)
            return self.node(target | node, (*inside, pointer), depth + 1)
        if "allOf" in node:
            match node.pop("allOf"):
                case [dict() as only]:  # how a description is put beside a reference
                    return self.node(only | node, inside, depth + 1)
            raise Unsayable("allOf has no place in the Live schema")
        return self._kinds(_tidy(node), inside, depth)

    def _kinds(self, node: Schema, inside: tuple[str, ...], depth: int) -> Schema:
        """Turn a list of types, and OpenAPI's `nullable`, into alternatives."""
        kinds = node.get("type")
        listed = list(kinds) if isinstance(kinds, list) else [kinds]
        nullable = bool(node.pop("nullable", False)) or (len(listed) > 1 and "null" in listed)
        some = [kind for kind in listed if kind != "null"] if nullable else listed
        if not some:
            raise Unsayable("its list of types names none")
        if len(some) == 1 and not nullable:
            return self._one_kind(node, some[0], inside, depth)
        around = {key: node.pop(key) for key in ("description", "default") if key in node}
        choices = [self._one_kind(dict(node), kind, inside, depth) for kind in some]
        return around | {"anyOf": [*choices, *([{"type": "null"}] if nullable else [])]}

    def _one_kind(self, node: Schema, kind: Any, inside: tuple[str, ...], depth: int) -> Schema:
        if kind is None:
            kind = "object" if "properties" in node else "array" if "items" in node else None
        node.pop("type", None)
        if kind is not None:
            if not isinstance(kind, str) or kind not in {*_KEYS_OF, "boolean", "null"}:
                raise Unsayable(f"{kind} is no type")
            node["type"] = kind
            foreign = _OF_ONE_KIND - _KEYS_OF.get(kind, frozenset())
            node = {key: value for key, value in node.items() if key not in foreign}
        node = _choices(node)
        for union in ("anyOf", "oneOf"):
            if union in node:
                node = self._union(node, union, inside, depth)
        return self._inner(node, inside, depth)

    def _union(self, node: Schema, union: str, inside: tuple[str, ...], depth: int) -> Schema:
        members = node.pop(union)
        if not isinstance(members, list) or not members:
            raise Unsayable(f"{union} is no list of schemas")
        if node.get("type") == "object":
            if any(not isinstance(member, dict) or member.keys() - {"required", "not"} for member in members):
                raise Unsayable(f"{union} beside properties has no place in the Live schema")
            return node  # which of its arguments go together: for the server to check
        return node | {"anyOf": [self.node(member, inside, depth + 1) for member in members]}

    def _inner(self, node: Schema, inside: tuple[str, ...], depth: int) -> Schema:
        if isinstance(node.get("items"), list):  # a tuple, before draft 2020-12
            node["prefixItems"] = node.pop("items")
        if isinstance(members := node.get("prefixItems"), list):
            node["prefixItems"] = [self.node(member, inside, depth + 1) for member in members]
        if "items" in node:
            node["items"] = self.node(node["items"], inside, depth + 1)
        if node.get("type") != "object":
            return node
        properties = node.pop("properties", {})
        if not isinstance(properties, dict):
            raise Unsayable("its properties are no object")
        if properties:
            node["properties"] = {name: self.node(inner, inside, depth + 1) for name, inner in properties.items()}
        required = node.pop("required", [])
        named = [name for name in required if name in properties] if isinstance(required, list) else []
        others, keys = node.pop("additionalProperties", None), node.pop("propertyNames", None)
        if isinstance(others, dict) and not properties and (value := self.node(others, inside, depth + 1)):
            node["additionalProperties"] = value
            if isinstance(keys, dict):
                node["propertyNames"] = self.node(keys, inside, depth + 1)
        return node | ({"required": named} if named else {})

    def _lookup(self, pointer: object) -> Schema:
        found: Any = self._root
        if not isinstance(pointer, str) or not (pointer == "#" or pointer.startswith("#/")):
            raise Unsayable(f"its reference {pointer} leads out of it")
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                raise Unsayable(f"its reference {pointer} leads nowhere")
        return found if isinstance(found, dict) else {}


def _tidy(node: Schema) -> Schema:
    """Drop values of the wrong type, and write the bounds of draft 4 as later drafts do."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if node.get(exclusive) is True and bound in node:
            node[exclusive] = node.pop(bound)
    return {key: value for key, value in node.items() if _is_well_typed(key, value)}


def _is_well_typed(key: str, value: object) -> bool:
    if key == "description" or key in _TEXT_KEYS:
        return isinstance(value, str)
    if key in _NUMBER_KEYS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if key in _COUNT_KEYS:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return True


def _choices(node: Schema) -> Schema:
    if "enum" not in node:
        return node
    values = node["enum"]
    if not isinstance(values, list) or not values:
        raise Unsayable("it has no choices")
    once = [value for at, value in enumerate(values) if value not in values[:at]]
    return node | {"enum": once}
