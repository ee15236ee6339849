"""Calls of tools, and values of JSON, spelled the same in everything that tells of a run. Pure."""

import json
from collections.abc import Mapping

from flashlive_cli.scenario.outcome import CallMade


def call_text(name: str, args: Mapping[str, object]) -> str:
    """Return `name(first="a", second=2)`, in the order in which the arguments came; tables in them are canonical."""
    return f"{name}({', '.join(f'{key}={canonical(value)}' for key, value in args.items())})"


def answered_text(call: CallMade) -> str:
    """Return a call and what it was answered: `name(first="a") -> {"output": 2}`."""
    answer = "not answered" if call.response is None else json_text(call.response)
    return f"{call_text(call.name, call.args)} -> {answer}"


def json_text(value: object) -> str:
    """Return a value as JSON on one line, its keys in their own order; as text what JSON has no word for."""
    return json.dumps(value, ensure_ascii=False, default=str)


def canonical(value: object) -> str:
    """Return a value as JSON that compares, by eye or by `==`: the order of keys makes no difference."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
