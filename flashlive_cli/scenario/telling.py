"""
Which words of what was said carry its meaning, and come again when the same is said in another way. Pure.

Numbers, dates and times do not: they are of that day, and a transcript spells them now in digits, now in words. Nor do
the words that hold a sentence together, and those of courtesy. The lists are of English; of other languages the names
and the longest words are left.
"""

import re
from collections.abc import Collection
from typing import Final

_WORD: Final = re.compile(r"\w(?:[\w'\u2019-]*\w)?")
_LONGEST: Final = 12
"""Characters; a longer one is a sentence of a script without spaces, and its beginning will do."""
_SHORTEST: Final = 3
"""The same of words in ASCII, which have spaces."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBERS: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half quarter "
    "first second third double triple once twice percent"
)
_TIMES: Final = _words(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december today tomorrow yesterday tonight morning afternoon evening night noon midnight o'clock "
    "now soon later ago date time times second seconds minute minutes hour hours day days week weeks month months year "
    "years next last"
)
_COMMON: Final = _words(
    "a about above after again against all also although always am an and another any anybody anyone anything are "
    "aren't around as at away back be because been before being between both but by can can't cannot could couldn't "
    "did didn't do does doesn't doing don't done down during each either else even ever every everything few for from "
    "further get gets getting give given go goes going gonna got had has hasn't have haven't having he he's her here "
    "here's hers herself him himself his how how's however i i'd i'll i'm i've if in into is isn't it it's its itself "
    "just keep know known let let's like likely little look looking looks lot lots made make makes making many "
    "may maybe me mean means might mine more most much must my myself need needs neither never no nobody none nor not "
    "nothing of off on only onto or other others ought our ours out over own perhaps put quite rather really said same "
    "say saying says see seem seems seen shall she she's should shouldn't since so some somebody someone something "
    "still such sure take taken takes tell telling tells than that that's the their theirs them then there there's "
    "these they they'd they'll they're they've thing things think this those though through till to told too try "
    "trying under until up upon us use used using very want wants was wasn't way we we'd we'll we're we've well went "
    "were weren't what what's when when's where where's whether which while who who's whole whom whose why will with "
    "within without won't would wouldn't yes yet you you'd you'll you're you've your yours yourself able actually "
    "afraid alright anyway bye certainly course dear excuse fine glad good goodbye great happy hello help hey hi hmm "
    "kindly moment oh okay ok pardon please right sir sorry thank thanks uh um understand understood unfortunately "
    "welcome yeah"
)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text in small letters."""
    return frozenset(word.lower() for word in _WORD.findall(text))


def telling_words(text: str, *, most: int, facts: Collection[str] = (), topic: Collection[str] = ()) -> list[str]:
    """
    Return words of a text, as they are spelled there and in their order, each once; none where none carries meaning.

    Args:
        text: that was heard or said.
        most: words.
        facts: what is known to be meant, in small letters; dates among them stay so.
        topic: what is talked about, likewise.
    """
    weights: dict[str, tuple[float, int, str]] = {}
    for number, found in enumerate(_WORD.finditer(text)):
        word, small = found[0][:_LONGEST], found[0].lower().replace("\u2019", "'")
        if not _tells(small, facts) or small in weights:
            continue
        begins = number == 0 or text[: found.start()].rstrip()[-1:] in ".!?:"
        weight = 3.0 * (small in facts) + 1.5 * (small in topic) + 2.0 * (word[0].isupper() and not begins)
        weights[small] = weight + len(word) / 10, number, word
    chosen = sorted(weights.values(), key=lambda item: (-item[0], item[1]))[:most]
    return [word for _, _, word in sorted(chosen, key=lambda item: item[1])]


def _tells(small: str, facts: Collection[str]) -> bool:
    if any(character.isdigit() for character in small) or small in _COMMON or small in _NUMBERS:
        return False
    if small.isascii() and len(small) < _SHORTEST:
        return False
    return small in facts or small not in _TIMES
