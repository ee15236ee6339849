"""What is listened and spoken through, and how well that goes."""

from typing import ClassVar, Literal

from msgspec import Struct


class SoundReady(Struct, frozen=True):
    """
    Microphone and speaker are open; a side that is not a sound card's has None for its figures.

    Attributes:
        microphone: the device's name, or the program's command.
        microphone_rate_hz: at which it is open.
        microphone_latency_ms: what it holds before it hands over.
        speaker: the device's name, or the program's command.
        speaker_rate_hz: at which it is open.
        speaker_latency_ms: what it holds: sound that a barge-in cannot call back.
        echo: what is done against the speaker's echo; None where there is none.
    """

    type: ClassVar = "sound.ready"
    microphone: str | None
    microphone_rate_hz: int | None
    microphone_latency_ms: float | None
    speaker: str | None
    speaker_rate_hz: int | None
    speaker_latency_ms: float | None
    echo: Literal["cancel", "half", "off"] | None


class SoundLost(Struct, frozen=True):
    """
    A sound card's microphone or speaker is gone, or no sound moves through it; it is looked for, or another.

    Attributes:
        side: which of them.
        device: its name.
        reason: what has become of it, in words.
        patience_s: after how long the talk is given up, in seconds.
    """

    type: ClassVar = "sound.lost"
    side: Literal["microphone", "speaker"]
    device: str
    reason: str
    patience_s: float


class SoundRestored(Struct, frozen=True):
    """
    A lost microphone or speaker goes on, through the same device or another.

    Attributes:
        side: which of them.
        device: the name of the one that is open now.
        rate_hz: at which it is.
        latency_ms: what it holds.
        away_ms: from the moment at which it was seen to be lost.
    """

    type: ClassVar = "sound.restored"
    side: Literal["microphone", "speaker"]
    device: str
    rate_hz: int
    latency_ms: float
    away_ms: float


class EchoChanged(Struct, frozen=True):
    """
    What is done against the echo has changed.

    Attributes:
        state: `learning` (the microphone is off while the speaker sounds), `cancelling`, or `half` (the same, for
            the rest of the talk).
        erle_db: by how much the echo is lowered, as measured; None where nothing was measured.
    """

    type: ClassVar = "sound.echo"
    state: Literal["learning", "cancelling", "half"]
    erle_db: float | None


class SoundClosed(Struct, frozen=True):
    """
    Microphone and speaker are closed.

    Attributes:
        underruns: times that the speaker ran dry within a reply.
        microphone_lost_ms: sound of the microphone that could not be sent in time, or was not heard at all.
        erle_db: by how much the echo was lowered in the end; None where nothing was measured.
    """

    type: ClassVar = "sound.closed"
    underruns: int
    microphone_lost_ms: float
    erle_db: float | None


class MicrophoneSwitched(Struct, frozen=True):
    """
    What of the microphone goes to the service.

    Attributes:
        state: `open` (all of it), `muted` (nothing), `waiting` (nothing until the user pushes to talk), `pushed` (all
            of it, until the user lets go).
    """

    type: ClassVar = "microphone"
    state: Literal["open", "muted", "waiting", "pushed"]
