"""The key kept out of what a run came to: a tool may answer with its environment, and reports show that. Pure."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

_INSTEAD: Final = "(the key)"

T = TypeVar("T")


def scrubbed(value: T, secrets: Collection[str]) -> T:
    """Return a value without the secrets in its texts: through dataclasses, tuples, lists and mappings."""
    wanted = [secret for secret in secrets if secret]
    return _scrubbed(value, wanted) if wanted else value


def _scrubbed(value: Any, secrets: list[str]) -> Any:
    match value:
        case str():
            for secret in secrets:
                value = value.replace(secret, _INSTEAD)
            return value
        case Mapping():
            return {_scrubbed(key, secrets): _scrubbed(inner, secrets) for key, inner in value.items()}
        case list() | tuple():
            return type(value)(_scrubbed(inner, secrets) for inner in value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {each.name: _scrubbed(getattr(value, each.name), secrets) for each in dataclasses.fields(value)}
            return dataclasses.replace(value, **fields)
        case _:
            return value
