"""
What happened in each turn of a run: reports and sound, put where they belong. Pure but for what it collects.

A turn of the scenario reaches from its own beginning to the next one's. What either side says is put to the turn in
which it began, also where its words, its end and its cost are told later; a reply that the user's words cut before
they were over is an answer to the turn before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flashlive_cli.pcm import WIRE_IN, WIRE_OUT
from flashlive_cli.reports import (
    BargeInLatency,
    ReplyComplete,
    ReplyFirstSample,
    ReplyFlushed,
    ReplyStarted,
    SessionMoving,
    SessionReady,
    SessionResumed,
    SpeechEnded,
    SpeechStarted,
    Stamped,
    ToolCalled,
    ToolCancelled,
    ToolFinished,
    Transcript,
    TurnLatency,
    UsageReported,
    Warned,
)
from flashlive_cli.scenario.listening import Piece, Sound, Track

Moment = (
    SpeechStarted | SpeechEnded | ReplyFlushed | TurnLatency | BargeInLatency | SessionMoving | SessionResumed | Warned
)
"""What is worth a mark of its own in a picture of the run."""


_EARLY_S: Final = 0.2
"""So much before the report of a reply its sound may begin: reports wait for the event loop, `speed` times as long."""


@dataclass(slots=True)
class Replied:
    """
    One reply of the model. Times are clock seconds.

    Attributes:
        started_s: its first sound or word arrived.
        text: all words.
        heard: those that were really played.
        sounded_s: about when its first sample was played.
        interrupted: the user cut in.
        ended_s: the service closed it, or it was cut; None while it runs.
    """

    started_s: float
    text: str = ""
    heard: str = ""
    sounded_s: float | None = None
    interrupted: bool = False
    ended_s: float | None = None


@dataclass(slots=True)
class Called:
    """
    One call of a tool.

    Attributes:
        at_s: it was made.
        ok: it was answered with a result; None where it was not answered.
        response: what it was answered with.
        finished_s: when.
        cancelled: the service took it back.
        repeats: it is the same as one before, and was not run again.
    """

    id: str
    name: str
    args: Mapping[str, object]
    at_s: float
    ok: bool | None = None
    response: Mapping[str, object] | None = None
    finished_s: float | None = None
    cancelled: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """
    An image that the model was shown.

    Attributes:
        turn: that it belongs to, from 1.
        at_s: it was sent.
        name: of the file.
        jpeg: of some 160 pixels, for people.
    """

    turn: int
    at_s: float
    name: str
    jpeg: bytes


@dataclass(slots=True)
class TurnCourse:
    """
    One turn. Times are clock seconds; None is for what did not happen.

    Attributes:
        begun_s: it was its turn.
        heard: what the service understood, or was typed.
        typed_s: when.
        replies: that began in it.
        calls: that were made in it.
        interrupted_s: the service said that the user had cut in.
        cost_usd: of it; None where the price is not known.
        asked_from_s: first sound of the user.
        asked_until_s: last sound of the user; of a typed turn when it was typed.
        silenced_s: last sound of the reply that was cut.
        answered_from_s: first sound of the answer.
        answered_until_s: last sound of the answer, where nobody cut it.
    """

    begun_s: float
    heard: str = ""
    typed_s: float | None = None
    replies: list[Replied] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    interrupted_s: float | None = None
    cost_usd: float | None = None
    asked_from_s: float | None = None
    asked_until_s: float | None = None
    silenced_s: float | None = None
    answered_from_s: float | None = None
    answered_until_s: float | None = None

    @property
    def reply(self) -> str:
        """All that was answered."""
        return " ".join(reply.text for reply in self.replies if reply.text)

    @property
    def answered(self) -> bool:
        """Whether anything was answered: words, or sound."""
        return bool(self.reply) or self.answered_from_s is not None


def sounds_of(sounds: Sequence[Sound], began_s: float, until_s: float) -> list[Sound]:
    """Return those of the replies that were told of between two times."""
    return [sound for sound in sounds if began_s - _EARLY_S <= sound.start_s < until_s - _EARLY_S]


class Course:
    """
    Collects what happens in a run; belongs to its event loop's thread.

    Attributes:
        turns: as far as they have begun.
        user: what was sent of the user's sound.
        model: what was played.
        shown: images, in order.
        warnings: in order.
        moves: how often the talk went on over another connection.
        ready_s: the service had accepted.
        cost_usd: of all; None where the price is not known.
        moments: with their times, in order.
    """

    def __init__(self) -> None:
        self.turns: list[TurnCourse] = []
        self.user = Track(WIRE_IN)
        self.model = Track(WIRE_OUT)
        self.shown: list[Shown] = []
        self.warnings: list[str] = []
        self.moves = 0
        self.ready_s: float | None = None
        self.cost_usd: float | None = None
        self.moments: list[tuple[float, Moment]] = []
        self._reply: Replied | None = None  # that is under way
        self._latest: Replied | None = None
        self._replying: TurnCourse | None = None  # the turn in which that began
        self._hearing: tuple[TurnCourse, str] | None = None  # the turn in which the user was first heard, and the words
        self._calls: dict[str, Called] = {}
        self._begun_at: list[int] = []  # by turn, the first of the user's pieces that is its own: not by time, as a
        # reader that is late gets several at once, each of which seems to end when it is read

    def begin(self, now: float) -> TurnCourse:
        """Begin the next turn."""
        self.turns.append(TurnCourse(now))
        self._begun_at.append(len(self.user.pieces))
        return self.turns[-1]

    def listen(self, stamped: Stamped) -> None:
        """Take a report; see `reports.Listener`."""
        t = stamped.t
        if isinstance(stamped.report, Moment):
            self.moments.append((t, stamped.report))
        match stamped.report:
            case SessionReady():
                self.ready_s = t
            case SessionResumed():
                self.moves += 1
            case Warned(message):
                self.warnings.append(message)
            case UsageReported(cost_usd=cost, total_cost_usd=total):
                self.cost_usd = total
                if self.turns and cost is not None:
                    turn = self._replying or self.turns[-1]
                    turn.cost_usd = (turn.cost_usd or 0.0) + cost
            case _:
                if self.turns:
                    self._note(stamped, self.turns[-1])

    def _note(self, stamped: Stamped, turn: TurnCourse) -> None:
        t = stamped.t
        match stamped.report:
            case Transcript("user", text, final=False):
                first, words = self._hearing or (turn, "")
                self._hearing = first, words + text
            case Transcript("user", text, final=True):
                if self._hearing is not None and self._hearing[1].strip() == text:
                    (turn, _), self._hearing = self._hearing, None
                turn.heard = f"{turn.heard} {text}".strip()
                turn.typed_s = t if turn.typed_s is None else turn.typed_s
            case ReplyStarted():
                self._latest = self._reply = Replied(t)
                self._replying = turn
                turn.replies.append(self._reply)
            case ReplyFirstSample() if self._latest is not None:  # it may have come to its end by then
                self._latest.sounded_s = t
            case Transcript("model", text, final=True, heard=heard) if self._reply is not None:
                self._reply.text, self._reply.heard = text, text if heard is None else heard
            case ReplyFlushed(by="speech"):
                turn.interrupted_s = t if turn.interrupted_s is None else turn.interrupted_s
            case ReplyComplete(interrupted=interrupted) if self._reply is not None:
                self._reply.interrupted, self._reply.ended_s = interrupted, t
                self._reply = self._replying = None
            case ToolCalled(id=call_id, name=name, args=args, duplicate_of=duplicate):
                call = self._calls[call_id] = Called(call_id, name, args, t, repeats=duplicate is not None)
                turn.calls.append(call)
            case ToolFinished(id=call_id, ok=ok, response=response) if call_id in self._calls:
                call = self._calls[call_id]
                call.ok, call.response, call.finished_s = ok, response, t
            case ToolCancelled(id=call_id) if call_id in self._calls:
                self._calls[call_id].cancelled = True
            case _:
                pass

    def spoke(self, pcm: bytes, now: float) -> None:
        """Hear what was sent of the microphone; see `givens.Witness`."""
        self.user.pieces.append(Piece(now - WIRE_IN.seconds_in(len(pcm)), pcm))

    def played(self, pcm: bytes, at: float) -> None:
        """Hear what was really played; see `audio.mouth`."""
        self.model.pieces.append(Piece(at, pcm))

    def finish(self) -> None:
        """Measure, when all is over."""
        ends = [*self._begun_at[1:], None]
        for turn, begin, end in zip(self.turns, self._begun_at, ends, strict=False):
            said = Track(WIRE_IN, self.user.pieces[begin:end])
            turn.asked_from_s = said.first_audible_s()
            turn.asked_until_s = said.last_audible_s()
            if turn.asked_until_s is None:
                turn.asked_from_s = turn.asked_until_s = turn.typed_s
        for before, turn in zip(self.turns, self.turns[1:], strict=False):
            self._give_back(before, turn)
        replies = [reply for turn in self.turns for reply in turn.replies]
        sounds = list(self.model.sounds(reply.sounded_s for reply in replies if reply.sounded_s is not None))
        for turn in self.turns:
            if turn.interrupted_s is not None:
                cut = [sound for sound in sounds if sound.start_s <= turn.interrupted_s]
                turn.silenced_s = cut[-1].end_s if cut else None
            if turn.replies:
                began_s, ended_s = turn.replies[0].started_s, turn.replies[-1].ended_s
                later = (reply.started_s for reply in replies if reply.started_s > turn.replies[-1].started_s)
                until_s = min(later, default=float("inf"))
                answer = sounds_of(sounds, began_s, until_s)
                turn.answered_from_s = answer[0].start_s if answer else None
                whole = not turn.replies[-1].interrupted and ended_s is not None
                turn.answered_until_s = answer[-1].end_s if answer and whole else None

    def _give_back(self, before: TurnCourse, turn: TurnCourse) -> None:
        """Put replies that this turn's words cut before they were over to the turn before."""
        while turn.replies:
            reply = turn.replies[0]
            over_s = turn.asked_until_s
            if not reply.interrupted or over_s is None or reply.started_s >= over_s:
                return
            before.replies.append(turn.replies.pop(0))
