"""A conversation in other forms: Markdown, JSON, plain text, captions."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Final, Literal

from flashlive_cli.printable import printable_json
from flashlive_cli.recording import captions, markdown, plaintext
from flashlive_cli.recording.folder import Session
from flashlive_cli.recording.story import Called, Said

Form = Literal["md", "txt", "json", "srt", "vtt"]

SCHEMA_VERSION: Final = 1
"""`schema` of the JSON; raised when a field changes its meaning or goes away, not when one is added."""


def as_markdown(session: Session) -> str:
    """Return the transcript that the talk wrote itself, whole."""
    told = "".join(map(markdown.paragraph, session.entries))
    return markdown.title(session.when) + markdown.cast(session.story) + told + markdown.ending(session.story)


def as_text(session: Session) -> str:
    """Return plain lines, safe for a terminal."""
    told = "".join(map(plaintext.line, session.entries))
    return plaintext.heading(session.when, session.story) + told + plaintext.ending(session.story)


def as_json(session: Session) -> str:
    """Return all of it for programs; see `json_object`."""
    return printable_json(json.dumps(json_object(session), ensure_ascii=False, indent=2)) + "\n"


def as_srt(session: Session) -> str:
    """Return SubRip captions."""
    return captions.srt(session.entries)


def as_vtt(session: Session) -> str:
    """Return WebVTT captions."""
    return captions.vtt(session.entries)


FORMS: Final[Mapping[Form, Callable[[Session], str]]] = {
    "md": as_markdown,
    "txt": as_text,
    "json": as_json,
    "srt": as_srt,
    "vtt": as_vtt,
}


def summary_object(session: Session) -> dict[str, object]:
    """Return what a list of conversations shows of one."""
    story = session.story
    return {
        "id": session.id,
        "began": session.when.isoformat(timespec="seconds"),
        "duration_s": round(story.duration_s, 3),
        "model": story.model,
        "voice": story.voice,
        "simulated": story.simulated,
        "turns": story.n_turns,
        "barge_ins": story.barge_ins,
        "tool_calls": story.tool_calls,
        "total_tokens": story.total_tokens,
        "cost_usd": story.cost_usd,
        "ending": story.ending,
    }


def json_object(session: Session) -> dict[str, object]:
    """Return the object of the JSON export; names carry their units as in the NDJSON."""
    turns = [
        {
            "turn": turn.number,
            "said": [_said_object(said) for said in turn.said],
            "tools": [_without_turn(call) for call in turn.calls],
            "latency": turn.latency or None,
        }
        for turn in session.turns
    ]
    notes = [asdict(note) for note in session.notes]
    return {"schema": SCHEMA_VERSION, **summary_object(session), "conversation": turns, "notes": notes}


def _said_object(said: Said) -> dict[str, object]:
    return {
        "role": said.role,
        "text": said.text,
        "heard": said.heard,
        "begins_s": round(said.begins_s, 3),
        "ends_s": round(said.ends_s, 3),
        "finished": said.finished,
    }


def _without_turn(call: Called) -> dict[str, object]:
    return {
        "id": call.id,
        "name": call.name,
        "args": call.args,
        "outcome": call.outcome,
        "response": call.response,
        "begins_s": round(call.begins_s, 3),
        "duration_ms": call.duration_ms,
    }
