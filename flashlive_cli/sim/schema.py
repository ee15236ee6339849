"""
A strict reader of protobuf's JSON dialect: an allow-list of names and types, and the service's own words for a breach.

A message is described as a table of fields; `read` turns JSON into Python values with camelCase names, or raises
`Refusal` with the close code and reason the service would use. Names may be camelCase or snake_case at any
depth; bytes are base64 in either alphabet; enums are named in any letter case (the documentation itself writes
`"low"` and `"object"`); int64 may be a string; `null` means the field is not set.

Paths in reasons are written as the service writes them (zed #53919, notion-mcp-server #29): snake_case names,
indices in brackets, the values of a map as `properties[0].value`, as in
`Unknown name "const" at 'setup.tools[0].function_declarations[0].parameters.properties[1].value': Cannot find field.`
A name unknown at the top has no `at`.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

MAX_DEPTH: Final = 100
"""protobuf's default recursion limit."""

_PACKAGE: Final = "type.googleapis.com/google.ai.generativelanguage.v1beta."


class Refusal(Exception):
    """
    The service would close the connection here.

    Attributes:
        code: WebSocket close code.
        reason: its words, uncut.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def invalid_argument(detail: str = "") -> Refusal:
    """1007 in the service's most general words; `detail` is ours, for whoever debugs a client."""
    return Refusal(1007, f"Request contains an invalid argument. {detail}".rstrip())


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: object, path: str) -> Any:
        """The Python value of a JSON value that is not null, or `Refusal`."""
        ...


def _bad(path: str, type_name: str, value: object) -> Refusal:
    shown = json.dumps(value, ensure_ascii=False)
    return Refusal(1007, f"Invalid value at '{path}' ({type_name}), {shown[:200]}")


def _refuse_list(path: str, value: object) -> None:
    if isinstance(value, list):
        where, _, name = path.rpartition(".")
        at = f" at '{where}'" if where else ""
        raise Refusal(
            1007,
            f'Invalid JSON payload received. Unknown name "{name}"{at}: '
            "Proto field is not repeating, cannot start list.",
        )


class Text:
    """A string of valid Unicode."""

    def read(self, value: object, path: str) -> str:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, str):
            raise _bad(path, "TYPE_STRING", value)
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
            raise _bad(path, "TYPE_STRING", value) from None
        return value


class Flag:
    """true or false."""

    def read(self, value: object, path: str) -> bool:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, bool):
            raise _bad(path, "TYPE_BOOL", value)
        return value


@dataclass(frozen=True)
class Whole:
    """An integer, as a number or as a string of digits."""

    minimum: int | None = None
    bits: int = 32

    def read(self, value: object, path: str) -> int:  # noqa: D102
        _refuse_list(path, value)
        type_name = f"TYPE_INT{self.bits}"
        digits = isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII)
        if isinstance(value, str | float) and (digits or (isinstance(value, float) and value.is_integer())):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _bad(path, type_name, value)
        if not -(1 << (self.bits - 1)) <= value < 1 << (self.bits - 1):
            raise _bad(path, type_name, value)
        if self.minimum is not None and value < self.minimum:
            raise invalid_argument(f"{path} must be at least {self.minimum}.")
        return value


class Number:
    """A floating-point number, as a number or as a string of one."""

    def read(self, value: object, path: str) -> float:  # noqa: D102
        _refuse_list(path, value)
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,30}(\.\d{1,30})?", value, re.ASCII):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _bad(path, "TYPE_FLOAT", value)
        try:
            return float(value)
        except OverflowError:
            raise _bad(path, "TYPE_FLOAT", "a number out of range") from None


class Octets:
    """Bytes: padded base64 in the standard or the URL-safe alphabet (Google's Python SDK sends the latter)."""

    def read(self, value: object, path: str) -> bytes:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, str):
            raise _bad(path, "TYPE_BYTES", value)
        try:
            return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            shown = json.dumps(value[:40], ensure_ascii=False)
            raise Refusal(1007, f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for {shown}") from None


@dataclass(frozen=True)
class Choice:
    """An enum by name, read as upper case."""

    type_name: str
    names: frozenset[str]

    def read(self, value: object, path: str) -> str:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, str) or value.upper() not in self.names:
            raise _bad(path, _PACKAGE + self.type_name, value)
        return value.upper()


