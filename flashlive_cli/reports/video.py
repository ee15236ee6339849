"""What is seen beside the voice, and how much of it went out."""

from typing import ClassVar, Literal

from msgspec import Struct

When = Literal["always", "speaking", "key"]
Because = Literal["always", "speech", "typed", "key"]


class VideoReady(Struct, frozen=True):
    """
    There is something to be seen; nothing of it was sent yet.

    Attributes:
        source: `camera 0`, `screen 1`, or a path.
        when: stills are sent all the time, around the user's speech, or when a key asks for one.
        every_s: at most one in so many seconds.
        width: of the stills, in pixels.
        height: of the stills, in pixels.
    """

    type: ClassVar = "video.ready"
    source: str
    when: When
    every_s: float
    width: int
    height: int


class VideoSent(Struct, frozen=True):
    """
    A still went out.

    Attributes:
        because: of what: the time (`always`), the user's `speech`, a `typed` line, a `key`.
        width: in pixels.
        height: in pixels.
        bytes: of the image file.
        mime_type: of the image file.
        sent: stills sent in the talk, this one included.
        skipped: stills that were due since the one before, and were not sent: the line was busy with sound.
    """

    type: ClassVar = "video.sent"
    because: Because
    width: int
    height: int
    bytes: int
    mime_type: str
    sent: int
    skipped: int = 0


class VideoLost(Struct, frozen=True):
    """Nothing is to be seen (any more) of `source`; the talk goes on, and whoever presses the key tries again."""

    type: ClassVar = "video.lost"
    source: str
    message: str
