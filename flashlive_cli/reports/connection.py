"""How the line to the service fares, and what the user should know."""

from typing import ClassVar

from msgspec import Struct


class SessionReady(Struct, frozen=True):
    """
    The service took the setup; the talk begins.

    Attributes:
        model: without `models/`.
        voice: a prebuilt voice's name; None for the service's choice.
        tools: what the model may call.
        simulated: the far end is the built-in simulator.
        setup_ms: from the dial to the acceptance.
        resumed: with `--resume`, whether the session is the old one (else what was said is its history); else None.
    """

    type: ClassVar = "session.ready"
    model: str
    voice: str | None
    tools: tuple[str, ...]
    simulated: bool
    setup_ms: float
    resumed: bool | None = None


class SessionMoving(Struct, frozen=True):
    """The talk moves to another connection: in a quiet moment, or because the old one broke."""

    type: ClassVar = "session.moving"
    reason: str


class SessionResumed(Struct, frozen=True):
    """
    The talk goes on over another connection.

    Attributes:
        resumed: it is the old session; False for a new one, which knows the words of what was said, as its history.
        tools: what the model may call now.
        moved_ms: how long nothing was heard.
        asked_again: a question that was open is asked once more.
        microphone_kept_ms: what was said meanwhile and is sent now.
        microphone_lost_ms: what was said meanwhile and is not.
    """

    type: ClassVar = "session.resumed"
    resumed: bool
    tools: tuple[str, ...]
    moved_ms: float
    asked_again: bool = False
    microphone_kept_ms: float = 0.0
    microphone_lost_ms: float = 0.0


class SessionLeaving(Struct, frozen=True):
    """The server will end this connection in `time_left_s` seconds."""

    type: ClassVar = "session.leaving"
    time_left_s: float


class SessionClosed(Struct, frozen=True):
    """The talk is over; `code` and `reason` are of the WebSocket's close frame."""

    type: ClassVar = "session.closed"
    code: int
    reason: str
    duration_s: float
    turns: int


class RecordingStarted(Struct, frozen=True):
    """The talk is kept in `folder`, which is its own."""

    type: ClassVar = "recording.started"
    folder: str


class Noted(Struct, frozen=True):
    """Something the user may want to know; all is as it should be."""

    type: ClassVar = "note"
    message: str


class Warned(Struct, frozen=True):
    """
    Something the user should know; the talk goes on.

    Attributes:
        message: what.
        unanswered_s: for how long the service has been silent that owes an answer; None where it is not that.
    """

    type: ClassVar = "warning"
    message: str
    unanswered_s: float | None = None


class Failed(Struct, frozen=True):
    """The talk ends with this error."""

    type: ClassVar = "error"
    message: str
    exit_code: int
