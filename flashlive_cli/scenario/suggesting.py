"""
What of a recorded turn is worth expecting again. Pure.

A model says the same in other words each time, and a transcript spells the same sound in another way. So a pattern
looks for a few words that carry the meaning, in their order: numbers and names, what a tool had answered, else the
longest. Limits of time are wide: they are to catch a turn that hangs, not one that is a little slower.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_WORD: Final = re.compile(r"\w(?:[\w'\u2019-]*\w)?")
_LONGEST_WORD: Final = 12
"""Characters; a longer one is a sentence of a script without spaces, and its beginning will do."""
_STEP_MS: Final = 500


def pattern_of(text: str, *, most: int, facts: str = "") -> str | None:
    """
    Return a regular expression that the text fits by its telling words; None where it has no words.

    Args:
        text: that was heard or said.
        most: words in it.
        facts: the words of this are telling.
    """
    known = {word.lower() for word in _WORD.findall(facts)}
    words: list[tuple[float, int, str]] = []
    for number, found in enumerate(_WORD.finditer(text)):
        word = found[0]
        begins = number == 0 or text[: found.start()].rstrip()[-1:] in ".!?"
        weight = 3.0 * any(character.isdigit() for character in word) + 3.0 * (word.lower() in known)
        weight += 2.0 * (word[0].isupper() and not begins and len(word) > 1) + len(word[:_LONGEST_WORD]) / 10
        if len(word) == 1 and weight < 3 and text.isascii():
            continue
        words.append((weight, number, word[:_LONGEST_WORD]))
    chosen = sorted(sorted(words, key=lambda item: (-item[0], item[1]))[:most], key=lambda item: item[1])
    pattern = "(?is)" + ".*".join(re.escape(word).replace("\\-", "-") for _, _, word in chosen)
    return pattern if chosen and re.search(pattern, text) else None


def limit_ms(measured: float | None, *, least: int) -> int | None:
    """Return twice what was measured, in half seconds, and not less than `least`; None where nothing was."""
    if measured is None:
        return None
    return max(least, -int(-2 * measured // _STEP_MS) * _STEP_MS)


def expected_args(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return rules that arguments equal to these follow; see `expecting.ArgumentRule`."""
    rules = {"regex", "equals", "absent"}
    return {
        name: {"equals": value} if isinstance(value, Mapping) and rules & value.keys() else value
        for name, value in args.items()
    }


def first_half(text: str) -> str:
    """Return the first half of a text's words: of a cut reply, what is heard in another run, too."""
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])


def long_enough(text: str, seconds: float, chars_per_s: float) -> str:
    """Say a text again and again until it takes at least so long."""
    times = max(1, -int(-seconds * chars_per_s // max(1, len(text) + 1)))
    return " ".join([text] * times)


def stub_of(results: Sequence[tuple[bool | None, Any]]) -> dict[str, Any]:
    """
    Return what a stub answers, as `schema.Stub` has it.

    Args:
        results: of each call: whether it went well (None where it was not answered), and the output or error.
    """
    answered = [(ok, result) for ok, result in results if ok is not None]
    if not answered:
        return {"returns": "done"}
    if not any(ok for ok, _ in answered):
        return {"error": str(answered[0][1])}
    outputs: list[Any] = []
    for ok, result in results:
        outputs.append(result if ok else outputs[-1] if outputs else next(output for good, output in answered if good))
    if all(output == outputs[0] for output in outputs):
        return {"returns": outputs[0]}
    return {"sequence": outputs}
