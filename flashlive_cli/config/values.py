"""
Values of settings, held against their types in `settings.Config`.

msgspec could do that too, but it names no key within a table, takes no `yes`, and sorts the words of a choice.
"""

import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args, get_origin

from msgspec import Meta

from flashlive_cli.config.settings import NOT_NEGATIVE, PRICE_KEYS, SETTINGS
from flashlive_cli.config.words import shown
from flashlive_cli.nearest import did_you_mean

_UNBOUNDED: Final = Meta()
_TYPES: Final[dict[type, tuple[Any, str]]] = {
    str: (str, "a valid string"),
    bool: (bool, "a valid boolean"),
    int: (int, "a valid integer"),
    float: ((int, float), "a valid number"),
    list: (list, "a valid list"),
    dict: (dict, "a valid table"),
}
"""What may stand for each type, and what it is called."""
_BOUNDS: Final[tuple[tuple[str, Callable[[float, float], bool], str], ...]] = (
    ("gt", operator.gt, "greater than"),
    ("ge", operator.ge, "greater than or equal to"),
    ("le", operator.le, "less than or equal to"),
)
_YES_OR_NO: Final = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}


class WrongValue(Exception):
    """
    A setting that there is not, or a value that its setting does not take.

    Attributes:
        key: where: the setting, and behind dots what is in it, as in `tools.1`.
        what: is wrong there.
    """

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key}: {what}")
        self.key = key
        self.what = what


def read(given: Mapping[str, object], *, lax: bool = False) -> dict[str, object]:
    """
    Return values as `Config` keeps them.

    Args:
        given: by setting.
        lax: text may stand for a number, or for yes and no.

    Raises:
        WrongValue: the first that is wrong.
    """
    return {key: _read(key, value, lax=lax) for key, value in given.items()}


def _read(key: str, value: object, *, lax: bool) -> object:
    if key not in SETTINGS:
        raise WrongValue(key, f"no such setting{did_you_mean(key.replace('-', '_'), SETTINGS)}")
    setting = SETTINGS[key]
    if setting.type == list[str]:
        return _strings(key, value)
    if key == "prices":
        return _prices(key, value)
    return _single(key, value, setting.type, setting.bounds, lax=lax)


def _strings(key: str, value: object) -> list[str]:
    return [_single(f"{key}.{index}", each, str) for index, each in enumerate(_single(key, value, list))]


def _prices(key: str, value: object) -> dict[str, dict[str, float]]:
    return {model: _prices_of(f"{key}.{model}", prices) for model, prices in _single(key, value, dict).items()}


def _prices_of(model_key: str, value: object) -> dict[str, float]:
    return {
        name: _price(f"{model_key}.{name}", name, dollars) for name, dollars in _single(model_key, value, dict).items()
    }


def _price(key: str, name: str, value: object) -> float:
    if name in PRICE_KEYS:
        price: float = _single(key, value, float, NOT_NEGATIVE)
        return price
    if isinstance(value, dict):  # TOML reads an id's dot as one table in another: "8-live" in prices.gemini-3
        raise WrongValue(key, 'no such price; a model\'s id goes into quotes: [prices."MODEL-ID"]')
    raise WrongValue(key, f"no such price{did_you_mean(name.replace('-', '_'), PRICE_KEYS)}")


def _single(key: str, value: object, kind: Any, bounds: Meta = _UNBOUNDED, *, lax: bool = False) -> Any:
    meant: Any = _meant(value, kind) if lax and isinstance(value, str) else value
    expected = _misfit(meant, kind, bounds)
    if expected:
        raise WrongValue(key, f"expected {expected}, got {shown(value)}")
    return float(meant) if kind is float else meant


def _meant(text: str, kind: Any) -> Any:
    """Return what text stands for, where a boolean or a number is wanted; text that stands for none as it is."""
    if kind is bool:
        return _YES_OR_NO.get(text.lower(), text)
    if kind not in {int, float}:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if kind is int and number.is_integer() else number


def _misfit(value: Any, kind: Any, bounds: Meta) -> str | None:
    """Tell what was expected in place of a value; None where it is that."""
    if get_origin(kind) is Literal:
        *others, last = map(repr, get_args(kind))
        return None if value in get_args(kind) else f"{', '.join(others)} or {last}"
    types, name = _TYPES[kind]
    if not isinstance(value, types) or (kind is not bool and isinstance(value, bool)):
        return name
    if kind is float and not abs(value) <= sys.float_info.max:  # nan is not, nor are TOML's longest integers
        return "a finite number"
    for limit, holds, words in _BOUNDS:
        bound = getattr(bounds, limit)
        if bound is not None and not holds(value, bound):
            return f"{words} {bound}"
    return None
