"""
What the panel shows, step by step: `advance` takes what was told and returns the next state. Pure.

Running words and calls stay in the state until they are final; then they leave it as `finished`, to be printed above
the panel once, and are forgotten. Times are seconds of the talk's clock.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Literal, TypeGuard, assert_never

from flashlive_cli import reports as r
from flashlive_cli.ui.acts import Act, HelpSwitched, HintShown, LineNoted, LineTyped, PictureShown, QuestionPut
from flashlive_cli.ui.finished import Called, Finished, Noted, NoteKind, Printed, Said
from flashlive_cli.ui.snapshot import Call, Doing, Meters, Pictures, Spent, State, Words
from flashlive_cli.ui.wording import answered, arguments, gone_on, of_sound, of_video, summed_up, taken_up, whom

__all__ = ["Call", "Doing", "Meters", "Pictures", "Spent", "State", "Told", "Words", "advance"]

Told = r.Report | Act

LONGEST_VALUE: Final = 800
"""Characters of a call's arguments, or of its result, that are shown; the whole is in NDJSON and recordings."""
MOST_PRINTED: Final = 500
"""Lines a call prints that are kept for the scrollback: the last ones."""

_Linked = (
    r.SessionReady
    | r.SessionLeaving
    | r.SessionMoving
    | r.SessionResumed
    | r.SessionClosed
    | r.RecordingStarted
    | r.Noted
    | r.Warned
    | r.Failed
)
_Sounded = r.SoundReady | r.SoundLost | r.SoundRestored | r.EchoChanged | r.SoundClosed | r.MicrophoneSwitched
_Spoken = (
    r.SpeechStarted
    | r.SpeechEnded
    | r.Transcript
    | r.ReplyStarted
    | r.ReplyFirstSample
    | r.ReplyFlushed
    | r.ReplyComplete
)
_Worked = r.ToolCalled | r.ToolAsked | r.ToolProgressed | r.ToolFinished | r.ToolCancelled | r.ToolPrinted
_Seen = r.VideoReady | r.VideoSent | r.VideoLost
_Figured = r.UsageReported | r.TurnLatency | r.BargeInLatency | r.TalkSummary


def advance(state: State, told: Told, now: float) -> State:  # noqa: PLR0911 - a flat match over a union
    """
    Return the state after `told`.

    Args:
        state: the one before.
        told: a report of the talk, or what the panel is told itself.
        now: when that happened, in seconds of the talk's clock.
    """
    state = replace(state, finished=())
    match told:
        case (
            r.SessionReady()
            | r.SessionLeaving()
            | r.SessionMoving()
            | r.SessionResumed()
            | r.SessionClosed()
            | r.RecordingStarted()
            | r.Noted()
            | r.Warned()
            | r.Failed()
        ):
            return _linked(state, told, now)
        case (
            r.SoundReady()
            | r.SoundLost()
            | r.SoundRestored()
            | r.EchoChanged()
            | r.SoundClosed()
            | r.MicrophoneSwitched()
        ):
            return _sounded(state, told)
        case (
            r.SpeechStarted()
            | r.SpeechEnded()
            | r.Transcript()
            | r.ReplyStarted()
            | r.ReplyFirstSample()
            | r.ReplyFlushed()
            | r.ReplyComplete()
        ):
            return _spoken(state, told, now)
        case (
            r.ToolCalled() | r.ToolAsked() | r.ToolProgressed() | r.ToolFinished() | r.ToolCancelled() | r.ToolPrinted()
        ):
            return _worked(state, told, now)
        case r.VideoReady() | r.VideoSent() | r.VideoLost():
            return _seen(state, told)
        case r.UsageReported() | r.TurnLatency() | r.BargeInLatency() | r.TalkSummary():
            return _figured(state, told)
        case _:
            return _acted(state, told)


