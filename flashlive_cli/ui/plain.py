"""A talk as plain lines that stay as they are: `you:`, `gemini:`, `tool:`."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from flashlive_cli import reports as r
from flashlive_cli.printable import printable
from flashlive_cli.ui.outlet import Outlet
from flashlive_cli.ui.wording import (
    MICROPHONE_WORDS,
    answered,
    arguments,
    gone_on,
    of_sound,
    of_video,
    summed_up,
    taken_up,
    whom,
)


class PlainScreen:
    """
    Writes a line for each finished utterance, reply and tool call; what is about the talk goes elsewhere.

    Args of the constructor:
        data: takes the conversation.
        notes: takes what is said about it: connection, warnings, latencies.
    """

    def __init__(self, data: Outlet, notes: Outlet) -> None:
        self._data = data
        self._notes = notes

    def __call__(self, stamped: r.Stamped) -> None:
        """Take a report; see `reports.Listener`."""
        match stamped.report:
            case r.Transcript(role="user", text=text, final=True):
                self._say(f"you: {text}")
            case r.Transcript(role="model", final=True):
                self._say(f"gemini: {_words(stamped.report)}")
            case r.ToolCalled(name=name, args=args, duplicate_of=first):
                self._say(f"tool: {name}({arguments(args)})" + (" again, not run twice" if first else ""))
            case r.ToolFinished(name=name, response=response, duration_ms=duration_ms):
                self._say(f"tool: {name} -> {_answer(response)} ({duration_ms:.0f} ms)")
            case r.ToolProgressed(name=name, response=response):
                self._say(f"tool: {name} … {_answer(response)}")
            case r.ToolCancelled(name=name):
                self._say(f"tool: {name} was cancelled")
            case r.ToolPrinted(name=name, line=line):
                self._say(f"tool: {name} printed: {line}")
            case (
                r.SessionReady()
                | r.SessionMoving()
                | r.SessionResumed()
                | r.SessionLeaving()
                | r.MicrophoneSwitched()
                | r.RecordingStarted()
            ):
                self._note(_of_the_line(stamped.report))
            case r.TalkSummary():
                self._tell(summed_up(stamped.report))
            case r.SoundReady() | r.SoundLost() | r.SoundRestored() | r.EchoChanged() | r.SoundClosed():
                self._tell(of_sound(stamped.report))
            case r.VideoReady() | r.VideoSent() | r.VideoLost():
                self._tell_of_video(stamped.report)
            case r.TurnLatency(total_ms=total_ms, speech_end_to_content_ms=thinking_ms):
                self._note(f"answered after {total_ms:.0f} ms ({thinking_ms:.0f} ms to the first content)")
            case r.ReplyFlushed(heard_ms=heard_ms, dropped_ms=dropped_ms):
                self._note(f"interrupted after {heard_ms / 1000:.1f} s; {dropped_ms / 1000:.1f} s were not played")
            case r.ReplyComplete(reason=reason):
                if reason is not None:
                    self._note(f"the reply ended early: {reason}")
            case r.Noted(message=message):
                self._note(message)
            case r.Warned(message=message):
                self._note(f"warning: {message}")
            case r.Failed(message=message):
                self._note(f"error: {message}")
            case (
                r.Transcript()
                | r.SessionClosed()
                | r.SpeechStarted()
                | r.SpeechEnded()
                | r.ReplyStarted()
                | r.ToolAsked()
                | r.ReplyFirstSample()
                | r.UsageReported()
                | r.BargeInLatency()
            ):
                pass
            case _:
                assert_never(stamped.report)

    def _tell_of_video(self, report: r.VideoReady | r.VideoSent | r.VideoLost) -> None:
        """Of the stills tell the first, and those somebody asked for: one a second would be all there is to read."""
        if isinstance(report, r.VideoSent) and report.sent > 1 and report.because not in {"key", "typed"}:
            return
        warning = "warning: " if isinstance(report, r.VideoLost) else ""
        self._note(f"{warning}{of_video(report)}")

    def _tell(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._note(line)

    def _say(self, line: str) -> None:
        self._data.say(printable(line))

    def _note(self, line: str) -> None:
        self._notes.say(f"flashlive: {printable(line)}")


def _of_the_line(
    report: r.SessionReady
    | r.SessionMoving
    | r.SessionResumed
    | r.SessionLeaving
    | r.MicrophoneSwitched
    | r.RecordingStarted,
) -> str:
    """Say how the connection fares, what of the microphone goes over it, and what of it all is kept."""
    match report:
        case r.SessionReady(tools=tools):
            with_tools = f", tools: {', '.join(tools)}" if tools else ""
            return f"talking to {whom(report)}{with_tools}{taken_up(report)}"
        case r.SessionMoving(reason=reason):
            return f"moving to another connection: {reason}"
        case r.SessionResumed(tools=tools):
            return f"going on{gone_on(report)}; tools: {', '.join(tools) or 'none'}"
        case r.SessionLeaving(time_left_s=time_left_s):
            return f"the server will end this connection in {time_left_s:g} s"
        case r.MicrophoneSwitched(state=state):
            return f"microphone: {MICROPHONE_WORDS[state]}"
        case r.RecordingStarted(folder=folder):
            return f"recording to {folder}"


def _words(told: r.Transcript) -> str:
    """Mark what nobody heard."""
    heard = told.text if told.heard is None else told.heard
    return " ".join(filter(None, (heard, f"[not heard: {told.unheard}]" if told.unheard else "")))


def _answer(response: Mapping[str, object]) -> str:
    return f"{'error: ' if 'error' in response else ''}{answered(response)}"
