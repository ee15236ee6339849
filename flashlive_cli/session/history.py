"""What has been said, for a session that begins anew in the middle of a talk. Pure."""

import json
from collections import deque
from collections.abc import Iterable
from typing import Final

from flashlive_cli.protocol.commands import Content
from flashlive_cli.reports import Report, ToolFinished, Transcript

MOST_TURNS: Final = 60
MOST_CHARS: Final = 24_000
"""Some 6,000 tokens, a twentieth of the context window."""
_LONGEST_RESULT: Final = 2_000


class History:
    """Keeps the latest turns of one talk as both sides heard them; belongs to the event loop."""

    def __init__(self, before: Iterable[Content] = ()) -> None:
        """Begin with what was said `before`."""
        self._turns: deque[Content] = deque(before, maxlen=MOST_TURNS)

    def note(self, report: Report) -> None:
        """Keep what counts as said: final words, of the model's only what was heard, and what tools came to."""
        match report:
            case Transcript("user", text, final=True):
                self._turns.append(Content("user", text))
            case Transcript("model", text, final=True, heard=heard):
                if said := text if heard is None else heard:
                    self._turns.append(Content("model", said))
            case ToolFinished(name=name, response=response):
                told = json.dumps(response, ensure_ascii=False, default=str)[:_LONGEST_RESULT]
                self._turns.append(Content("user", f"(The function {name} was called and has returned {told})"))
            case _:
                pass

    def turns(self) -> tuple[Content, ...]:
        """Return the latest of them, as many as a new session should begin with."""
        room, kept = MOST_CHARS, deque[Content]()
        for turn in reversed(self._turns):
            room -= len(turn.text)
            if room < 0:
                break
            kept.appendleft(turn)
        return tuple(kept)
