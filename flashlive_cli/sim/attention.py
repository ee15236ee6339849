"""
What the client said, read as what the user does: begins, interrupts, is done with a turn. Pure.

Under automatic detection speech is found in the sound; in manual mode the client marks it, and sound outside its
marks is lost. Text typed live is a turn at once; client content is one when it says so.
"""

from dataclasses import dataclass, field
from typing import assert_never

from flashlive_cli.pcm import PcmFormat
from flashlive_cli.sim import inbound
from flashlive_cli.sim.hearing import Ears, SpeechEnded, SpeechStarted, sensitivity
from flashlive_cli.sim.mind import Spoken, Written
from flashlive_cli.sim.setup import Setup
from flashlive_cli.sim.sight import Picture
from flashlive_cli.sim.usage import Ledger


@dataclass(frozen=True, slots=True)
class Began:
    """The user began to speak; `offset_s` on the input clock, or None when the client said so itself."""

    offset_s: float | None


@dataclass(frozen=True, slots=True)
class CutIn:
    """Whatever is said now must stop, and nothing follows yet."""


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """
    The user is done with a turn.

    Attributes:
        turn: what it was.
        offset_s: where the input clock stood, for detected speech.
        typed: it interrupts whatever the settings say.
    """

    turn: Spoken | Written
    offset_s: float | None = None
    typed: bool = False


UserEvent = Began | CutIn | TurnTaken
Said = (
    inbound.Audio
    | inbound.AudioStreamEnd
    | inbound.Still
    | inbound.Typed
    | inbound.ActivityStart
    | inbound.ActivityEnd
    | inbound.Content
)


@dataclass(slots=True)
class _Activity:
    audio_s: float = 0.0
    texts: list[str] = field(default_factory=list)


class Attention:
    """Follows one user; what comes in is entered into `ledger`."""

    def __init__(self, setup: Setup, ledger: Ledger) -> None:
        self._setup = setup
        self._ledger = ledger
        self._ears = Ears(
            sensitivity(
                silence_ms=setup.silence_ms,
                prefix_ms=setup.prefix_ms,
                eager_start=setup.eager_start,
                eager_end=setup.eager_end,
            )
        )
        self._activity: _Activity | None = None
        self._stills: tuple[Picture, ...] = ()
        self._counted_s = 0.0
        self._written: list[inbound.Content] = []
        self._seeding = setup.seeds_history

    @property
    def user_speaks(self) -> bool:
        """Speech or an activity is open."""
        return self._ears.speaking or self._activity is not None

    @property
    def more_to_come(self) -> bool:
        """Client content was sent without `turnComplete`."""
        return bool(self._written)

    def receive(self, said: Said) -> list[UserEvent]:
        """What the user does by this, in order."""
        events: list[UserEvent] = []
        match said:
            case inbound.Audio():
                events = self._hear(said)
            case inbound.AudioStreamEnd():
                events = self._detected(self._ears.end_stream()) if self._setup.automatic else []
            case inbound.Still():
                if self.user_speaks or self._setup.all_stills:
                    self._stills += (said.picture,)
                    self._ledger.see(1, self._setup.media_resolution)
            case inbound.Typed():
                events = self._typed(said.text)
            case inbound.ActivityStart():
                events = [] if self._activity else [Began(None)]
                self._activity = self._activity or _Activity()
            case inbound.ActivityEnd():
                events = self._end_activity()
            case inbound.Content():
                events = self._content(said)
            case _:
                assert_never(said)
        return events

    def _hear(self, audio: inbound.Audio) -> list[UserEvent]:
        if self._setup.automatic:
            return self._detected(self._ears.feed(audio.pcm, audio.rate_hz))
        if self._activity is not None:
            self._activity.audio_s += PcmFormat(audio.rate_hz).seconds_in(len(audio.pcm))
        return []

    def _detected(self, found: list[SpeechStarted | SpeechEnded]) -> list[UserEvent]:
        events: list[UserEvent] = []
        for event in found:
            if isinstance(event, SpeechStarted):
                events.append(Began(event.offset_s))
                continue
            audio_s = event.audio_s
            if self._setup.all_audio:
                audio_s = self._ears.heard_s - self._counted_s
                self._counted_s = self._ears.heard_s
            self._ledger.hear(audio_s)
            events.append(TurnTaken(Spoken(event.speech_s, self._seen()), event.offset_s))
        return events

    def _seen(self) -> tuple[Picture, ...]:
        stills, self._stills = self._stills, ()
        return stills

    def _typed(self, text: str) -> list[UserEvent]:
        self._ledger.read(text)
        if self._activity is not None:
            self._activity.texts.append(text)
            return []
        return [TurnTaken(Written(text, self._seen()), typed=True)]

    def _end_activity(self) -> list[UserEvent]:
        activity, self._activity = self._activity, None
        if activity is None:
            return []
        self._ledger.hear(activity.audio_s)
        if activity.texts and not activity.audio_s:
            return [TurnTaken(Written("\n".join(activity.texts), self._seen()))]
        return [TurnTaken(Spoken(activity.audio_s, self._seen()))]

    def _content(self, content: inbound.Content) -> list[UserEvent]:
        self._ledger.read(content.history_text)
        self._ledger.hear(content.audio_s)
        self._ledger.see(len(content.stills), self._setup.media_resolution)
        if self._seeding:
            self._seeding = not content.turn_complete
            return []
        self._written.append(content)
        if not content.turn_complete:
            return [CutIn()]
        written, self._written = self._written, []
        text = "\n".join(part.text for part in written if part.text)
        # stills shown live are not visible to a turn typed as content: pydantic-ai, `realtime/google.py`
        stills = tuple(still for part in written for still in part.stills)
        audio_s = sum(part.audio_s for part in written)
        if text or stills or any(part.history_text for part in written):
            return [TurnTaken(Written(text, stills), typed=True)]
        if audio_s:
            return [TurnTaken(Spoken(audio_s), typed=True)]
        return [CutIn()]  # a clean stop, seen on 3.8
