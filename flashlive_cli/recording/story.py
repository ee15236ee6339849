"""
The story of a talk, told by its records: who said what when, what tools did, what went wrong. Pure.

A record is the object of an NDJSON line (see `reports.record`). The same code reads them while the talk goes on and
from a file years later, so what it does not know, or what has another type than it should, is passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from flashlive_cli.reports import Stamped, record

EVENT_BYTES: Final = 1000
"""What a record takes while it waits to be written, roughly."""

Record: TypeAlias = Mapping[str, object]
Role = Literal["user", "model"]
Outcome = Literal["ok", "failed", "cancelled", "repeated", "unanswered"]
Ending = Literal["closed", "failed", "cut"]


def snapshot(stamped: Stamped) -> dict[str, object]:
    """Return a report's record, with a copy of what tools are given and answer: it may change after this."""
    return {name: _copied(value) for name, value in record(stamped).items()}


@dataclass(frozen=True, slots=True)
class Said:
    """
    An utterance of the user, or a reply.

    Attributes:
        role: who spoke.
        turn: the server's turn, from 1.
        text: all words.
        heard: of a reply, the beginning that was played.
        begins_s: when it began to sound, in seconds since the talk's start.
        ends_s: when it ended, or was cut.
        finished: nothing was to come any more; False where the record ends in the middle of it.
    """

    role: Role
    turn: int
    text: str
    heard: str
    begins_s: float
    ends_s: float
    finished: bool = True

    @property
    def unheard(self) -> str:
        """The words that nobody heard."""
        return self.text.removeprefix(self.heard).strip() if self.heard != self.text else ""


