"""How far one text is from another, in words. Pure."""

import re
import unicodedata
from typing import Final

_WORD: Final = re.compile(r"[\w'\u2019]+")


def word_error_rate(reference: str, heard: str) -> float:
    """
    Return the words that must be put in, taken out or exchanged to make `reference` of `heard`, per word of it.

    Letter case and punctuation do not count. Without words in the reference it is 0, or 1 where any were heard.
    """
    wanted, got = _words(reference), _words(heard)
    if not wanted:
        return float(bool(got))
    distances = list(range(len(got) + 1))  # Levenshtein's, a row at a time
    for row, word in enumerate(wanted, 1):
        diagonal, distances[0] = distances[0], row
        for column, other in enumerate(got, 1):
            changed = diagonal + (word != other)
            diagonal = distances[column]
            distances[column] = min(changed, diagonal + 1, distances[column - 1] + 1)
    return distances[-1] / len(wanted)


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())
