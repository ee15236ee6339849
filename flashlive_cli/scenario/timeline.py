"""
What a page shows of one run, put on the conversation's clock: small, and fit to be sent to another process. Pure.

Times are clock seconds: the same that checks, events and the recording have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from flashlive_cli.reports import (
    BargeInLatency,
    ReplyFlushed,
    SessionMoving,
    SessionResumed,
    SpeechEnded,
    SpeechStarted,
    TurnLatency,
    Warned,
)
from flashlive_cli.scenario.course import Course, Moment, Replied, Shown, TurnCourse, sounds_of
from flashlive_cli.scenario.listening import Sound
from flashlive_cli.scenario.outcome import Outcome
from flashlive_cli.scenario.spelling import json_text
from flashlive_cli.scenario.waveform import Outline, outline_of, telephone_wav

_MARGIN_S: Final = 0.25
"""Of emptiness, before and after."""

_MOST_SOUND_S: Final = 120.0
"""Longer conversations are not put into a page: 2 MB each."""


@dataclass(frozen=True, slots=True)
class Said:
    """
    What the user said in a turn, from the first sound to the last; a typed line has no length.

    Attributes:
        text: as the service understood it.
    """

    turn: int
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """
    One reply, from its first sound to its last.

    Attributes:
        heard: the words that were played.
        unheard: those that were not, of a reply that was cut.
        lost_s: how long it would have gone on.
    """

    turn: int
    start_s: float
    end_s: float
    heard: str
    unheard: str
    interrupted: bool
    lost_s: float


@dataclass(frozen=True, slots=True)
class ToolSpan:
    """
    One tool call, from when it was made until it was answered; None where it was not.

    Attributes:
        args: as JSON.
        response: as JSON.
    """

    turn: int
    start_s: float
    end_s: float | None
    name: str
    args: str
    response: str | None
    ok: bool | None
    cancelled: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class WaitStage:
    """One stage of a wait; those of one wait follow each other."""

    kind: Literal["content", "audio", "sample", "interrupted", "silence"]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment."""

    kind: Literal["speech_started", "speech_ended", "interrupted", "moving", "resumed", "warning"]
    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """A turn of the scenario, until the next begins."""

    number: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """
    One run to look at.

    Attributes:
        start_s: what is before this need not be shown.
        end_s: nothing is later.
        sound: a WAV file for the page, where the run has no recording and is short.
    """

    outcome: Outcome
    start_s: float
    end_s: float
    user: Outline
    model: Outline
    turns: tuple[TurnSpan, ...]
    said: tuple[Said, ...]
    answers: tuple[Answer, ...]
    tools: tuple[ToolSpan, ...]
    stages: tuple[WaitStage, ...]
    marks: tuple[Mark, ...]
    shown: tuple[Shown, ...]
    sound: bytes | None


def timeline_of(outcome: Outcome, course: Course) -> Timeline:
    """Lay out a run that is over; where sound is long this takes some 10 ms a minute."""
    end_s = _end_of(course) + _MARGIN_S
    ready_s = course.ready_s if course.ready_s is not None else 0.0
    begins = [turn.begun_s for turn in course.turns]
    audible = outcome.evidence is None and bool(course.turns) and end_s <= _MOST_SOUND_S
    return Timeline(
        outcome=outcome,
        start_s=max(0.0, min([ready_s, *begins]) - _MARGIN_S),
        end_s=end_s,
        user=outline_of(course.user, end_s),
        model=outline_of(course.model, end_s),
        turns=tuple(
            TurnSpan(number, start, until)
            for number, (start, until) in enumerate(zip(begins, [*begins[1:], end_s], strict=False), 1)
        ),
        said=tuple(_said(course)),
        answers=tuple(_answers(course)),
        tools=tuple(_tools(course)),
        stages=tuple(stage for at_s, moment in course.moments for stage in _stages(at_s, moment)),
        marks=tuple(mark for at_s, moment in course.moments for mark in _marks(at_s, moment)),
        shown=tuple(course.shown),
        sound=telephone_wav(course.user, course.model, end_s) if audible else None,
    )


def _end_of(course: Course) -> float:
    ends = [0.0]
    for track in (course.user, course.model):
        if track.pieces:
            last = track.pieces[-1]
            ends.append(last.start_s + track.pcm.seconds_in(len(last.pcm)))
    for turn in course.turns:
        ends.append(turn.begun_s)
        ends += [call.finished_s or call.at_s for call in turn.calls]
        ends += [reply.ended_s or reply.started_s for reply in turn.replies]
    return max([*ends, *(at_s for at_s, _ in course.moments), *(shown.at_s for shown in course.shown)])


