"""What has been said, for a session that begins anew in the middle of a talk. Pure."""

import json
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from flashlive_cli.protocol.commands import Content
from flashlive_cli.reports import Report, ToolFinished, Transcript

MOST_TURNS: Final = 60
MOST_CHARS: Final = 24_000
"""Some 6,000 tokens, a twentieth of the context window."""
_LONGEST_RESULT: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Said:
    """
    A turn.

    Attributes:
        turn: its words.
        at: when they were final, in clock seconds.
        by_user: the user has said them, and not we.
    """

    turn: Content
    at: float
    by_user: bool = False


class History:
    """Keeps the latest turns of one talk as both sides heard them; belongs to the event loop."""

    def __init__(self, before: Iterable[Content] = ()) -> None:
        """Begin with what was said `before`."""
        self._turns = deque((_Said(turn, -math.inf) for turn in before), maxlen=MOST_TURNS)

    def note(self, report: Report, now: float) -> None:
        """Keep what counts as said: final words, of the model's only what was heard, and what tools came to."""
        match report:
            case Transcript("user", text, final=True):
                self._turns.append(_Said(Content("user", text), now, by_user=True))
            case Transcript("model", text, final=True, heard=heard):
                if said := text if heard is None else heard:
                    self._turns.append(_Said(Content("model", said), now))
            case ToolFinished(name=name, response=response):
                told = json.dumps(response, ensure_ascii=False, default=str)[:_LONGEST_RESULT]
                words = f"(The function {name} was called and has returned {told})"
                self._turns.append(_Said(Content("user", words), now))
            case _:
                pass

    def turns(self, *, asked_again: float | None = None) -> tuple[Content, ...]:
        """
        Return the latest of them, as many as a new session should begin with.

        Args:
            asked_again: since when the user has asked what is to be asked again; that would stand there twice.
        """
        room, kept = MOST_CHARS, deque[Content]()
        for said in reversed(self._turns):
            if said.by_user and asked_again is not None and said.at >= asked_again:
                continue
            room -= len(said.turn.text)
            if room < 0:
                break
            kept.appendleft(said.turn)
        return tuple(kept)