def _linked(state: State, told: _Linked, now: float) -> State:
    """Take how the connection fares."""
    match told:
        case r.SessionReady(model=model, voice=voice, tools=tools, simulated=simulated):
            with_tools = f"; tools: {', '.join(tools)}" if tools else ""
            state = _note(state, "note", f"talking to {whom(told)}{with_tools}{taken_up(told)}")
            state = replace(state, link="open", model=model, voice=voice, simulated=simulated)
        case r.SessionLeaving(time_left_s=time_left_s):
            state = replace(state, ends_at=now + time_left_s)
        case r.SessionMoving(reason=reason):
            state = replace(state, link="moving", moving_because=reason)
        case r.SessionResumed(moved_ms=moved_ms):
            why = f" ({state.moving_because})" if state.moving_because else ""
            state = _note(state, "note", f"moved to another connection in {moved_ms / 1000:.1f} s{why}{gone_on(told)}")
            state = replace(state, link="open", ends_at=None, moving_because="", waiting_since=None)
        case r.SessionClosed(code=code, reason=reason):
            if code not in {1000, 1005}:  # 1005: closed without a code
                state = _note(state, "note", f"the connection was closed with code {code}: {reason or 'no reason'}")
            state = replace(state, link="closed", ends_at=None)
        case r.RecordingStarted(folder=folder):
            state = _note(state, "note", f"recording to {folder}")
        case r.Noted(message=message):
            state = _note(state, "note", message)
        case r.Warned(message=message, unanswered_s=unanswered_s):
            state = _note(state, "warning", message)
            if state.replying and unanswered_s is not None:
                state = replace(state, waiting_since=now - unanswered_s)
        case r.Failed(message=message):
            state = _note(state, "error", message)
        case _:
            assert_never(told)
    return state


def _sounded(state: State, told: _Sounded) -> State:
    """Take what is listened and spoken through."""
    match told:
        case r.SoundReady(echo=echo):
            state = replace(_notes(state, of_sound(told)), echo=echo)
        case r.SoundLost(side=side):
            state = replace(_notes(state, of_sound(told), "warning"), lost=state.lost | {side})
        case r.SoundRestored(side=side):
            state = replace(_notes(state, of_sound(told)), lost=state.lost - {side})
        case r.EchoChanged(state=echo, erle_db=erle_db):
            state = replace(state, echo=echo, erle_db=erle_db)
        case r.SoundClosed():
            state = _notes(state, of_sound(told))
        case r.MicrophoneSwitched(state=microphone):
            shut = microphone in {"muted", "waiting"}
            state = replace(state, microphone=microphone, hearing=state.hearing and not shut)
        case _:
            assert_never(told)
    return state


def _spoken(state: State, told: _Spoken, now: float) -> State:
    """Take what either side says, and what is heard of it."""
    match told:
        case r.SpeechStarted(source="local") | r.SpeechEnded(source="local") if state.microphone in {
            "muted",
            "waiting",
        }:
            pass  # our own ear hears it, and nobody else
        case r.SpeechStarted():
            state = replace(state, hearing=True, waiting_since=_stalled_since(state))
        case r.SpeechEnded():
            state = replace(state, hearing=False, waiting_since=_stalled_since(state) if state.replying else now)
        case r.Transcript(role=role, final=False):
            state = _said_more(state if role == "user" else _going_on(state), told)
        case r.Transcript(role="user", text=text):
            waiting = now if state.waiting_since is None and not state.replying else state.waiting_since
            state = replace(_finish(_without_words(state, "user"), Said("user", text)), waiting_since=waiting)
        case r.Transcript(text=text, heard=heard):
            said = Said("model", text if heard is None else heard, told.unheard)
            state = _finish(_without_words(state, "model"), said)
        case r.ReplyStarted():
            state = replace(state, replying=True, hearing=False, waiting_since=None)
        case r.ReplyFirstSample():
            pass
        case r.ReplyFlushed(heard_ms=heard_ms):
            running = tuple(replace(each, cut=True) if _is_words(each, "model") else each for each in state.running)
            if running == state.running:
                state = _note(state, "note", f"the reply was cut after {heard_ms / 1000:.1f} s")
            state = replace(_going_on(state), running=running, replying=False)
        case r.ReplyComplete(reason=reason):
            if reason is not None:
                state = _note(state, "warning", f"the reply ended early: {reason}")
            state = replace(_without_words(_going_on(state), "model"), replying=False)
        case _:
            assert_never(told)
    return state


def _worked(state: State, told: _Worked, now: float) -> State:
    """Take what became of the model's calls."""
    match told:
        case r.ToolCalled(id=call_id, name=name, args=args, duplicate_of=first):
            call = Call(call_id, name, _shortened(arguments(args)), now, repeated=first is not None)
            state = replace(state, running=(*state.running, call), hearing=False, waiting_since=None)
        case r.ToolAsked():
            pass  # the question itself comes as an act, if somebody is to answer it
        case r.ToolProgressed(response=response):
            call = _call(state, told, now)
            state = _in_place(state, call, replace(call, progress=_shortened(answered(response))))
        case r.ToolPrinted(name=name, line=line):
            printers = [call for call in state.calls if call.name == name]
            if printers:
                call = printers[-1]
                state = _in_place(state, call, replace(call, printed=(*call.printed, line)[-MOST_PRINTED:]))
            else:
                state = _finish(state, Printed(name, line))
        case r.ToolFinished(ok=ok, response=response, duration_ms=took_ms):
            state = _ended(
                state, _call(state, told, now), "done" if ok else "failed", _shortened(answered(response)), took_ms
            )
            state = replace(state, waiting_since=None if state.replying or state.calls else now)
        case r.ToolCancelled():
            call = _call(state, told, now)
            state = _ended(state, call, "cancelled", "", 1000 * (now - call.since))
        case _:
            assert_never(told)
    return state


