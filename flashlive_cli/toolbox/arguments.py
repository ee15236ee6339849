"""A function's parameters, as pydantic checks them: read from the signature, its type hints resolved."""

import ast
import inspect
import linecache
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from flashlive_cli.errors import ToolError
from flashlive_cli.printable import printable

Function = Callable[..., object]


def parameters_of(function: Function) -> list[inspect.Parameter]:
    """
    Read what may be given to `function`: all keyword-only, with annotations as types rather than text.

    A parameter whose default is None takes None, whatever its hint says: a model that means "not given" sends null.

    Raises:
        ToolError: a parameter without a hint, or one that cannot be given by name; a hint that means nothing.
    """
    try:
        signature = inspect.signature(function)
    except Exception as exc:
        raise refusal(function, _first_line(exc)) from exc
    return [_resolved(function, parameter) for parameter in signature.parameters.values()]


def _resolved(function: Function, parameter: inspect.Parameter) -> inspect.Parameter:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        reason = f"{parameter} cannot be declared: give each argument a name (functools.wraps, in a decorator)"
        raise refusal(function, reason, parameter=name)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise refusal(function, "is positional-only, and a model calls by name: remove the /", parameter=name)
    if parameter.annotation is parameter.empty:
        raise refusal(function, f"has no type hint: write {name}: str, for instance", parameter=name)
    # a stand-in with one hint: the function's own would have its return type resolved too, which may be
    # imported for type checkers only
    stand_in = cast("Function", types.SimpleNamespace(__annotations__={name: parameter.annotation}))
    try:
        hint = typing.get_type_hints(stand_in, _written(function).__globals__, include_extras=True)[name]
        if _default_of(parameter) is None:
            hint = _or_none(hint)
    except Exception as exc:  # the hint is the user's code
        raise refusal(function, f"type hint: {_first_line(exc)}", parameter=name) from exc
    return parameter.replace(annotation=hint, kind=parameter.KEYWORD_ONLY)


def _default_of(parameter: inspect.Parameter) -> object:
    default = parameter.default
    return default.default if isinstance(default, FieldInfo) else default


def _or_none(hint: Any) -> Any:
    if typing.get_origin(hint) is Annotated:
        inner, *notes = typing.get_args(hint)
        return Annotated[(_or_none(inner), *notes)]
    try:
        return hint | None
    except TypeError:
        raise TypeError(f"{hint!r} is not a type") from None


def complaint_about_default(parameter: inspect.Parameter) -> str | None:
    """
    Tell what is wrong with a default, None where nothing is.

    It has to be what the hint says and within its limits, as a caller's argument in Python would be: text for a
    date will not do, as the function would get text. What validators of the user's say of it is their affair.
    """
    strictly = ConfigDict(strict=True, validate_default=True)
    try:
        taken = adapter_of([parameter], strictly).validate_python({})
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False)
        return next((error["msg"] for error in errors if error["type"] not in {"value_error", "assertion_error"}), None)
    except Exception:  # noqa: BLE001 - a validator of the user's
        return None
    default = _default_of(parameter)
    if isinstance(default, dict) and not isinstance(next(iter(taken.values())), dict):
        return f"Input should be {inspect.formatannotation(parameter.annotation)}, not a dict"  # of a dataclass
    return None


def adapter_of(
    parameters: Sequence[inspect.Parameter], config: ConfigDict | None = None
) -> TypeAdapter[dict[str, object]]:
    """
    Build what checks a JSON object against `parameters` and returns keyword arguments, defaults filled in.

    Checked is a stand-in with the same signature that returns what it was given, because pydantic would
    otherwise make the call as well, and an error in the function could not be told from bad arguments.
    """

    def given(**arguments: object) -> dict[str, object]:
        return arguments

    given.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    given.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return TypeAdapter(cast("Any", given), config=config)


def refusal(function: Function, reason: str, *, parameter: str | None = None) -> ToolError:
    """Make the error for a function that cannot be a tool: file, line, function, parameter, reason."""
    whose = f"parameter {parameter} " if parameter else ""
    return ToolError(printable(f"{place_of(function, parameter)}: {function.__name__}(): {whose}{reason}"))


def place_of(function: Function, parameter: str | None = None) -> str:
    """Tell file and line of a function, or of one of its parameters."""
    code = _written(function).__code__
    return f"{code.co_filename}:{_line_of(code, parameter)}"


def _line_of(code: types.CodeType, parameter: str | None) -> int:
    linecache.checkcache(code.co_filename)
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):  # the file changed since
        return code.co_firstlineno
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                lines = (arg.lineno for arg in ast.walk(node.args) if isinstance(arg, ast.arg) and arg.arg == parameter)
                return next(lines, node.lineno)
    return code.co_firstlineno


def _written(function: Function) -> types.FunctionType:
    """Unwrap decorators that own up to it, down to what the user wrote with `def`."""
    return cast("types.FunctionType", inspect.unwrap(function))


def _first_line(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0] or type(exc).__name__
