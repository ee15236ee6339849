"""A talk as plain lines that stay as they are: `you:`, `gemini:`, `tool:`."""

import json
from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from flashlive_cli import reports as r
from flashlive_cli.printable import printable
from flashlive_cli.ui.outlet import Outlet

ECHO_WORDS: Final = {
    "learning": "learning the room; the microphone is off while the reply sounds (headphones: --echo off)",
    "half": "half duplex; the microphone is off while the reply sounds",
}

MICROPHONE_WORDS: Final = {
    "open": "open",
    "muted": "muted",
    "waiting": "off until the space bar is pressed",
    "pushed": "open until the space bar is let go",
}


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
            case r.Transcript(role="model", text=text, final=True, heard=heard):
                self._say(f"gemini: {_told(text, heard)}")
            case r.ToolCalled(name=name, args=args, duplicate_of=first):
                self._say(f"tool: {name}({_arguments(args)})" + (" again, not run twice" if first else ""))
            case r.ToolFinished(name=name, response=response, duration_ms=duration_ms):
                self._say(f"tool: {name} -> {_shown(response)} ({duration_ms:.0f} ms)")
            case r.ToolProgressed(name=name, response=response):
                self._say(f"tool: {name} … {_shown(response)}")
            case r.ToolCancelled(name=name):
                self._say(f"tool: {name} was cancelled")
            case r.ToolPrinted(name=name, line=line):
                self._say(f"tool: {name} printed: {line}")
            case (
                r.SessionReady() | r.SessionMoving() | r.SessionResumed() | r.SessionLeaving() | r.MicrophoneSwitched()
            ):
                self._note(_of_the_line(stamped.report))
            case r.TalkSummary():
                for line in summed_up(stamped.report):
                    self._note(line)
            case r.SoundReady() | r.EchoChanged() | r.SoundClosed():
                for line in of_sound(stamped.report):
                    self._note(line)
            case r.TurnLatency(total_ms=total_ms, speech_end_to_content_ms=thinking_ms):
                self._note(f"answered after {total_ms:.0f} ms ({thinking_ms:.0f} ms to the first content)")
            case r.ReplyFlushed(heard_ms=heard_ms, dropped_ms=dropped_ms):
                self._note(f"interrupted after {heard_ms / 1000:.1f} s; {dropped_ms / 1000:.1f} s were not played")
            case r.ReplyComplete(reason=reason):
                if reason is not None:
                    self._note(f"the reply ended early: {reason}")
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

    def _say(self, line: str) -> None:
        self._data.say(printable(line))

    def _note(self, line: str) -> None:
        self._notes.say(f"flashlive: {printable(line)}")


def _of_the_line(
    report: r.SessionReady | r.SessionMoving | r.SessionResumed | r.SessionLeaving | r.MicrophoneSwitched,
) -> str:
    """Say how the connection fares, and what of the microphone goes over it."""
    match report:
        case r.SessionReady(model=model, voice=voice, tools=tools, simulated=simulated):
            with_tools = f", tools: {', '.join(tools)}" if tools else ""
            where = "the simulator as " if simulated else ""
            return f"talking to {where}{model}, voice {voice or 'as the service likes'}{with_tools}"
        case r.SessionMoving(reason=reason):
            return f"moving to another connection: {reason}"
        case r.SessionResumed(resumed=resumed, tools=tools):
            forgot = "" if resumed else "; the model has forgotten what was said"
            return f"going on{forgot}; tools: {', '.join(tools) or 'none'}"
        case r.SessionLeaving(time_left_s=time_left_s):
            return f"the server will end this connection in {time_left_s:g} s"
        case r.MicrophoneSwitched(state=state):
            return f"microphone: {MICROPHONE_WORDS[state]}"


def of_sound(report: r.SoundReady | r.EchoChanged | r.SoundClosed) -> Iterator[str]:
    """Say what is listened and spoken through, and how well that goes."""
    match report:
        case r.SoundReady(echo=echo):
            ends = (
                ("microphone", report.microphone, report.microphone_rate_hz, report.microphone_latency_ms),
                ("speaker", report.speaker, report.speaker_rate_hz, report.speaker_latency_ms),
            )
            words = [_end(*end) for end in ends if end[1] is not None]
            yield ", ".join([*words, f"echo: {echo}"] if echo else words)
        case r.EchoChanged(state=state, erle_db=erle_db):
            heard = (
                f"cancelled, by {erle_db:.0f} dB"
                if erle_db is not None
                else "cancelled from here on; none was heard yet"
            )
            yield f"echo: {ECHO_WORDS.get(state, heard)}"
        case r.SoundClosed(underruns=underruns, microphone_lost_ms=lost_ms):
            if underruns:
                yield f"the speaker ran dry {underruns} times within a reply"
            if lost_ms:
                yield f"{lost_ms:.0f} ms of the microphone could not be sent in time"


def summed_up(summary: r.TalkSummary) -> Iterator[str]:
    """Say what a talk came to, in a line or two."""
    minutes, seconds = divmod(round(summary.duration_s), 60)
    counts = [f"{minutes}:{seconds:02}", _counted(summary.turns, "turn")]
    counts += [_counted(summary.barge_ins, "barge-in")] if summary.barge_ins else []
    counts += [_counted(summary.tool_calls, "tool call")] if summary.tool_calls else []
    tokens = [
        f"{sum(by_modality.values())} tokens {way}"
        for way, by_modality in (
            ("in", summary.prompt_tokens_by_modality),
            ("out", summary.response_tokens_by_modality),
        )
        if by_modality
    ]
    cost = [f"${summary.cost_usd:.4f}"] if summary.cost_usd is not None else []
    yield ", ".join([*counts, *tokens, *cost])
    medians = (
        ("to the first content", summary.median_first_content_ms),
        ("to the first sound", summary.median_first_sample_ms),
        ("from a barge-in to silence", summary.median_silence_ms),
    )
    told = [f"{value:.0f} ms {what}" for what, value in medians if value is not None]
    if told:
        yield f"in the median {', '.join(told)}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _end(what: str, name: str | None, rate_hz: int | None, latency_ms: float | None) -> str:
    figures = f" ({rate_hz / 1000:g} kHz, holds {latency_ms:.0f} ms)" if rate_hz and latency_ms is not None else ""
    return f"{what} {name}{figures}"


def _told(text: str, heard: str | None) -> str:
    """Mark what nobody heard."""
    if heard is None or heard == text:
        return text
    unheard = text.removeprefix(heard).strip()
    return f"{heard} [not heard: {unheard}]" if heard else f"[not heard: {unheard}]"


def _arguments(args: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in args.items())


def _shown(response: Mapping[str, object]) -> str:
    if "error" in response:
        return f"error: {response['error']}"
    return _value(response["output"] if set(response) == {"output"} else response)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
