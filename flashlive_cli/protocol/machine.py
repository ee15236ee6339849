"""
The conversation's state, moved by what the server says.

Theory of operation. A connection begins in SETUP and may do nothing but send its `Setup` until `SetupComplete`
puts it into LISTENING. The first sound or word of a reply moves it to REPLYING. `GenerationComplete` means that
all of the reply is on our side, DRAINING: the server still counts it as being heard, and holds `TurnComplete`
back until it thinks the playback has ended. In both the user may cut in, and `Interrupted` moves to CUT: what
still trickles in is of the old reply and is dropped, until `TurnComplete` ends the turn. Where no `TurnComplete`
comes, the next words of the user end CUT, or its time does. The next reply is a new turn. A reply that the user
stops by a key is CUT too, and that has no time: a server that knows nothing of it goes on to the reply's end.

The table holds every (state, event) pair that servers were seen to produce or are documented to. A preview API
promises no order: a pair outside the table is an error in tests (`strict`), and counted and survived on a call.
"""

import math
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Final

from flashlive_cli.errors import LocalProtocolError, RemoteProtocolError
from flashlive_cli.protocol import codec
from flashlive_cli.protocol import commands as c
from flashlive_cli.protocol import events as e
from flashlive_cli.protocol.families import Family
from flashlive_cli.protocol.turns import TurnLedger


class State(Enum):
    """Where a conversation stands; see the module's docstring."""

    SETUP = "setup"
    LISTENING = "listening"
    REPLYING = "replying"
    DRAINING = "draining"
    CUT = "cut"


SETUP, LISTENING, REPLYING, DRAINING, CUT = State

_ANYTIME: Final[tuple[type[e.Event], ...]] = (
    e.Usage, e.HandleIssued, e.GoAway, e.SpeechStarted, e.SpeechEnded, e.InteractionChanged, e.Grounded,
    e.Thought, e.ToolCallCancelled,
)  # fmt: skip
"""Said in any state but SETUP, and changes none."""

TRANSITIONS: Final[dict[State, dict[type[e.Event], State]]] = {
    SETUP: {
        e.SetupComplete: LISTENING,
    },
    LISTENING: {
        **dict.fromkeys(_ANYTIME, LISTENING),
        e.InputTranscript: LISTENING,
        e.ToolCall: LISTENING,
        e.AudioChunk: REPLYING,
        e.OutputTranscript: REPLYING,
        e.ModelText: REPLYING,
        e.Interrupted: CUT,  # while a blocking call holds the turn, or the server hears longer than we thought
        e.GenerationComplete: DRAINING,  # a reply of no sound and no words
        e.TurnComplete: LISTENING,  # 3.8 ends the turn right after a tool call
    },
    REPLYING: {
        **dict.fromkeys(_ANYTIME, REPLYING),
        e.InputTranscript: REPLYING,  # no order is promised between transcripts and sound
        e.ToolCall: REPLYING,
        e.AudioChunk: REPLYING,
        e.OutputTranscript: REPLYING,
        e.ModelText: REPLYING,
        e.Interrupted: CUT,
        e.GenerationComplete: DRAINING,
        e.TurnComplete: LISTENING,
    },
    DRAINING: {
        **dict.fromkeys(_ANYTIME, DRAINING),
        e.InputTranscript: DRAINING,
        e.ToolCall: DRAINING,
        e.AudioChunk: REPLYING,  # a second answer in one turn, after a non-blocking call
        e.OutputTranscript: DRAINING,
        e.ModelText: DRAINING,
        e.Interrupted: CUT,
        e.GenerationComplete: DRAINING,
        e.TurnComplete: LISTENING,
    },
    CUT: {
        **dict.fromkeys(_ANYTIME, CUT),
        e.InputTranscript: LISTENING,
        e.ToolCall: CUT,
        e.AudioChunk: CUT,
        e.OutputTranscript: CUT,
        e.ModelText: CUT,
        e.Interrupted: CUT,
        e.GenerationComplete: CUT,
        e.TurnComplete: LISTENING,
    },
}

CUT_LASTS_S: Final = 1.0
"""How long the old reply may trickle in when no `TurnComplete` ends it; seen to take some ten ms."""


