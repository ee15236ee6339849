"""
What `flashlive doctor` looks at; `Check` is what each look finds.

    software.py    Python, packages, terminal, and where this runs
    key.py         the API key, without showing it
    network.py     name, connection and encryption, step by step
    service.py     WebSocket and setup, as a talk does them
    cards.py       PortAudio, and which devices a talk would use
    microphone.py  three seconds of the microphone
    speaker.py     a test tone
    echo.py        the speaker in the microphone
    sounds.py      what is played for that
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from flashlive_cli.cli.exits import exit_code_of
from flashlive_cli.errors import FlashliveError

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """
    One thing that was looked at.

    Attributes:
        name: one word, the same whatever is found.
        status: whether it is as it should be.
        found: what is so.
        advice: what to do about it; empty for what is ok.
        figures: what was measured, with units in the names.
        exit_code: what a talk would end with; for `failed` alone.
    """

    name: str
    status: Status
    found: str
    advice: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)
    exit_code: int = 0


Tell = Callable[[Check], None]
"""Takes a finding as soon as it is known."""


def failure(name: str, error: FlashliveError, advice: str = "", **figures: object) -> Check:
    """Make a finding of an error; `advice` is for one that has none of its own."""
    return Check(name, "failed", error.words, error.advice or advice, figures, exit_code_of(error))


def ms(seconds: float) -> float:
    """Round a duration to a tenth of a millisecond."""
    return round(1000 * seconds, 1)
