"""A function, its hints and its docstring -> what the model is told about it."""

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import docstring_parser
from pydantic.errors import PydanticErrorMixin, PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from flashlive_cli.toolbox.arguments import Function, adapter_of, complaint_about_default, parameters_of, refusal
from flashlive_cli.toolbox.schema import ENUM_NAMES, Schema, Unsayable, live_schema
from flashlive_cli.toolbox.tool import NAME_CHARACTERS, NAME_LENGTH, Declaration

_NAME: Final = re.compile(rf"[A-Za-z_][{NAME_CHARACTERS}]{{0,{NAME_LENGTH - 1}}}")
_NAME_IN_WORDS: Final = f"ASCII letters, digits and _ . : - only, a letter or underscore first, {NAME_LENGTH} at most"


def declare(function: Function, *, name: str | None = None, description: str | None = None) -> Declaration:
    """
    Describe `function` to the model, under its own name and description or the given ones.

    A parameter's description comes from its `Field`, else from the function's docstring (Google, NumPy or
    reST), else from the docstring of its type; those of a type's fields come from there too.

    Raises:
        ToolError: with file, line, function, parameter and the reason, when it cannot be said.
    """
    name = function.__name__ if name is None else name
    if not _NAME.fullmatch(name):
        whose = "its name" if name == function.__name__ else f"the name {name!r}"
        raise refusal(function, f"{whose} needs {_NAME_IN_WORDS}")
    told, described = _docstring(inspect.getdoc(function) or "")
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for parameter in parameters_of(function):
        properties |= _property(function, parameter, described.get(parameter.name), required)
    parameters: Schema = {"type": "OBJECT", "properties": properties} | ({"required": required} if required else {})
    told = told if description is None else inspect.cleandoc(description)
    return Declaration(name, told, parameters if properties else None)


def _property(
    function: Function, parameter: inspect.Parameter, described: str | None, required: list[str]
) -> dict[str, Schema]:
    """Declare one parameter, by the name the model knows it by; add that name to `required` where it is."""
    try:
        schema = adapter_of([parameter]).json_schema(schema_generator=_JsonSchema)
        (shown_as, node), *_ = schema["properties"].items()  # a Field may give another name
        complaint = complaint_about_default(parameter) if "default" in node else None
        definitions = {name: _with_its_docstring(inner) for name, inner in schema.get("$defs", {}).items()}
        said = live_schema(({"description": described} if described else {}) | node, definitions)
    except Unsayable as exc:
        raise refusal(function, f"cannot be declared: {exc}", parameter=parameter.name) from exc
    except Exception as exc:  # types may bring code of their own that pydantic runs
        reason = _reason(exc, parameter.annotation)
        raise refusal(function, f"cannot be declared: {reason}", parameter=parameter.name) from exc
    if complaint:
        default = json.dumps(node["default"], ensure_ascii=False)
        raise refusal(function, f"has a default that does not fit, {default}: {complaint}", parameter=parameter.name)
    required += schema.get("required", [])
    return {shown_as: said}


class _JsonSchema(GenerateJsonSchema):
    """
    Pydantic's JSON schema, with what a model would miss in it.

    A default that is no JSON (a sentinel object) is left out without a warning. A named tuple is an object, which
    pydantic takes as well as the list that it would write. The members of an enum keep their names, where those are
    all that its numbers mean.
    """

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as declared in its base

    def enum_schema(self, schema: Any) -> Schema:
        described = super().enum_schema(schema)
        if not all(isinstance(value, str) for value in described["enum"]):
            described[ENUM_NAMES] = [member.name for member in schema["members"]]
        return described

    def named_tuple_schema(self, schema: Any) -> Schema:
        listed = super().named_tuple_schema(schema)  # since pydantic 2.14; arguments_schema before
        names = [field["name"] for field in schema["fields"]]
        required = [field["name"] for field in schema["fields"] if field["schema"]["type"] != "default"]
        properties = dict(zip(names, listed.get("prefixItems", ()), strict=True))
        return {"type": "object", "properties": properties} | ({"required": required} if required else {})

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(dft._asdict() if isinstance(dft, tuple) and hasattr(dft, "_asdict") else dft)

    def arguments_schema(self, schema: Any) -> Schema:
        without = {name: value for name, value in schema.items() if name != "metadata"}  # which asks for a list
        return super().arguments_schema(cast("Any", without))


def _with_its_docstring(definition: Mapping[str, Any]) -> Schema:
    """Give the fields of a type the descriptions that its docstring has for them."""
    if "properties" not in definition or "description" not in definition:
        return dict(definition)
    told, described = _docstring(definition["description"])
    properties = {
        name: ({"description": described[name]} if name in described else {}) | node
        for name, node in definition["properties"].items()
    }
    return {**definition, "description": told, "properties": properties}


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return what it says of the whole, and of each parameter, by name."""
    try:
        parsed = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return text, {}
    parts = [part for part in (parsed.short_description, parsed.long_description) if part]
    described = {
        name.strip(): " ".join(parameter.description.split())
        for parameter in parsed.params
        if parameter.description
        for name in parameter.arg_name.split(",")  # NumPy's way to describe two at once
    }
    return "\n\n".join(parts), described


def _reason(exc: Exception, hint: object) -> str:
    """Put into plain words why pydantic cannot make a schema."""
    use = "use a plain type, a dataclass, a TypedDict or a pydantic model"
    told = exc.message if isinstance(exc, PydanticErrorMixin) else f"{type(exc).__name__}: {exc}"
    line = told.strip().partition("\n")[0].replace("`", "")
    if isinstance(exc, PydanticSchemaGenerationError) and (unknown := re.match(r"Unable to .* for (.*?)\. Set ", line)):
        return f"{_type_name(unknown[1])} is no type that can be made from JSON: {use}"
    if isinstance(exc, PydanticInvalidForJsonSchema):
        return f"{_type_name(inspect.formatannotation(hint))} is no type that can be made from JSON: {use}"
    if "is not fully defined" in line:
        return f"{_type_name(inspect.formatannotation(hint))} mentions a type that is not defined"
    return line


def _type_name(shown: str) -> str:
    """Spell a type as its writer did: without `<class '…'>`, and without the private name of his module."""
    inner = re.fullmatch(r"<\w+ '(.*)'>", shown)
    return re.sub(r"\b_flashlive_tools_\d+\.", "", inner[1] if inner else shown)
