"""
`@tool`: what a function of a tools file asks for beyond its signature.

It leaves the function as it is and notes the options on it, where functools.wraps carries them along. Costs nothing to
import, so that a file of tools is as light elsewhere as without it; `toolbox` reads the notes.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeVar, overload

from flashlive_cli.errors import ToolError

F = TypeVar("F", bound=Callable[..., object])

SCHEDULINGS: Final = ("SILENT", "WHEN_IDLE", "INTERRUPT")

_NOTE: Final = "__flashlive_tool__"
_NO_FUNCTION: Final = object()


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    confirm: bool = ...,
    timeout_s: float | None = ...,
    blocking: bool | None = ...,
    scheduling: Literal["SILENT", "WHEN_IDLE", "INTERRUPT", "silent", "when_idle", "interrupt"] | None = ...,
    name: str | None = ...,
    description: str | None = ...,
) -> Callable[[F], F]: ...


def tool(function: object = _NO_FUNCTION, /, **options: object) -> Any:
    """
    Say how the model may call a function; with or without arguments, above or below other decorators.

    Args:
        function: sync, async or a generator; returned as it is.
        **options: those below; None is as good as not given.

    Options:
        confirm: ask the user before each call.
        timeout_s: real seconds a call may take, above 0.
        blocking: True, the model waits for the answer; False, the talk goes on meanwhile. Left out, it is as the
            model's family does it.
        scheduling: when an answer that the model did not wait for is told: `WHEN_IDLE`, `INTERRUPT` or `SILENT`.
        name: what the model calls it by; else the function's name.
        description: what it does; else what its docstring says.

    Raises:
        ToolError: an option is unknown or wrong, or this is no function; the message says what is allowed.
    """
    if function is not _NO_FUNCTION:
        return _note(function, options)
    return lambda function: _note(function, options)


def options_of(function: Callable[..., object]) -> Mapping[str, Any]:
    """Return what `tool` was given for a function: checked, without what is None."""
    noted: Mapping[str, Any] = getattr(function, _NOTE, {})
    return noted


def is_function(value: object) -> bool:
    """Tell whether this was written with `def`, or is such a function behind `functools.cache`."""
    return inspect.isfunction(value) or isinstance(value, functools._lru_cache_wrapper)  # noqa: SLF001 - no public name


def _note(function: Any, options: Mapping[str, object]) -> Any:
    if not is_function(function):
        raise ToolError(f"@tool is for functions written with def, and this is {_shown(function)}")
    whose = f"@tool of {function.__name__}()"
    checked = {name: _checked(whose, name, value) for name, value in options.items()}
    noted = {**options_of(function), **checked}
    noted = {name: value for name, value in noted.items() if value is not None}
    if noted.get("blocking") and "scheduling" in noted:
        raise ToolError(
            f"{whose}: scheduling={noted['scheduling']} is for answers that the model does not wait for, and with "
            "blocking=True it waits: leave one of them out"
        )
    setattr(function, _NOTE, noted)
    return function


def _checked(whose: str, name: str, value: object) -> object:
    if name not in _OPTIONS:
        raise ToolError(f"{whose} takes no {name}; it takes {', '.join(_OPTIONS)}")
    fits, wanted = _OPTIONS[name]
    if value is not None and not fits(value):
        raise ToolError(f"{whose}: {name} takes {wanted}, not {_shown(value)}")
    return value.upper() if name == "scheduling" and isinstance(value, str) else value


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _is_scheduling(value: object) -> bool:
    return isinstance(value, str) and value.upper() in SCHEDULINGS


_OPTIONS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "confirm": (_is_flag, "True or False"),
    "timeout_s": (_is_seconds, "seconds, a number above 0"),
    "blocking": (_is_flag, "True or False"),
    "scheduling": (_is_scheduling, f"one of {', '.join(SCHEDULINGS)}"),
    "name": (_is_text, "text"),
    "description": (_is_text, "text"),
}


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