def _seen(state: State, told: _Seen) -> State:
    """Take what the model is shown."""
    pictures = state.pictures or Pictures()
    match told:
        case r.VideoReady():
            state = replace(_note(state, "note", of_video(told)), pictures=replace(pictures, lost=False))
        case r.VideoSent(sent=sent):
            state = replace(state, pictures=replace(pictures, sent=sent))
        case r.VideoLost():
            state = replace(_note(state, "warning", of_video(told)), pictures=replace(pictures, lost=True))
        case _:
            assert_never(told)
    return state


def _figured(state: State, told: _Figured) -> State:
    """Take what it took."""
    match told:
        case r.UsageReported(prompt_tokens_by_modality=by_modality):
            read = sum(by_modality.get(modality, 0) for modality in ("IMAGE", "VIDEO"))
            if state.pictures is not None and read:
                state = replace(state, pictures=replace(state.pictures, tokens=state.pictures.tokens + read))
            state = replace(
                state,
                spent=Spent(
                    state.spent.tokens_in + told.prompt_tokens,
                    state.spent.tokens_out + told.response_tokens,
                    state.spent.tokens_thought + told.thought_tokens,
                    state.spent.cost_usd if told.total_cost_usd is None else told.total_cost_usd,
                ),
            )
        case r.TurnLatency():
            state = replace(state, answer=told)
        case r.BargeInLatency():
            state = replace(state, barge_in=told)
        case r.TalkSummary():
            state = _notes(state, summed_up(told), "summary")
        case _:
            assert_never(told)
    return state


def _acted(state: State, told: Act) -> State:
    """Take what the panel is told itself."""
    match told:
        case HelpSwitched(shown=shown):
            state = replace(state, help=shown)
        case LineTyped(text=text):
            state = replace(state, typed=None if text is None else told)
        case QuestionPut(text=question):
            state = replace(state, question=question)
        case HintShown(text=hint):
            state = replace(state, hint=hint)
        case PictureShown():
            state = replace(state, preview=told)
        case LineNoted(text=line):
            state = _note(state, "note", line)
        case _:
            assert_never(told)
    return state


def _stalled_since(state: State) -> float | None:
    """Return since when the reply has stalled that runs; None where it goes on, or none runs."""
    return state.waiting_since if state.replying else None


def _going_on(state: State) -> State:
    """Have a reply that had stalled go on, or end."""
    return replace(state, waiting_since=None) if state.replying else state


def _said_more(state: State, told: r.Transcript) -> State:
    """Append a piece of words, exactly as it is."""
    if not any(_is_words(each, told.role) for each in state.running):
        state = replace(state, running=(*state.running, Words(told.role, "")))
    return replace(
        state,
        running=tuple(
            replace(each, text=each.text + told.text) if _is_words(each, told.role) else each for each in state.running
        ),
    )


def _is_words(each: Words | Call, role: str) -> TypeGuard[Words]:
    return isinstance(each, Words) and each.role == role


def _without_words(state: State, role: str) -> State:
    return replace(state, running=tuple(each for each in state.running if not _is_words(each, role)))


def _call(state: State, told: r.ToolProgressed | r.ToolFinished | r.ToolCancelled, now: float) -> Call:
    """Return the call that is meant; one that nobody was told of is made up."""
    return next((call for call in state.calls if call.id == told.id), Call(told.id, told.name, "", now))


def _in_place(state: State, call: Call, by: Call) -> State:
    return replace(state, running=tuple(by if each is call else each for each in state.running))


def _ended(
    state: State, call: Call, outcome: Literal["done", "failed", "cancelled"], result: str, took_ms: float
) -> State:
    state = replace(state, running=tuple(each for each in state.running if each is not call))
    return _finish(state, Called(call.name, call.arguments, call.printed, outcome, result, took_ms, call.repeated))


def _finish(state: State, line: Finished) -> State:
    return replace(state, finished=(*state.finished, line))


def _note(state: State, kind: NoteKind, text: str) -> State:
    return _finish(state, Noted(kind, text))


def _notes(state: State, lines: Iterable[str], kind: NoteKind = "note") -> State:
    for line in lines:
        state = _note(state, kind, line)
    return state


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... ({len(text)} characters)"
