"""What pydantic finds wrong with a scenario, in our words: where, what, and the nearest right name. Pure."""

import re
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from flashlive_cli.nearest import meant_or_known
from flashlive_cli.scenario.places import Place
from flashlive_cli.scenario.schema import Scenario

_KINDS: Final = {
    "a valid string": "text",
    "a valid dictionary": "a table",
    "a valid list": "a list",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
}
"""Pydantic's words for what a value should be, and ours."""
_SHOULD: Final = "Input should be "
_NOISES: Final = ("matrix", "noise")


def complaints_of(exc: ValidationError) -> list[tuple[Place, str]]:
    """Return where each error is, and what is wrong; what is missing only where nothing looks like a slip for it."""
    errors: list[Any] = list(exc.errors(include_url=False, include_context=False))
    slips = {error["loc"][:-1] for error in errors if error["type"] == "extra_forbidden"}
    told = [_told(error) for error in errors if error["type"] != "missing" or error["loc"][:-1] not in slips]
    return list(dict.fromkeys(told))


def _told(error: Any) -> tuple[Place, str]:
    place: Place = tuple(part for part in error["loc"] if not _is_mark(part))
    if place != error["loc"] and place[:2] == _NOISES:  # a union, of which each member says why it is none
        return place[:3], 'each of `noise` must be "none", or a table such as { kind = "white", snr_db = 10 }'
    return place, _worded(error, place)


def _worded(error: Any, place: Place) -> str:
    named = [str(part) for part in place if not isinstance(part, int)]
    what = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        key = str(place[-1])
        return f"unknown key `{key}`{_table_name(place[:-1])}{meant_or_known(key, _known_at(place[:-1]))}"
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        options = [word.strip("'") for word in re.split(r", | or ", what.removeprefix(_SHOULD))]
        return f"`{named[-1]}` cannot be {error['input']!r}{meant_or_known(error['input'], options)}"
    if error["type"] == "missing":
        return f"`{named[-1]}` is missing{_table_name(place[:-1])}"
    if error["type"] in {"too_short", "string_too_short"}:
        return f"`{named[-1]}` must not be empty"
    if what.startswith(_SHOULD):
        kind = what.removeprefix(_SHOULD).split(" or instance of ")[0]
        shape = "written as [[turn]] tables" if place == ("turn",) else _KINDS.get(kind, kind)
        return f"`{named[-1]}` must be {shape}"
    return f"{'.'.join(named)}: {what}" if named else what


def _is_mark(part: str | int) -> bool:
    """Whether a part of pydantic's place is its own word: a key's, or the member of a union."""
    return isinstance(part, str) and (part == "[key]" or part.startswith(("function-", "literal[")))


def _table_name(place: Place) -> str:
    names = [str(part) for part in place if not isinstance(part, int)]
    return f" in [{'.'.join(names)}]" if names else ""


def _known_at(place: Place) -> list[str]:
    """Return the keys that the table at a place may have."""
    model: type[BaseModel] = Scenario
    for part in place:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        model = (_model_in(field.annotation) if field is not None else None) or model
    return [*model.model_fields, *(["include"] if model is Scenario else [])]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)
