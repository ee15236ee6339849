"""
A recorded talk taken apart into turns, as a scenario has them: what the user said, and what came of it.

Events tell which words there were, and the sound where they were said. A transcript belongs to the phrases that began
before its last piece came; one without a phrase of its own is the rest of the one before. Phrases that nobody
answered in between are one turn. What came of a turn is collected and measured as in a run: see `course`.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from flashlive_cli import reports as r
from flashlive_cli.audio.rates import Resampler
from flashlive_cli.audio.wavread import find_sound, open_source
from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.pcm import FULL_SCALE, WIRE_IN, WIRE_OUT
from flashlive_cli.printable import printable
from flashlive_cli.recording.folder import EVENTS, SOUND, WIRE, is_session, read_lines
from flashlive_cli.scenario.course import Course, TurnCourse
from flashlive_cli.scenario.listening import AUDIBLE, Piece, Sound
from flashlive_cli.sim.hearing import Ears, Sensitivity, SpeechStarted

LEAD_S: Final = 0.2
TAIL_S: Final = 0.3
"""Of a clip before its first and after its last sound: soft edges of words, and room for a voice detector."""

_PHRASE_GAP_MS: Final = 400
"""Silence that ends a phrase."""
_SAME_TURN_S: Final = 2.0
"""Of silence, after which what is said is another turn in any case: no voice detector of the service waits longer."""
_BLOCK_FRAMES: Final = WIRE_OUT.frames_of_ms(100)
_SECONDS_AT_ONCE: Final = 10

_OF_A_TURN: Final[tuple[type[Any], ...]] = (
    *(r.SessionReady, r.SessionResumed, r.Warned, r.UsageReported, r.Transcript, r.ReplyStarted),
    *(r.ReplyFlushed, r.ReplyComplete, r.ToolCalled, r.ToolFinished, r.ToolCancelled),
)
_KINDS: Final[Mapping[str, type[Any]]] = {kind.type: kind for kind in _OF_A_TURN}
"""Of reports that say what came of a turn, by the type in their lines."""


@dataclass(slots=True)
class RecordedTurn:
    """
    One turn of the user. Times are seconds since the talk's start.

    Attributes:
        typed: the line; None for a turn that was spoken.
        heard: what the service understood of a spoken one.
        phrases: where its sound is; empty where there is none.
        begun_s: it was typed, or its clip begins.
        course: what came of it.
    """

    typed: str | None
    heard: str
    phrases: list[Sound]
    begun_s: float
    course: TurnCourse = field(default_factory=lambda: TurnCourse(0.0))

    @property
    def answered(self) -> bool:
        """Whether the model said or did anything."""
        return self.course.answered or bool(self.course.calls)


@dataclass(frozen=True, slots=True)
class Recording:
    """
    A talk.

    Attributes:
        turns: of the user, in order.
        events: types and times of all reports.
        setup: what the service was asked for; empty where the wire was not kept.
        duration_s: of the talk.
        user: what was sent of the user's sound, from the talk's start: 16 kHz mono s16le.
        n_wordless: phrases that the service understood nothing of.
    """

    turns: tuple[RecordedTurn, ...]
    events: tuple[tuple[str, float], ...]
    setup: Mapping[str, Any]
    duration_s: float
    user: bytes
    n_wordless: int

    def clip(self, turn: RecordedTurn, longest_pause_s: float, pause_s: float) -> tuple[bytes, float]:
        """
        Cut a turn's sound out, 16 kHz mono s16le.

        Args:
            turn: that was spoken.
            longest_pause_s: within it; a longer one is
            pause_s: long.

        Returns:
            The sound, and the longest pause that there was.
        """
        pieces: list[bytes] = []
        longest_s = 0.0
        for before, phrase in zip([None, *turn.phrases], turn.phrases, strict=False):
            begin_s = turn.begun_s if before is None else before.end_s
            gap_s = phrase.start_s - begin_s
            if before is not None:
                longest_s = max(longest_s, gap_s)
                if gap_s > longest_pause_s:
                    pieces.append(self._cut(begin_s, begin_s + pause_s / 2))
                    begin_s = phrase.start_s - pause_s / 2
            pieces.append(self._cut(begin_s, phrase.end_s))
        end_s = turn.phrases[-1].end_s
        tail = self._cut(end_s, end_s + TAIL_S)
        return b"".join(pieces) + tail, longest_s

    def _cut(self, start_s: float, end_s: float) -> bytes:
        begin, end = (WIRE_IN.bytes_of(round(max(0.0, at_s) * WIRE_IN.rate_hz)) for at_s in (start_s, end_s))
        return self.user[begin:end]


def read_recording(folder: Path) -> Recording:
    """
    Read a talk from the folder of `talk --record`, or of a run's evidence.

    Takes some seconds for an hour.

    Raises:
        FileError: there is none, or it cannot be read.
    """
    if not is_session(folder):
        raise FileError(printable(f"{folder}: there is no recording here"))
    try:
        lines = list(read_lines(folder / EVENTS))
        setup = _setup(folder / WIRE)
    except OSError as exc:
        raise FileError(printable(f"{folder}: cannot be read: {reason_of(exc)}")) from exc
    stamped = [report for line in lines if (report := _report(line)) is not None]
    course = Course()
    user, phrases = _listen(folder / SOUND, course)
    turns, n_wordless = _turns(stamped, phrases)
    _follow(stamped, turns, course, user)
    events = tuple((str(line.get("type")), float(t)) for line in lines if isinstance(t := line.get("t"), int | float))
    return Recording(
        turns=tuple(turns),
        events=events,
        setup=setup,
        duration_s=max((t for _, t in events), default=0.0),
        user=user,
        n_wordless=n_wordless,
    )


def _report(line: Mapping[str, object]) -> r.Stamped | None:
    """Return the report that a line is the record of; None for one that says nothing of a turn, or is damaged."""
    kind = _KINDS.get(str(line.get("type")))
    t = line.get("t")
    if kind is None or not isinstance(t, int | float):
        return None
    try:
        return r.Stamped(float(t), 1, msgspec.convert(line, kind))
    except msgspec.ValidationError:
        return None


def _setup(wire: Path) -> Mapping[str, Any]:
    """Return the first setup that the client sent."""
    if not wire.is_file():
        return {}
    for line in read_lines(wire):
        match line.get("c"):
            case {"setup": dict(setup)}:
                return setup
            case _:
                pass
    return {}


def _listen(path: Path, course: Course) -> tuple[bytes, list[Sound]]:
    """Return the user's sound and its phrases; give the model's to the course. Nothing where there is no file."""
    if not path.is_file():
        return b"", []
    source = open_source(path, None)
    try:
        sound, n_bytes = find_sound(source)
        if (sound.rate_hz, sound.channels, sound.sample_bytes) != (WIRE_OUT.rate_hz, 2, 2) or sound.is_float:
            raise FileError(f"{source.name}: is not the sound of a recording: 24 kHz stereo of 16 bits")
        left = source.remaining() if n_bytes is None else min(n_bytes, source.remaining())
        user = bytearray()
        resample, ears = Resampler(WIRE_OUT.rate_hz, WIRE_IN.rate_hz), Ears(Sensitivity(silence_ms=_PHRASE_GAP_MS))
        phrases = _Phrases()
        frame = 0
        while left >= sound.frame_bytes:
            block = source.exactly(min(left, sound.rate_hz * sound.frame_bytes * _SECONDS_AT_ONCE))
            samples = np.frombuffer(block, "<i2", len(block) // sound.frame_bytes * 2).reshape(-1, 2)
            if not samples.size:
                break
            left -= len(block)
            course.model.pieces += _audible(samples[:, 1], frame)
            converted = resample(samples[:, 0].astype(np.float32) / np.float32(FULL_SCALE))
            pcm = _pcm(converted)
            user += pcm
            phrases.take(ears.feed(pcm))
            frame += len(samples)
        user += _pcm(resample.finish())
        phrases.take(ears.end_stream())
        return bytes(user), phrases.found
    finally:
        source.close()


def _pcm(samples: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    whole: np.ndarray[Any, np.dtype[np.int16]] = np.clip(np.rint(samples * FULL_SCALE), -32768, 32767).astype("<i2")
    return whole.tobytes()


def _audible(samples: np.ndarray[Any, np.dtype[np.int16]], frame: int) -> Iterator[Piece]:
    """Yield the blocks in which there is anything to be heard: silence takes no room."""
    for begin in range(0, len(samples), _BLOCK_FRAMES):
        block = samples[begin : begin + _BLOCK_FRAMES]
        if np.abs(block.astype(np.int32)).max() >= AUDIBLE * FULL_SCALE:
            yield Piece((frame + begin) / WIRE_OUT.rate_hz, block.astype("<i2").tobytes())


class _Phrases:
    """
    What the voice detector found.

    Attributes:
        found: in order.
    """

    def __init__(self) -> None:
        self.found: list[Sound] = []
        self._start_s = 0.0

    def take(self, heard: Iterable[object]) -> None:
        """Take its events."""
        for event in heard:
            if isinstance(event, SpeechStarted):
                self._start_s = event.offset_s
            else:
                speech_s: float = getattr(event, "speech_s", 0.0)
                self.found.append(Sound(self._start_s, self._start_s + speech_s))


@dataclass(frozen=True, slots=True)
class _Words:
    """What the user typed, or the service understood, and when the last of it was told."""

    text: str
    at_s: float
    typed: bool


def _words(stamped: Iterable[r.Stamped]) -> Iterator[_Words]:
    """Yield what the user said: words that were spoken come in pieces first, those that were typed at once."""
    pieces, at_s = "", 0.0
    for report in stamped:
        match report.report:
            case r.Transcript("user", text, final=False):
                pieces, at_s = pieces + text, report.t
            case r.Transcript("user", text, final=True) if text == pieces.strip():
                yield _Words(text, at_s, typed=False)
                pieces = ""
            case r.Transcript("user", text, final=True):
                yield _Words(text, report.t, typed=True)
            case _:
                pass
    if pieces.strip():
        yield _Words(pieces.strip(), at_s, typed=False)


def _turns(stamped: list[r.Stamped], phrases: list[Sound]) -> tuple[list[RecordedTurn], int]:
    """Put words and phrases together; return the turns, and how many phrases nobody understood."""
    answers = [report.t for report in stamped if isinstance(report.report, r.ReplyStarted | r.ToolCalled)]
    waiting = deque(phrases)
    turns: list[RecordedTurn] = []
    spoken: RecordedTurn | None = None
    n_wordless = 0
    ended_s = 0.0
    for words in _words(stamped):
        if words.typed:
            turns.append(RecordedTurn(words.text, "", [], words.at_s))
            continue
        own: list[Sound] = []
        while waiting and waiting[0].start_s < words.at_s:
            phrase = waiting.popleft()
            if own and phrase.start_s - own[-1].end_s > _SAME_TURN_S:
                n_wordless += len(own)
                own = []
            own.append(phrase)
        if spoken is not None and phrases and (not own or _goes_on(spoken, own[0], answers)):
            spoken.heard = f"{spoken.heard} {words.text}"
            spoken.phrases += own
        else:
            begun_s = max(ended_s, own[0].start_s - LEAD_S) if own else words.at_s
            spoken = RecordedTurn(None, words.text, own, begun_s)
            turns.append(spoken)
        ended_s = spoken.phrases[-1].end_s if spoken.phrases else ended_s
    return sorted(turns, key=lambda turn: turn.begun_s), n_wordless + len(waiting)


def _goes_on(turn: RecordedTurn, phrase: Sound, answers: list[float]) -> bool:
    """Whether a phrase belongs to a turn that the service took for over, and had not answered yet."""
    if not turn.phrases or phrase.start_s - turn.phrases[-1].end_s > _SAME_TURN_S:
        return False
    return not any(turn.begun_s <= at_s <= phrase.start_s for at_s in answers)


def _follow(stamped: list[r.Stamped], turns: list[RecordedTurn], course: Course, user: bytes) -> None:
    """Let a course hear what a run's would have heard, and give each turn its own."""
    waiting = deque(turns)
    for report in stamped:
        while waiting and waiting[0].begun_s <= report.t:
            turn = waiting.popleft()
            turn.course = course.begin(turn.begun_s)
            course.user.pieces += _pieces(turn, user)
        course.listen(report)
    course.finish()


def _pieces(turn: RecordedTurn, user: bytes) -> Iterator[Piece]:
    """Yield the sound of a turn's phrases."""
    for phrase in turn.phrases:
        begin, end = (WIRE_IN.bytes_of(round(at_s * WIRE_IN.rate_hz)) for at_s in (phrase.start_s, phrase.end_s))
        yield Piece(phrase.start_s, user[begin:end])
