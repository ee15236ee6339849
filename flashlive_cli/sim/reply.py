"""A reply under way, and how long things take: measured on the service."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flashlive_cli.sim.delivery import Chunk
from flashlive_cli.sim.session import Round

SETUP_S: Final = 0.3
"""0.1-0.8 s in recordings."""
HANDLE_S: Final = 0.013
HANDLE_WHEN_QUIET_S: Final = 0.05
"""On 3.1, and only if no turn was taken by then: in one recording a turn 13 ms after setup puts the handle off."""
THINKING_S: Final = 0.7
"""From the end of the user's turn to speech: 0.6-0.8 s on 3.8 (gemini-live-stop-test)."""
CALLING_S: Final = 0.25
"""To a tool call: 1 ms to 0.4 s."""
TELLING_S: Final = 0.6
"""From the last answer to speech: 0.5-0.9 s on 3.8, 0.56 s in a recording of 3.1."""
HANDLE_AFTER_TOOLS_S: Final = 0.3
"""The same recording of 3.1: 0.33 s after the answer."""
DUPLICATE_TYPED_S: Final = 0.7
DUPLICATE_SPOKEN_S: Final = 0.3
"""To the same call again: 0.6-0.8 s after a typed barge-in, 0.2-0.4 s after a spoken one (gemini-live-stop-test)."""


@dataclass(slots=True)
class Reply:
    """
    The turn under way.

    Attributes:
        chunks: what is left to send of the speech.
        said_s: seconds of audio sent.
        generated: `generationComplete` is out, and only playback is awaited.
        round: the calls that hold this turn.
        answered: set when all of them are answered.
    """

    task: asyncio.Task[None] | None = None
    chunks: Iterator[Chunk] = field(default_factory=lambda: iter(()))
    said_s: float = 0.0
    generated: bool = False
    round: Round | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
