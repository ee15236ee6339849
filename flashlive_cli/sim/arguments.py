"""Arguments for a call, made from the function's schema and from what the user typed."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_DEEPEST: Final = 6
"""Real JSON Schema may require itself; nobody needs an argument nested deeper than this."""

_FORMATS: Final = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T10:00:00Z",
    "time": "10:00:00",
    "duration": "PT30M",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
}


def sample(name: str) -> str:
    """Return what a text is that nothing is known of."""
    return f"sample {name.replace('_', ' ')}".strip()


def arguments(parameters: Mapping[str, Any], text: str) -> dict[str, Any]:
    """
    Arguments that satisfy `parameters` as far as a schema can be satisfied without understanding it.

    Required properties only, unless an enum value of an optional one occurs in the text.

    Args:
        parameters: the subset's Schema, or JSON Schema.
        text: what the user typed or is known to have said; empty when nobody knows.
    """
    made = _Maker(parameters, text).value(parameters, "", 0)
    return made if isinstance(made, dict) else {}


class _Maker:
    def __init__(self, root: Mapping[str, Any], text: str) -> None:
        self._root = root
        self._text = text
        self._words = _telling_words(text)
        self._numbers = [float(number) for number in re.findall(r"(?<![\w.-])-?\d{1,15}(?:\.\d+)?(?![\w-])", text)]

    def value(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        for known in ("const", "example", "default"):
            if name and known in schema:
                return schema[known]
        made: Any
        match _type_of(schema):
            case "OBJECT":
                made = self._object(schema, depth)
            case "ARRAY":
                made = self._array(schema, name, depth)
            case "INTEGER":
                made = int(self._number(schema, whole=True))
            case "NUMBER":
                made = self._number(schema, whole=False)
            case "BOOLEAN":
                made = True
            case "NULL":
                made = None
            case _:
                made = self._string(schema, name)
        return made

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Past `$ref`, `anyOf` and their kin, to something with a type."""
        for _ in range(_DEEPEST):
            reference = schema.get("$ref")
            branches = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if isinstance(reference, str) and reference.startswith("#/"):
                target: Any = self._root
                for step in reference[2:].split("/"):
                    target = target.get(step, {}) if isinstance(target, dict) else {}
                schema = target if isinstance(target, dict) else {}
            elif isinstance(branches, list) and "type" not in schema:
                schema = next(
                    (b for b in branches if isinstance(b, dict) and str(b.get("type", "")).upper() != "NULL"), {}
                )
            else:
                break
        return schema

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth >= _DEEPEST:
            return {}
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return {}
        required = schema.get("required")
        wanted = set(required) if isinstance(required, list) and all(isinstance(n, str) for n in required) else set()
        made = {}
        for name, child in properties.items():
            if isinstance(child, dict) and (name in wanted or self._names_choice(child)):
                made[name] = self.value(child, name, depth + 1)
        return made

    def _names_choice(self, schema: Mapping[str, Any]) -> bool:
        choices = self._resolved(schema).get("enum")
        return isinstance(choices, list) and any(self._mentioned(choice) for choice in choices)

    def _mentioned(self, choice: object) -> bool:
        plain = re.escape(str(choice).replace("_", " ").lower())
        return bool(re.search(rf"(?<!\w){plain}(?!\w)", self._text.lower().replace("_", " ")))

    def _chosen(self, choices: Sequence[Any]) -> Any:
        return next((choice for choice in choices if self._mentioned(choice)), choices[0])

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = schema.get("items")
        n_items = _bounded(1, _limit(schema, "minItems"), _limit(schema, "maxItems"))
        if not isinstance(items, dict) or depth >= _DEEPEST:
            items = {}
        return [self.value(items, name, depth + 1) for _ in range(min(int(n_items), 50))]

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> float:
        low, high = _limit(schema, "minimum"), _limit(schema, "maximum")
        if whole:
            low = None if low is None else math.ceil(low)
            high = None if high is None else math.floor(high)
        for number in self._numbers:
            if _bounded(number, low, high) == number and (not whole or number.is_integer()):
                return number
        return _bounded(1, low, high)

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        fixed = _FORMATS.get(str(schema.get("format", "")))
        if fixed is not None:
            return fixed
        if re.search(r"id$|number|code|date|time|when", name.lower()):
            telling = next((word for word in self._words if any(char.isdigit() for char in word)), "")
        else:
            telling = ""
        made = telling or next(iter(self._words), "") or sample(name)
        longest = _limit(schema, "maxLength")
        shortest = _limit(schema, "minLength") or 0
        made = made.ljust(min(int(shortest), 1000), "x")
        return made if longest is None else made[: int(longest)]


def _type_of(schema: Mapping[str, Any]) -> str:
    named = schema.get("type")
    if isinstance(named, list):  # JSON Schema
        named = next((name for name in named if name != "null"), "null")
    if isinstance(named, str):
        return named.upper()
    return "OBJECT" if "properties" in schema else "STRING"


def _limit(schema: Mapping[str, Any], name: str) -> float | None:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bounded(value: float, low: float | None, high: float | None) -> float:
    if low is not None:
        value = max(value, low)
    return value if high is None else min(value, high)


def _telling_words(text: str) -> list[str]:
    """The words of a text that an argument might be, the likeliest first."""
    quoted = re.findall(r"[\"“]([^\"”]{1,100})[\"”]", text)
    after = re.findall(r"\b(?:in|for|of|about|to|at|from|named|called)\s+(?:the\s+|my\s+|a\s+)?([\w.-]*\w)", text)
    odd = [word for word in re.findall(r"[\w-]*\w", text) if any(char.isdigit() for char in word)]
    # a capital inside a sentence is a name
    names = re.findall(r"(?<=[a-z,] )[A-Z][\w-]+", text)
    last = re.findall(r"[\w-]*\w", text)[-1:]
    return [*quoted, *names, *after, *odd, *last]