def _said(course: Course) -> Iterator[Said]:
    for number, turn in enumerate(course.turns, 1):
        if turn.asked_from_s is not None and turn.asked_until_s is not None:
            yield Said(number, turn.asked_from_s, turn.asked_until_s, turn.heard)


def _answers(course: Course) -> Iterator[Answer]:
    replies = sorted(_replies(course), key=lambda each: each[1].started_s)
    sounds = list(course.model.sounds(reply.sounded_s for _, reply in replies if reply.sounded_s is not None))
    lost_s = {at_s: moment.dropped_ms / 1000 for at_s, moment in course.moments if isinstance(moment, ReplyFlushed)}
    nexts = [*(reply.started_s for _, reply in replies[1:]), float("inf")]
    for (number, reply), until_s in zip(replies, nexts, strict=False):
        played = _played(sounds, reply.started_s, until_s)
        ended_s = reply.started_s if reply.ended_s is None else reply.ended_s
        start_s, end_s = (played.start_s, played.end_s) if played else (reply.started_s, ended_s)
        yield Answer(
            number,
            start_s,
            end_s,
            reply.heard,
            reply.text.removeprefix(reply.heard).strip() if reply.interrupted else "",
            reply.interrupted,
            sum(lost for at_s, lost in lost_s.items() if reply.started_s <= at_s < until_s),
        )


def _replies(course: Course) -> Iterator[tuple[int, Replied]]:
    for number, turn in enumerate(course.turns, 1):
        for reply in turn.replies:
            yield number, reply


def _played(sounds: list[Sound], since_s: float, until_s: float) -> Sound | None:
    within = sounds_of(sounds, since_s, until_s)
    return Sound(within[0].start_s, within[-1].end_s) if within else None


def _tools(course: Course) -> Iterator[ToolSpan]:
    for number, turn in enumerate(course.turns, 1):
        yield from _tools_of(number, turn)


def _tools_of(number: int, turn: TurnCourse) -> Iterator[ToolSpan]:
    for call in turn.calls:
        yield ToolSpan(
            number,
            call.at_s,
            call.finished_s,
            call.name,
            json_text(call.args),
            None if call.response is None else json_text(call.response),
            call.ok,
            call.cancelled,
            call.repeats,
        )


def _stages(at_s: float, moment: Moment) -> Iterator[WaitStage]:
    match moment:
        case TurnLatency():
            first_s = at_s - moment.total_ms / 1000
            content_s = first_s + moment.speech_end_to_content_ms / 1000
            audio_s = content_s + moment.content_to_audio_ms / 1000
            yield WaitStage("content", first_s, content_s)
            yield WaitStage("audio", content_s, audio_s)
            yield WaitStage("sample", audio_s, audio_s + moment.audio_to_sample_ms / 1000)
        case BargeInLatency():
            told_s = at_s - moment.interrupted_to_silence_ms / 1000
            if moment.speech_start_to_interrupted_ms is not None:
                yield WaitStage("interrupted", told_s - moment.speech_start_to_interrupted_ms / 1000, told_s)
            yield WaitStage("silence", told_s, at_s)
        case _:
            pass


def _marks(at_s: float, moment: Moment) -> Iterator[Mark]:
    match moment:
        case SpeechStarted():
            yield Mark("speech_started", at_s, f"speech started, as the {_ear(moment)} has it")
        case SpeechEnded():
            yield Mark("speech_ended", at_s, f"speech ended, as the {_ear(moment)} has it")
        case ReplyFlushed():
            words = {"speech": "interrupted by speech", "key": "stopped by a key", "end": "stopped by the end"}
            told = f"{moment.heard_ms:.0f} ms were heard, {moment.dropped_ms:.0f} ms dropped"
            yield Mark("interrupted", at_s, f"{words[moment.by]}: {told}")
        case SessionMoving():
            yield Mark("moving", at_s, f"moves to another connection: {moment.reason}")
        case SessionResumed():
            yield Mark(
                "resumed", at_s, "goes on over another connection" + ("" if moment.resumed else ", as a new session")
            )
        case Warned():
            yield Mark("warning", at_s, moment.message)
        case TurnLatency() | BargeInLatency():
            pass
        case _:
            assert_never(moment)


def _ear(moment: SpeechStarted | SpeechEnded) -> str:
    return "service" if moment.source == "server" else "local ear"
