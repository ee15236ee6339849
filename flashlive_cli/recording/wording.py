"""What is said in the same words in all forms of a conversation."""

import json
from collections.abc import Mapping
from typing import Final

from flashlive_cli.printable import printable
from flashlive_cli.recording.story import Role, Story

SPEAKERS: Final[Mapping[Role, str]] = {"user": "you", "model": "gemini"}


def one_line(text: str) -> str:
    """Return a text with all its white space as single spaces, and what could steer a terminal spelled out."""
    return " ".join(printable(text).split())


def clock_time(seconds: float) -> str:
    """Return `0:05`, `12:34` or `1:02:03`."""
    minutes, whole = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"


def compact(value: object) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def response_text(response: Mapping[str, object]) -> str:
    """Return what a tool answered, without the wrapping that every answer has."""
    return compact(response["output"] if set(response) == {"output"} else response)


def how_it_ended(story: Story) -> str:
    """Tell how, after how long and at what cost; nothing for a record that just stops."""
    if story.ending == "cut":
        return ""
    turns = f"{story.n_turns} turn{'' if story.n_turns == 1 else 's'}"
    cost = f", {story.cost_usd:.4f} USD" if story.cost_usd is not None else ""
    how = "ended" if story.ending == "closed" else "failed"
    return f"{how} after {clock_time(story.duration_s)}: {turns}{cost}"
