"""What is said in the same words in lines and on the panel. Text is raw: who shows it makes it safe."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from flashlive_cli import reports as r

_ECHO_WORDS: Final = {
    "learning": "learning the room; the microphone is off while the reply sounds (headphones: --echo off)",
    "half": "half duplex; the microphone is off while the reply sounds",
}

MICROPHONE_WORDS: Final = {
    "open": "open",
    "muted": "muted",
    "waiting": "off until the space bar is pressed",
    "pushed": "open until the space bar is let go",
}


def whom(ready: r.SessionReady) -> str:
    """Say with whom one talks."""
    where = "the simulator as " if ready.simulated else ""
    return f"{where}{ready.model}, {f'voice {ready.voice}' if ready.voice else 'default voice'}"


def taken_up(ready: r.SessionReady) -> str:
    """Say what of the last talk goes on, where that was asked for; to be put behind the rest."""
    if ready.resumed is None:
        return ""
    return "; the last talk goes on" + ("" if ready.resumed else ", in a new session that knows its words")


def gone_on(report: r.SessionResumed) -> str:
    """Say what is different after a move; nothing where nothing is."""
    told = [] if report.resumed else ["a new session, which knows the words alone"]
    told += ["what was not answered is asked again"] if report.asked_again else []
    told += [f"{took(report.microphone_lost_ms)} of the microphone are lost"] if report.microphone_lost_ms else []
    return "".join(f"; {each}" for each in told)


def of_sound(
    report: r.SoundReady | r.SoundLost | r.SoundRestored | r.EchoChanged | r.SoundClosed,
) -> Iterator[str]:
    """Say what is listened and spoken through, and how well that goes."""
    match report:
        case r.SoundReady(echo=echo):
            ends = (
                ("microphone", report.microphone, report.microphone_rate_hz, report.microphone_latency_ms),
                ("speaker", report.speaker, report.speaker_rate_hz, report.speaker_latency_ms),
            )
            words = [_end(*end) for end in ends if end[1] is not None]
            yield ", ".join([*words, f"echo: {echo}"] if echo else words)
        case r.SoundLost(reason=reason, patience_s=patience_s):
            yield f"{reason}; waiting up to {patience_s:.0f} s for it, or for another"
        case r.SoundRestored(side=side, device=device, away_ms=away_ms):
            yield f"going on after {took(away_ms)} with {_end(side, device, report.rate_hz, report.latency_ms)}"
        case r.EchoChanged(state=state, erle_db=erle_db):
            heard = (
                f"cancelled, by {erle_db:.0f} dB"
                if erle_db is not None
                else "cancelled from here on; none was heard yet"
            )
            yield f"echo: {_ECHO_WORDS.get(state, heard)}"
        case r.SoundClosed(underruns=underruns, microphone_lost_ms=lost_ms):
            if underruns:
                yield f"the speaker ran dry {_counted(underruns, 'time')} within a reply"
            if lost_ms:
                yield f"{lost_ms:.0f} ms of the microphone were not heard, or not sent in time"


_SHOWN_WHEN: Final = {
    "always": "sent every {every_s:g} s",
    "speaking": "sent while you speak",
    "key": "sent when v is pressed",
}


def of_video(report: r.VideoReady | r.VideoSent | r.VideoLost) -> str:
    """Say what is seen, what of it went out, or that there is nothing."""
    match report:
        case r.VideoReady(source=source, when=when, every_s=every_s, width=width, height=height):
            return f"seeing {source} ({width}x{height}), {_SHOWN_WHEN[when].format(every_s=every_s)}"
        case r.VideoSent(width=width, height=height, bytes=n_bytes):
            return f"sent a picture of {width}x{height}, {n_bytes / 1000:.0f} kB"
        case r.VideoLost(message=message):
            return f"{message}; the talk goes on without pictures"


def summed_up(summary: r.TalkSummary) -> Iterator[str]:
    """Say what a talk came to, in a line or two."""
    counts = [clock(summary.duration_s), _counted(summary.turns, "turn")]
    counts += [_counted(summary.barge_ins, "barge-in")] if summary.barge_ins else []
    counts += [_counted(summary.tool_calls, "tool call")] if summary.tool_calls else []
    counts += [_counted(summary.pictures, "picture")] if summary.pictures else []
    tokens = [
        f"{_counted(sum(by_modality.values()), 'token')} {way}"
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


def arguments(args: Mapping[str, object]) -> str:
    """Say what a tool was given."""
    return ", ".join(f"{name}={_value(value)}" for name, value in args.items())


def answered(response: Mapping[str, object]) -> str:
    """Say what a tool answered, or what went wrong in it, without the wrapping that every answer has."""
    if "error" in response:
        return str(response["error"])
    return _value(response["output"] if set(response) == {"output"} else response)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def clock(seconds: float) -> str:
    """Return minutes and seconds, hours where there are any."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def took(milliseconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 100_000 else clock(milliseconds / 1000)