class FreeJson:
    """Any JSON value, kept as it came."""

    def read(self, value: object, path: str) -> Any:  # noqa: ARG002, D102
        return value


class FreeObject:
    """Any JSON object, kept as it came (protobuf's Struct)."""

    def read(self, value: object, path: str) -> dict[str, Any]:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, dict):
            raise _bad(path, "type.googleapis.com/google.protobuf.Struct", value)
        return value


@dataclass(frozen=True)
class Many:
    """A list of one kind."""

    of: Kind

    def read(self, value: object, path: str) -> list[Any]:  # noqa: D102
        if not isinstance(value, list):
            raise _bad(path, "repeated", value)
        if None in value:
            raise _bad(path, "repeated", None)
        return [self.of.read(item, f"{path}[{i}]") for i, item in enumerate(value)]


@dataclass(frozen=True)
class MapOf:
    """A JSON object whose names are the client's own, such as a schema's properties."""

    of: Kind

    def read(self, value: object, path: str) -> dict[str, Any]:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, dict):
            raise _bad(path, "map", value)
        return {
            name: self.of.read(item, f"{path}[{i}].value")
            for i, (name, item) in enumerate(value.items())
            if item is not None
        }


@dataclass(frozen=True)
class Struct:
    """
    A message: the names it knows, spelled in camelCase, and their kinds.

    Attributes:
        type_name: protobuf's name of it, for reasons.
        fields: may be filled after construction, by messages that contain themselves.
        one_of: names of which only one may be set.
    """

    type_name: str
    fields: dict[str, Kind] = field(default_factory=dict)
    one_of: frozenset[str] = frozenset()

    def read(self, value: object, path: str) -> dict[str, Any]:  # noqa: D102
        _refuse_list(path, value)
        if not isinstance(value, dict):
            raise _bad(path, _PACKAGE + self.type_name, value)
        read: dict[str, Any] = {}
        for name, item in value.items():
            camel = self._camel(name, path)
            if item is None:
                continue
            if camel in read:
                raise invalid_argument(f"Duplicate name \"{name}\" at '{path}'.")
            read[camel] = self.fields[camel].read(item, f"{path}.{snake(camel)}".lstrip("."))
        taken = [name for name in read if name in self.one_of]
        if len(taken) > 1:
            raise Refusal(
                1007,
                f"Invalid value at '{path}' (oneof), oneof field is already set by '{taken[0]}'. "
                f"Cannot set '{taken[1]}'",
            )
        return read

    def _camel(self, name: str, path: str) -> str:
        if name in self.fields:
            return name
        # a name like fooBAR has no snake_case twin; the round trip keeps "Model" from passing for "model"
        camel = re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)
        if camel in self.fields and snake(camel) == name:
            return camel
        at = f" at '{path}'" if path else ""
        raise Refusal(1007, f'Invalid JSON payload received. Unknown name "{name[:80]}"{at}: Cannot find field.')


def snake(camel: str) -> str:
    """`functionDeclarations` as `function_declarations`."""
    return re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), camel)


def parse_json(raw: bytes) -> Mapping[str, object]:
    """
    One client message as a JSON object.

    Raises:
        Refusal: 1007 when it is not UTF-8, not JSON, not an object, or nested deeper than protobuf reads.
    """
    try:
        value = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Refusal(1007, "Invalid JSON payload received. Unexpected token.") from None
    if not isinstance(value, dict):
        raise Refusal(1007, 'Invalid JSON payload received. Unknown name "": Root element must be a message.')
    if _depth_exceeds(value, MAX_DEPTH):
        raise Refusal(1007, "Invalid JSON payload received. Message too deep. Max recursion depth reached.")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(digits)
    return value


def _depth_exceeds(value: object, limit: int) -> bool:
    """Level by level instead of by recursion, which is what the limit protects."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
