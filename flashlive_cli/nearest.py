"""What may have been meant by a name that nothing has."""

from collections.abc import Iterable
from typing import Final

LIKE: Final = 0.6
"""From which likeness on, 0 to 1 as `difflib` measures it, a name may have been meant: its own default."""


def nearest(name: str, known: Iterable[str], *, likeness: float = LIKE) -> str | None:
    """Return the name most like `name` in any letter case; None where none is as like as that."""
    import difflib  # noqa: PLC0415 - for a slip

    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return the end of a sentence about a name: the one that may have been meant, or else `otherwise`."""
    found = nearest(name, known)
    return f"; did you mean {found}?" if found else otherwise


def meant_or_known(key: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about a key of a file: the one that may have been meant, or all there are."""
    names = list(known)
    found = nearest(key, names)
    return f"; did you mean `{found}`?" if found else f"; known are {', '.join(names)}"
