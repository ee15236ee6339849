"""A function, its hints and its docstring -> what the model is told about it."""

import inspect
import re
from dataclasses import dataclass
from typing import Any, Final

import docstring_parser
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from flashlive_cli.toolbox.arguments import Function, adapter_of, parameters_of, refusal
from flashlive_cli.toolbox.schema import Schema, Unsayable, live_schema

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
"""What the service takes as a function's name (comment in the published proto)."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    One function as the model sees it.

    Attributes:
        name: what the model calls it by.
        description: from the docstring; empty without one.
        parameters: an OBJECT in the Live schema subset; None when the function takes nothing.
    """

    name: str
    description: str
    parameters: dict[str, Any] | None


def declare(function: Function, *, name: str | None = None) -> Declaration:
    """
    Describe `function` to the model, under its own name or the given one.

    A parameter's description comes from its `Field`, else from the function's docstring (Google, NumPy or
    reST), else from the docstring of its type.

    Raises:
        ToolError: with file, line, function, parameter and the reason, when it cannot be said.
    """
    name = name or function.__name__
    if not _NAME.fullmatch(name):
        raise refusal(function, "its name needs ASCII letters, digits and underscores only, 128 at most")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise refusal(function, "it yields, and a tool answers once: return a list")
    description, described = _docstring(function)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for parameter in parameters_of(function):
        try:
            schema = adapter_of([parameter]).json_schema(schema_generator=_Quiet)
            (shown_as, node), *_ = schema["properties"].items()  # a Field may give another name
            told = {"description": described[parameter.name]} if parameter.name in described else {}
            properties[shown_as] = live_schema(told | node, schema.get("$defs", {}))
        except Unsayable as exc:
            raise refusal(function, f"cannot be declared: {exc}", parameter=parameter.name) from exc
        except Exception as exc:  # types may bring code of their own that pydantic runs
            raise refusal(function, f"cannot be declared: {_reason(exc)}", parameter=parameter.name) from exc
        required += schema.get("required", [])
    if not properties:
        return Declaration(name, description, None)
    parameters: Schema = {"type": "OBJECT", "properties": properties}
    return Declaration(name, description, parameters | ({"required": required} if required else {}))


class _Quiet(GenerateJsonSchema):
    """A default that is no JSON (a sentinel object) is left out without a warning."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as declared in its base


def _docstring(function: Function) -> tuple[str, dict[str, str]]:
    """Return the function's description and its parameters', by name."""
    text = inspect.getdoc(function) or ""
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return text, {}
    parts = [part for part in (parsed.short_description, parsed.long_description) if part]
    described = {
        parameter.arg_name: " ".join(parameter.description.split())
        for parameter in parsed.params
        if parameter.description
    }
    return "\n\n".join(parts), described


def _reason(exc: Exception) -> str:
    message = exc.message if isinstance(exc, PydanticUserError) else f"{type(exc).__name__}: {exc}"
    return message.strip().partition("\n")[0].partition(". Set `arbitrary_types_allowed")[0]
