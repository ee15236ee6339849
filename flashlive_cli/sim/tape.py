"""
A recording read as something that can be performed: what the client says, step by step, and what follows each step.

A recording is lines of JSON, `{"t": seconds, "c": {…}}` of the client and `{"t": …, "s": {…}}` of the server; a
`"session"` numbers the talks of a file that holds several, and `{"t": …, "close": {"by": "s", "code": …, "reason":
…}}` tells how a connection ended. A client's `setup` begins a connection, one with a handle the next of the same talk.

What matters of a client is what it says and in which order: typed text, marks of activity, answers of tools. Sound
is a step as one whole, however it was cut, and only where the server reacted to it; else it was a microphone that
nobody spoke into. Stills are none. The server's messages keep their distance from the step that they followed, and
to sound the amount of it that had been heard. Pure, but for `read_tape`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from flashlive_cli.errors import ConfigError, FileError, reason_of
from flashlive_cli.pcm import PcmFormat
from flashlive_cli.printable import printable
from flashlive_cli.sim import inbound
from flashlive_cli.sim.outbound import encode
from flashlive_cli.sim.schema import Refusal
from flashlive_cli.sim.setup import Setup, judge_setup

WIRE_FILE: Final = "wire.jsonl"
"""The recording in a recorded talk's folder."""
_VERSION: Final = "v1alpha"
"""Takes the most of all."""
_STAND_IN: Final = "models/gemini-3.8-live"
_REACTIONS: Final = ("inputTranscription", "interrupted")


@dataclass(frozen=True, slots=True)
class Begun:
    """The step before all others: the setup was accepted."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A run of sound that the server reacted to; `needed_s` of it, at least."""

    needed_s: float


Discrete = (
    inbound.Typed
    | inbound.ActivityStart
    | inbound.ActivityEnd
    | inbound.AudioStreamEnd
    | inbound.Content
    | inbound.Answers
    | inbound.ContextUpdate
)
Step = Begun | Heard | Discrete


@dataclass(frozen=True, slots=True)
class Cue:
    """
    One message of the server.

    Attributes:
        step: index of the step it followed.
        after_s: seconds since that step; since the first of the sound for `Heard`.
        heard_s: seconds of that sound that had come; 0 for all other steps.
        frame: what travels, where it is no JSON.
        message: what travels, where it is.
    """

    step: int
    after_s: float
    heard_s: float
    message: Mapping[str, Any]
    frame: bytes | None = None

    def encoded(self) -> bytes:
        """What travels in the frame."""
        return encode(self.message) if self.frame is None else self.frame


@dataclass(frozen=True, slots=True)
class End:
    """The server closed the connection; step and time as in a `Cue`."""

    step: int
    after_s: float
    heard_s: float
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Scene:
    """
    One connection.

    Attributes:
        model: that the client asked for.
        setup: the client's.
        steps: what the client said; the first is `Begun`.
        cues: what the server sent, in order.
        end: how the server closed; None where the client did.
    """

    model: str
    setup: Setup
    steps: tuple[Step, ...]
    cues: tuple[Cue, ...]
    end: End | None