@dataclass(frozen=True, slots=True)
class Called:
    """
    A tool call.

    Attributes:
        turn: the server's turn, from 1.
        id: of the call.
        name: of the tool.
        args: as the model sent them.
        begins_s: when the model called.
        outcome: what became of it; `repeated` was not run again.
        response: what the model was answered; None where it was not.
        duration_ms: until then.
    """

    turn: int
    id: str
    name: str
    args: Mapping[str, object]
    begins_s: float
    outcome: Outcome
    response: Mapping[str, object] | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something about the talk, when it was told, and whether that was an `error`, a `warning` or a mere `note`."""

    turn: int
    begins_s: float
    kind: Literal["error", "warning", "note"]
    message: str


Entry = Said | Called | Noted


@dataclass(slots=True)
class _Utterance:
    words: str = ""
    begins_s: float | None = None
    ends_s: float | None = None


@dataclass(slots=True)
class _Reply:
    turn: int
    begins_s: float
    words: str = ""
    final: str | None = None
    heard: str | None = None
    sounded: bool = False
    sound_s: float | None = None  # how much of it was played
    complete: bool = False


@dataclass(slots=True)
class Story:
    """
    Takes records one by one, and returns what is complete with each.

    Attributes:
        model: its id.
        voice: None for the service's choice.
        simulated: it was the simulator.
        duration_s: of the talk so far.
        n_turns: that the server ended.
        barge_ins: replies that were cut.
        tool_calls: that the model made.
        cost_usd: None where nobody knows.
        total_tokens: of all responses; a response's history counts each time, as it is paid.
        ending: `closed` in order, `failed` with an error, or `cut`: the record just ends.
        latencies: by turn, the stages of its answer's latency in milliseconds.
    """

    model: str | None = None
    voice: str | None = None
    simulated: bool = False
    duration_s: float = 0.0
    n_turns: int = 0
    barge_ins: int = 0
    tool_calls: int = 0
    cost_usd: float | None = None
    total_tokens: int = 0
    ending: Ending = "cut"
    latencies: dict[int, dict[str, float]] = field(default_factory=dict)
    _user: _Utterance = field(default_factory=_Utterance)
    _reply: _Reply | None = None
    _calls: dict[str, Called] = field(default_factory=dict)

    def take(self, record: Record) -> list[Entry]:
        """Take the next record; return what it completes, in order."""
        t, turn = _number(record, "t"), int(_number(record, "turn", 1))
        self.duration_s = max(self.duration_s, t)
        return list(self._tell(record, t, turn))

    def rest(self) -> list[Entry]:
        """Return what was not complete when the records ended."""
        entries: list[Entry] = list(self._end_reply())
        user, self._user = self._user, _Utterance()
        if text := user.words.strip():
            begins_s = self.duration_s if user.begins_s is None else user.begins_s
            ends_s = max(begins_s, self.duration_s)
            entries.append(Said("user", self.n_turns + 1, text, text, begins_s, ends_s, finished=False))
        entries += self._calls.values()
        self._calls.clear()
        return entries

    def _tell(self, record: Record, t: float, turn: int) -> Iterator[Entry]:
        match record.get("type"):
            case "transcript":
                yield from self._transcript(record, t, turn)
            case "speech.started" | "speech.ended":
                self._speech(record, t)
            case "reply.started":
                yield from self._begin_reply(t, turn)
            case "reply.first_sample":
                yield from self._sounded(t)
            case "reply.flushed":
                self._flushed(record)
            case "reply.complete":
                yield from self._complete(record, t, turn)
            case "tool.called":
                yield from self._called(record, t, turn)
            case "tool.finished" | "tool.cancelled":
                yield self._answered(record, t, turn)
            case "warning":
                yield Noted(turn, t, "warning", _text(record, "message"))
            case "error":
                self.ending = "failed"
                yield Noted(turn, t, "error", _text(record, "message"))
            case "session.resumed" if record.get("resumed") is False:
                yield Noted(turn, t, "note", "a fresh session: the model has forgotten what was said")
            case _:
                self._learn(record, t, turn)

    def _learn(self, record: Record, t: float, turn: int) -> None:
        """Take what is about the talk, and no part of it."""
        match record.get("type"):
            case "session.ready":
                self.model = _text(record, "model") or None
                self.voice = _text(record, "voice") or None
                self.simulated = record.get("simulated") is True
            case "session.closed":
                self.duration_s = _number(record, "duration_s", t)
                self.n_turns = int(_number(record, "turns", self.n_turns))
                self.ending = "closed" if self.ending == "cut" else self.ending
            case "summary":
                self.cost_usd = _maybe(record, "cost_usd", self.cost_usd)
                self.barge_ins = int(_number(record, "barge_ins", self.barge_ins))
                self.tool_calls = int(_number(record, "tool_calls", self.tool_calls))
            case "usage":
                self.cost_usd = _maybe(record, "total_cost_usd", self.cost_usd)
                self.total_tokens += int(_number(record, "total_tokens"))
            case "latency" if record.get("kind") == "turn":
                stages = {name: _maybe(record, name, None) for name in record if name.endswith("_ms")}
                self.latencies[turn] = {name: ms for name, ms in stages.items() if ms is not None}
            case _:
                pass  # a type of a newer version, or one that tells nothing of the story

    def _speech(self, record: Record, t: float) -> None:
        user = self._user
        if record.get("type") == "speech.ended":
            user.ends_s = t
        elif user.begins_s is None or (user.ends_s is not None and not user.words):
            user.begins_s, user.ends_s = t, None  # what was heard before were no words

    def _transcript(self, record: Record, t: float, turn: int) -> Iterator[Entry]:
        text, final = _text(record, "text"), record.get("final") is True
        if record.get("role") == "user":
            if final:
                user, self._user = self._user, _Utterance()
                begins_s = t if user.begins_s is None else user.begins_s
                ends_s = t if user.ends_s is None else user.ends_s
                yield Said("user", turn, text, text, begins_s, max(begins_s, ends_s))
            else:
                self._user.words += text
                self._user.begins_s = t if self._user.begins_s is None else self._user.begins_s
        elif record.get("role") == "model":
            if self._reply is None or (self._reply.complete and not final):
                yield from self._begin_reply(t, turn)
            assert self._reply is not None
            if final:
                heard = record.get("heard")
                self._reply.final = text
                self._reply.heard = heard if isinstance(heard, str) else text
            else:
                self._reply.words += text

    def _begin_reply(self, t: float, turn: int) -> Iterator[Entry]:
        yield from self._end_reply()
        self._reply = _Reply(turn, t)

    def _sounded(self, t: float) -> Iterator[Entry]:
        if self._reply and not self._reply.sounded:
            self._reply.sounded, self._reply.begins_s = True, t
            if self._reply.complete:
                yield from self._end_reply()

    def _flushed(self, record: Record) -> None:
        self.barge_ins += 1
        if self._reply:
            self._reply.sound_s = _number(record, "heard_ms") / 1000

    def _complete(self, record: Record, t: float, turn: int) -> Iterator[Entry]:
        self.n_turns = max(self.n_turns, turn)
        reply = self._reply
        if reply:
            audio_s = _number(record, "audio_ms") / 1000
            interrupted = record.get("interrupted") is True
            reply.complete = True
            reply.sound_s = audio_s if reply.sound_s is None else reply.sound_s
            # generated faster than it is spoken, a reply may be complete before it sounds
            if reply.sounded or interrupted or not audio_s:
                yield from self._end_reply()
        if reason := _text(record, "reason"):
            yield Noted(turn, t, "warning", f"the reply ended early: {reason}")

    def _end_reply(self) -> Iterator[Entry]:
        reply, self._reply = self._reply, None
        if reply is None:
            return
        text = (reply.words if reply.final is None else reply.final).strip()
        if text:
            heard = text if reply.heard is None else reply.heard.strip()
            ends_s = self.duration_s if reply.sound_s is None else reply.begins_s + reply.sound_s
            yield Said(
                *("model", reply.turn, text, heard, reply.begins_s, max(reply.begins_s, ends_s)),
                finished=reply.final is not None,
            )

    def _called(self, record: Record, t: float, turn: int) -> Iterator[Entry]:
        self.tool_calls += 1
        name, call_id = _text(record, "name"), _text(record, "id")
        call = Called(turn, call_id, name, _object(record, "args"), t, "unanswered")
        if _text(record, "duplicate_of"):
            yield replace(call, outcome="repeated")
        else:
            self._calls[call_id] = call

    def _answered(self, record: Record, t: float, turn: int) -> Called:
        call_id = _text(record, "id")
        call = self._calls.pop(call_id, None) or Called(turn, call_id, _text(record, "name"), {}, t, "unanswered")
        if record.get("type") == "tool.cancelled":
            return replace(call, outcome="cancelled")
        outcome: Outcome = "ok" if record.get("ok") is True else "failed"
        return replace(
            call,
            outcome=outcome,
            response=_object(record, "response"),
            duration_ms=_number(record, "duration_ms"),
        )


def _copied(value: object) -> object:
    match value:
        case Mapping():
            return {name: _copied(item) for name, item in value.items()}
        case list() | tuple():
            return [_copied(item) for item in value]
        case _:
            return value


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _maybe(record: Record, name: str, default: float | None) -> float | None:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    # a year in milliseconds is less, and what is more, or no number, breaks arithmetic
    return float(value) if abs(value) < 1e12 else default


def _number(record: Record, name: str, default: float = 0.0) -> float:
    value = _maybe(record, name, default)
    return default if value is None else value


def _object(record: Record, name: str) -> Mapping[str, object]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}