class LiveProtocol:
    """
    One connection's side of the protocol: bytes in, events out, and messages that wait to be sent.

    Not tied to a thread or a loop; whoever owns it calls it from one task at a time.

    Attributes:
        state: where the conversation stands.
        handle: the newest one that can resume this session.
        surprises: (state, event) pairs outside the table, as text, and how often each came.
        stale_bytes: sound of cut replies that was dropped.
    """

    def __init__(self, family: Family, *, strict: bool = False) -> None:
        """Start in SETUP. `strict` makes a surprise a `RemoteProtocolError`."""
        self.state = SETUP
        self.handle: str | None = None
        self.surprises: Counter[str] = Counter()
        self.stale_bytes = 0
        self.ledger = TurnLedger()
        self._family = family
        self._strict = strict
        self._outbox: list[str] = []
        self._setup_sent = False
        self._manual = False
        self._behaviors: dict[str, c.Behavior] = {}
        self._cut_ends_s = 0.0

    @property
    def at_rest(self) -> bool:
        """The model has nothing more to say by itself: no reply, no open call, nothing untold."""
        return self.state is LISTENING and self.ledger.settled

    def receive_message(self, raw: bytes | str, now: float) -> list[e.Event]:
        """
        Take one server message; return what it says, without the sound of replies that were cut.

        Args:
            raw: the message's payload.
            now: seconds on any monotonic clock.

        Raises:
            RemoteProtocolError: no Live API message; or, when strict, out of order.
        """
        if self.state is CUT and now > self._cut_ends_s:
            self.state = LISTENING
        return [event for event in codec.decode(raw) if self._advance(event, now)]

    def _advance(self, event: e.Event, now: float) -> bool:
        """Move the state; tell whether the event is of the present."""
        stale = self.state is CUT and isinstance(event, e.AudioChunk)
        following = TRANSITIONS[self.state].get(type(event))
        if following is None:
            surprise = f"{type(event).__name__} in {self.state.name}"
            if self._strict:
                raise RemoteProtocolError(f"the server sent {surprise}")
            self.surprises[surprise] += 1
            following = self.state
        if isinstance(event, e.Interrupted) and (self.state is not CUT or self._cut_ends_s == math.inf):
            self._cut_ends_s = now + CUT_LASTS_S
        self.state = following
        self._note(event)
        if stale and isinstance(event, e.AudioChunk):
            self.stale_bytes += len(event.pcm)
        return not stale

    def _note(self, event: e.Event) -> None:
        match event:
            case e.HandleIssued(handle) if handle is not None:
                self.handle = handle
            case e.ToolCall(id=call_id, name=name):
                behavior = self._behaviors.get(name) or self._family.default_behavior
                self.ledger.called(call_id, blocking=behavior == "BLOCKING")
            case e.ToolCallCancelled(ids):
                for call_id in ids:
                    self.ledger.cancelled(call_id)
            case e.InteractionChanged(status) if self._family.ends_on_idle:
                self.ledger.working(idle=status == "IDLE")
            case e.AudioChunk() | e.OutputTranscript() if self.state is not CUT:
                self.ledger.told()
            case e.TurnComplete():
                self.ledger.turn_completed()
            case _:
                pass

    def send(self, command: c.Command) -> None:
        """
        Queue a message; after this, drain `messages_to_send`.

        Raises:
            LocalProtocolError: not allowed now, or never on this connection.
        """
        self._refuse(command)
        match command:
            case c.Setup(functions=functions, detection=detection):
                self._setup_sent = True
                self._manual = detection.disabled
                self._behaviors = {f.name: f.behavior for f in functions if f.behavior is not None}
            case c.AnswerTools(answers):
                for answer in answers:
                    if not answer.will_continue:
                        self.ledger.answered(answer.id, silent=answer.scheduling == "SILENT")
            case _:
                pass
        self._outbox.append(codec.encode(command))

    def _refuse(self, command: c.Command) -> None:
        name = type(command).__name__
        match command:
            case c.Setup():
                if self._setup_sent:
                    raise LocalProtocolError("Setup goes out once: another one closes the connection with 1007")
            case _ if self.state is SETUP:
                raise LocalProtocolError(f"{name} before the setup is complete")
            case c.StartActivity() | c.EndActivity() if not self._manual:
                raise LocalProtocolError(f"{name} while the server detects activity itself")
            case c.EndAudioStream() if self._manual:
                raise LocalProtocolError(f"{name} while activity is told by hand")
            case c.SendAudio(pcm) if len(pcm) % 2:
                raise LocalProtocolError(f"{name} of {len(pcm)} bytes, which is no whole number of samples")
            case c.AnswerTools(answers) if not self._family.schedules and any(a.scheduling for a in answers):
                raise LocalProtocolError(f"{name} with scheduling, which the {self._family.name} family refuses")
            case _:
                pass

    def type_text(self, text: str, images: Sequence[tuple[bytes, str]] = ()) -> None:
        """
        Queue a typed turn, the way this family takes one. Raises as `send` does.

        Args:
            text: what was typed.
            images: (bytes, MIME type) that belong to it.
        """
        if not self._family.types_live or (images and self._family.shows_inline):
            self.send(c.SendContent((c.Content("user", text, tuple(images)),)))
            return
        said: list[c.Command] = [*(c.SendVideo(*image) for image in images), c.SendText(text)]
        if self._manual:  # live text counts as activity where the server detects that itself; else it has to be told
            said = [c.StartActivity(), *said, c.EndActivity()]
        for command in said:
            self.send(command)

    def stop_reply(self, *, tell: bool = True) -> bool:
        """
        Drop what is still to come of the running reply; return False where none is running.

        With `tell` the server is told, where the family has a word for it; after this, drain `messages_to_send`.
        """
        if self.state not in {REPLYING, DRAINING}:
            return False
        self.state = CUT
        self._cut_ends_s = math.inf
        if tell and self._family.stops:
            self.send(c.SendContent())
        return True

    def messages_to_send(self) -> list[str]:
        """Take what waits to be sent, each the payload of one text message, in order."""
        waiting, self._outbox = self._outbox, []
        return waiting
