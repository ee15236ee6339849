"""What all tables of a scenario file have in common: what they refuse, and the kinds of value in them."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MOST_MS: Final = 3_600_000
"""An hour."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, ValueError, OverflowError, RecursionError) as exc:  # too many digits, too large, too deep
        raise ValueError(f"no regular expression: {exc}") from exc
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression, searched for; `(?i)` at its beginning overlooks letter case."""
Milliseconds = Annotated[int, Field(ge=0, le=MOST_MS)]
Share = Annotated[float, Field(ge=0)]


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
