"""Words about a wrong setting, and about what was there."""

from typing import Final

KEY_HINT: Final = "put it into the environment variable GEMINI_API_KEY"
_LONGEST_SHOWN: Final = 60


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
