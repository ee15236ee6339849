"""How a wrong setting is told: its name, the nearest right one, what was expected and what was there."""

from typing import Final

from pydantic import ValidationError

from flashlive_cli.config.settings import PRICE_KEYS, Config

KEY_HINT: Final = "put it into the environment variable GEMINI_API_KEY"
_LONGEST_SHOWN: Final = 60


def complaint(exc: ValidationError) -> tuple[str, str]:
    """Return the key of pydantic's first error, and what is wrong with it."""
    errors = exc.errors(include_url=False, include_context=False)
    error = errors[0]
    place = [str(part) for part in error["loc"]]
    if place[-1] == "[key]":  # pydantic's mark for a key of a table
        del place[-1]
        # TOML reads an id's dot as one table in another: prices.gemini-3.8-live is "8-live" of "gemini-3"
        if any(other["loc"] == error["loc"][:-1] and isinstance(other["input"], dict) for other in errors):
            return ".".join(place), 'no such price; a model\'s id goes into quotes: [prices."MODEL-ID"]'
        return ".".join(place), f"no such price{nearest(place[-1].replace('-', '_').lower(), list(PRICE_KEYS))}"
    key = ".".join(place)
    if error["type"] == "extra_forbidden":
        return key, f"no such setting{nearest(key.replace('-', '_').lower(), list(Config.model_fields))}"
    expected = error["msg"].removeprefix("Input should be ").partition(", unable to")[0]
    return key, f"expected {expected.replace('dictionary', 'table')}, got {shown(error['input'])}"


def nearest(name: str, known: list[str]) -> str:
    """Ask whether the nearest of the right ones was meant; nothing if none is near."""
    found = near(name, known)
    return f"; did you mean {found}?" if found else ""


def near(name: str, known: list[str], *, likeness: float = 0.6) -> str | None:
    """Return the right one most like `name`, by `difflib`'s measure from 0 to 1."""
    import difflib  # noqa: PLC0415 - 9 ms that only a slip has to pay

    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=likeness)), None)


def looks_secret(key: str) -> bool:
    """Whether somebody means to give the API key under this name."""
    letters = "".join(filter(str.isalpha, key.lower()))
    return letters.endswith("apikey") or letters in {"key", "token"}


def shown(value: object) -> str:
    """Spell what was there, as TOML would where that is short."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        spelled = repr(value) if isinstance(value, str | int | float) else str(value)
    except ValueError:  # Python refuses to spell a whole number of thousands of digits
        return "a huge number"
    return spelled if len(spelled) <= _LONGEST_SHOWN else f"{spelled[:_LONGEST_SHOWN]}…"
