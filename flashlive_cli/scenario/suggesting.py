"""
What of a recorded turn is worth expecting again. Pure.

A model says the same in other words each time, and a transcript spells the same sound in another way. So a pattern
looks for two words that carry the meaning, in their order: what a tool had answered, names, what was asked about, else
the longest. Limits of time are wide: they are to catch a turn that hangs, not one that is a little slower.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flashlive_cli.scenario.telling import telling_words, words_of
from flashlive_cli.sim.arguments import sample

_FINE_MS: Final = 50
_COARSE_MS: Final = 100
"""Steps of limits: up to a second, and beyond."""
_SLOWEST_MS: Final = 10_000
_MOST_WORDS: Final = 3
"""Of an argument that has to come again word for word; a longer one is a sentence, and is made up anew each time."""


def pattern_of(text: str, *, facts: str = "", topic: str = "") -> str | None:
    """
    Return a regular expression that the text fits by two telling words; None where it has none.

    Args:
        text: that was heard or said.
        facts: what it tells of: what a tool was asked and answered.
        topic: what it answers.
    """
    words = telling_words(text, most=2, facts=words_of(facts), topic=words_of(topic))
    flags = "(?is)" if len(words) > 1 else "(?i)"
    pattern = flags + ".*".join(re.escape(word).replace("\\-", "-") for word in words)
    return pattern if words and re.search(pattern, text) else None


def limit_ms(measured: float | None, *, least: int) -> int | None:
    """
    Return twice what was measured, in round numbers, and not less than `least`.

    None where nothing was, or so much that a limit would be none.
    """
    if measured is None or measured > _SLOWEST_MS:
        return None
    wanted = max(float(least), 2 * measured)
    step = _FINE_MS if wanted <= 1000 else _COARSE_MS
    return -int(-wanted // step) * step


def expected_args(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return rules for arguments such as these; see `expecting.ArgumentRule`. What the simulator made up needs none."""
    return {name: _rule(value) for name, value in args.items() if value != sample(name)}


def _rule(value: Any) -> Any:
    if isinstance(value, Mapping) and {"regex", "equals", "absent"} & value.keys():
        return {"equals": value}
    if isinstance(value, str) and len(value.split()) > _MOST_WORDS and (pattern := pattern_of(value)) is not None:
        return {"regex": pattern}
    return value


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
