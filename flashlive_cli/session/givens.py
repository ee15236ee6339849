"""What a talk is given: ears and mouth, turns, patience, and in mid-talk new tools."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from flashlive_cli.protocol import commands as c
from flashlive_cli.reports.video import When
from flashlive_cli.session import pump


class Speaker(pump.Speaker, Protocol):
    """A speaker that tells when it plays."""

    @property
    def held_frames(self) -> int:
        """Frames written and not yet played, at 24 kHz."""
        ...

    def listen(self, started: Callable[[float], None], drained: Callable[[float], None]) -> None:
        """Call these in the loop's thread, with clock seconds, when a reply begins to sound and when all has."""
        ...

    async def drained(self) -> None:
        """Wait until all that was written is played."""
        ...


@dataclass(frozen=True, slots=True)
class Sound:
    """
    Ears and mouth of a talk.

    Attributes:
        speaker: plays the replies.
        microphone: None for a talk that is only typed.
    """

    speaker: Speaker
    microphone: pump.Microphone | None = None

    @property
    def speech_started_s(self) -> float | None:
        """When the user's present utterance began, in clock seconds."""
        return self.microphone.speech_started_s if self.microphone else None

    @property
    def speech_ended_s(self) -> float | None:
        """When the user's latest sound of speech was read, in clock seconds."""
        return self.microphone.speech_ended_s if self.microphone else None


class Still(Protocol):
    """A picture for the wire."""

    @property
    def image(self) -> bytes:
        """The file."""
        ...

    @property
    def mime_type(self) -> str:
        """What kind of file: `image/jpeg`, `image/png` or `image/webp`."""
        ...

    @property
    def width(self) -> int:
        """In pixels."""
        ...

    @property
    def height(self) -> int:
        """In pixels."""
        ...

    def within(self, most_bytes: int, /) -> "Still":
        """
        Return the same in a file of so many bytes at most, as far as that can be; a core's work for some ms.

        Called in any thread.

        Raises:
            FlashliveError: it cannot be made smaller, and why.
        """
        ...


class Eyes(Protocol):
    """What is seen of the user, or of what the user looks at."""

    @property
    def name(self) -> str:
        """What they look at, for people."""
        ...

    @property
    def when(self) -> When:
        """When it is shown by itself."""
        ...

    @property
    def every_s(self) -> float:
        """At most one still in so many conversation seconds."""
        ...

    @property
    def rest_s(self) -> float:
        """Real seconds to leave them alone after the latest look; one that matters need not wait."""
        ...

    async def look(self, most_bytes: int, /) -> Still:
        """
        Return what there is to be seen now, in a file of so many bytes at most.

        Raises:
            FlashliveError: there is nothing, and why. The next look tries again.
        """
        ...

    def shown(self, still: Still, /) -> None:
        """Note that this one went out; must not wait."""
        ...


@dataclass(frozen=True, slots=True)
class Cue:
    """
    When the next turn is due, where that is not when this one has been answered.

    Attributes:
        reached: waits for it; cancelled where the answer has ended before.
        cuts_in: the next turn does not wait for the answer that runs then; else it does, if one has begun.
    """

    reached: Callable[[], Awaitable[None]]
    cuts_in: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """A turn typed by the user, with pictures that belong to it."""

    text: str
    cue: Cue | None = None
    pictures: tuple[Still, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    A turn spoken by a clip.

    Attributes:
        name: for people.
        play: lets the microphone speak it, and returns when its last sample was read.
    """

    name: str
    play: Callable[[], Awaitable[None]]
    cue: Cue | None = None


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A turn in which the user says nothing, and no answer is missed; its `cue` tells how long that takes."""

    cue: Cue


Turn = Typed | Spoken | Unsaid


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """
    How long to wait, in conversation seconds where not said otherwise.

    Attributes:
        setup_s: for the dial, and again for the answer to the setup; real seconds.
        stall_s: for a sign of the server while nothing is being played, until the user is told that there is none.
        answer_s: the same until the next turn is taken.
    """

    setup_s: float = 10.0
    stall_s: float = 6.0
    answer_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """
    What a talk leaves to another one.

    Attributes:
        handle: of its session; None where there is none that is good.
        turns: what was said.
    """

    handle: str | None = field(repr=False)
    turns: tuple[c.Content, ...] = ()


class Witness(Protocol):
    """Sees what passes the wire; called in the loop's thread, must not wait. Times are clock seconds."""

    def sent(self, message: str, now: float) -> None:
        """See a message on its way to the server."""
        ...

    def received(self, message: bytes, now: float) -> None:
        """See one of the server's messages."""
        ...

    def spoke(self, pcm: bytes, now: float) -> None:
        """Hear what was sent of the microphone: mono s16le at 16 kHz, whose last sample was read at `now`."""
        ...


class Renewal(Protocol):
    """Where new tools come from in mid-talk."""

    @property
    def pending(self) -> asyncio.Event:
        """Set while there are new ones."""
        ...

    @property
    def offered(self) -> tuple[c.FunctionDeclaration, ...]:
        """What to tell the model of the new ones."""
        ...

    def settle(self, *, taken: bool) -> None:
        """Let the new ones be called from now on; or drop them, as the service did not take them."""
        ...
