"""
What the simulator says where no script tells it what to say, and a text with that left out. Pure.

It says what it received, and tells nothing of the agent that is tested.
"""

import re
from typing import Final

INTRODUCTION: Final = "Hello, this is the flashlive simulator, not the real Gemini."
AGAIN: Final = "Once more:"
LISTENING: Final = "I am listening."
DONE: Final = "It is done."

STORIES: Final = (
    (
        "Once upon a time there was a telephone that nobody called. It stood by a window and listened to the rain. "
        "One morning it rang, and everyone in the house came running, but the voice at the other end only wanted to "
        "know what time it was. The telephone was so proud that it told the time every hour from then on. The house "
        "became a very punctual place, and the rain kept falling, and nobody minded it at all."
    ),
    (
        "Far out at sea there was a lighthouse with two lamps. The old lamp turned slowly and the new one turned fast, "
        "and the ships never knew which of them to believe. So the keeper taught them to take turns: one spoke while "
        "the other was silent. The sailors said it was the best conversation on the whole coast, and when a storm "
        "came, both lamps knew exactly when to interrupt each other."
    ),
)

_QUOTED: Final = 120
"""Characters of a typed line that are said again."""
_LITERALS: Final = "|".join(re.escape(text) for text in (INTRODUCTION, AGAIN, LISTENING, DONE))
_SEES: Final = r"I see (?:a picture|\d+ pictures, the last) of [^.]*\."
_SMALLTALK: Final = re.compile(
    rf"{_LITERALS}|\(\d+\.\d s of speech\)|I heard \d+\.\d seconds of speech\.|{_SEES}|"
    rf"You typed: .*?(?=$|{_SEES})|(?:^|(?<=[.!?] ))[\w ]+ says: ",
    re.DOTALL,
)


def words_for_speech(seconds: float) -> str:
    """Return what stands for words in the transcript of speech that nobody knows."""
    return f"({seconds:.1f} s of speech)"


def heard(seconds: float) -> str:
    """Acknowledge speech."""
    return f"I heard {seconds:.1f} seconds of speech."


def read(text: str) -> str:
    """Acknowledge a typed line."""
    return f"You typed: {text[:_QUOTED]}{'…' if len(text) > _QUOTED else ''}"


def told(function: str, result: str) -> str:
    """Say what a function answered."""
    return f"{function} says: {result}."


def without_smalltalk(text: str) -> str:
    """
    Return what is left of a transcript, or of the beginning of one, without what the simulator says by itself.

    Of what a function answered, the answer stays.
    """
    rest = " ".join(_SMALLTALK.sub("", text).split())
    return "" if any(story.startswith(rest) for story in (*STORIES, INTRODUCTION)) else rest