@dataclass(frozen=True, slots=True)
class Tape:
    """Recorded talks, each the connections of one session."""

    talks: tuple[tuple[Scene, ...], ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """One record, and where it stands."""

    where: str
    t: float
    by: str  # c, s, close
    what: Any
    session: int


def read_tape(path: Path) -> Tape:
    """
    Read a recording: a file, a recorded talk's folder, or a folder of `*.jsonl`, each with talks of its own.

    Raises:
        FileError: it cannot be read, or a line is no record.
        ConfigError: there is no conversation in it.
    """
    talks: list[tuple[Scene, ...]] = []
    for file in _files(path):
        lines = sorted(_lines(file), key=lambda line: line.session)  # stable: the order within a session stays
        for session in dict.fromkeys(line.session for line in lines):
            talks += _talks([line for line in lines if line.session == session])
    if not talks:
        raise ConfigError(f"{printable(str(path))}: no client's setup is in there, so there is nothing to replay")
    return Tape(tuple(talks))


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    found = [path / WIRE_FILE] if (path / WIRE_FILE).is_file() else sorted(path.glob("*.jsonl"))
    if not found:
        raise FileError(f"{printable(str(path))}: neither {WIRE_FILE} nor another *.jsonl is in this folder")
    return found


def _lines(path: Path) -> Iterator[_Line]:
    try:
        rows = path.read_bytes().split(b"\n")
    except OSError as exc:
        raise FileError(f"{printable(str(path))}: {reason_of(exc)}") from exc
    for number, row in enumerate(rows, 1):
        where = f"{printable(str(path))}:{number}"
        if not row.strip():
            continue
        try:
            record = json.loads(row)
        except (ValueError, RecursionError) as exc:
            if number == len(rows):  # torn off when its writer was killed
                return
            raise FileError(f"{where}: not JSON") from exc
        t = record.get("t") if isinstance(record, dict) else None
        if not isinstance(t, int | float) or isinstance(t, bool):
            raise FileError(f'{where}: not a recorded message: it needs a "t" in seconds')
        session = record.get("session", 0)
        for by in ("c", "s", "close"):
            if by in record:
                yield _Line(where, float(t), by, record[by], session if isinstance(session, int) else 0)


def _talks(lines: Sequence[_Line]) -> list[tuple[Scene, ...]]:
    """The talks of one session's lines; a setup without a handle begins a new one."""
    connections: list[list[_Line]] = []
    for line in lines:
        if line.by == "c" and isinstance(line.what, dict) and "setup" in line.what:
            connections.append([])
        if connections:
            connections[-1].append(line)
    talks: list[list[Scene]] = []
    for connection in connections:
        scene = _read_scene(connection)
        if not talks or not scene.setup.handle:
            talks.append([])
        talks[-1].append(scene)
    return [tuple(talk) for talk in talks]


def _read_scene(lines: Sequence[_Line]) -> Scene:
    first, *rest = lines
    try:
        said = inbound.read_first(_bytes(first.what), version=_VERSION)
        setup = lenient_setup(said, _VERSION)
    except Refusal as refusal:
        raise FileError(f"{first.where}: {printable(refusal.reason)}") from refusal
    reader = _SceneReader(said.get("model", ""), setup, first.t)
    for line in rest:
        reader.read(line)
    return reader.scene()


def lenient_setup(said: Mapping[str, Any], version: str) -> Setup:
    """
    Judge a setup; one that no family here takes counts by what decides how later messages are read.

    Raises:
        Refusal: not even that can be read.
    """
    try:
        return judge_setup(said, version=version)
    except Refusal:
        kept = ("realtimeInputConfig", "sessionResumption", "historyConfig", "systemInstruction")
        return judge_setup({"model": _STAND_IN} | {key: said[key] for key in kept if key in said}, version=version)


def _bytes(what: object) -> bytes:
    if isinstance(what, str):  # a message that was no JSON is kept as text
        return what.encode("utf-8", "replace")
    return json.dumps(what).encode()


@dataclass(slots=True)
class _SceneReader:
    """Lines of one connection, read in order. A run of sound becomes a step when the server reacts to it."""

    model: str
    setup: Setup
    step_t: float  # when the last step was taken
    steps: list[Step] = field(default_factory=lambda: [Begun()])
    cues: list[Cue] = field(default_factory=list)
    end: End | None = None
    run_t: float | None = None  # when the sound since the last step began
    run_s: float = 0.0
    asked: bool = False  # a reply may come without any sound

    def read(self, line: _Line) -> None:
        if line.by == "c":
            self._read_client(line)
        elif line.by == "s":
            self._read_server(line)
        elif isinstance(line.what, dict) and line.what.get("by") == "s":
            code, reason = line.what.get("code"), line.what.get("reason", "")
            if isinstance(code, int) and isinstance(reason, str):
                self.end = End(*self._place(line.t), code, reason)

    def scene(self) -> Scene:
        return Scene(self.model, self.setup, tuple(self.steps), tuple(self.cues), self.end)

    def _read_client(self, line: _Line) -> None:
        try:
            heard = inbound.read_later(_bytes(line.what), self.setup)
        except Refusal:
            return  # whoever says it again is refused again
        for said in heard:
            match said:
                case inbound.Audio():
                    if self.run_t is None:
                        self.run_t, self.run_s = line.t, 0.0
                    self.run_s += seconds_of(said)
                case inbound.Still():
                    pass
                case _:
                    self.steps.append(said)
                    self.step_t, self.run_t = line.t, None
                    self.asked = asks(said) or self.asked

    def _read_server(self, line: _Line) -> None:
        message: Mapping[str, Any] = line.what if isinstance(line.what, dict) else {}
        content = message.get("serverContent")
        content = content if isinstance(content, dict) else {}
        if self.run_t is not None and not isinstance(self.steps[-1], Heard) and self._reacts(message, content):
            self.steps.append(Heard(0.0))
            self.step_t = self.run_t
        if content.get("turnComplete"):
            self.asked = False
        frame = None if isinstance(line.what, dict) else _bytes(line.what)
        step, after_s, heard_s = self._place(line.t)
        if heard_s:
            self.steps[-1] = Heard(heard_s)
        self.cues.append(Cue(step, after_s, heard_s, message, frame))

    def _reacts(self, message: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
        if "voiceActivity" in message or any(name in content for name in _REACTIONS):
            return True
        return not self.asked and ("modelTurn" in content or "toolCall" in message)

    def _place(self, t: float) -> tuple[int, float, float]:
        heard_s = self.run_s if isinstance(self.steps[-1], Heard) else 0.0
        return len(self.steps) - 1, max(0.0, t - self.step_t), heard_s


def asks(said: Discrete) -> bool:
    """It can be what a reply answers."""
    match said:
        case inbound.Content():
            return said.turn_complete
        case inbound.ActivityStart() | inbound.ContextUpdate():
            return False
        case _:
            return True


def seconds_of(audio: inbound.Audio) -> float:
    """How long a message sounds."""
    return PcmFormat(audio.rate_hz).seconds_in(len(audio.pcm))


def ids_of(answers: inbound.Answers) -> Iterable[tuple[str, bool]]:
    """What each answer is to, and whether more is to come."""
    return [(answer.call_id, answer.will_continue) for answer in answers.answers]
