"""A talk as plain lines, one by one, so that they can be appended as it goes; all of them safe for a terminal."""

from datetime import datetime
from typing import assert_never

from flashlive_cli.recording.story import Called, Entry, Noted, Said, Story
from flashlive_cli.recording.wording import SPEAKERS, clock_time, compact, how_it_ended, one_line, response_text


def heading(when: datetime, story: Story) -> str:
    """Begin with when it was and who takes part; known when the service has accepted the talk."""
    where = ", simulated" if story.simulated else ""
    who = one_line(f"{story.model or 'unknown model'}, voice {story.voice or 'default'}{where}")
    return f"{when:%Y-%m-%d %H:%M:%S}  {who}\n"


def line(entry: Entry) -> str:
    """Tell an entry in one line."""
    begins = clock_time(entry.begins_s)
    match entry:
        case Said(role=role, heard=heard, unheard=unheard, finished=finished):
            cut = f"[not heard: {unheard}]" if unheard else ""
            words = " ".join(filter(None, (heard, cut, "" if finished else "[unfinished]")))
            told = f"{SPEAKERS[role]}: {words}"
        case Called(name=name, args=args):
            told = f"tool: {name} {compact(args)}: {_outcome(entry)}"
        case Noted(kind=kind, message=message):
            told = f"{kind}: {message}"
        case _:
            assert_never(entry)
    return f"{begins:>7}  {one_line(told)}\n"


def ending(story: Story) -> str:
    """Tell how it ended, or that the record just stops."""
    return f"{'':7}  {how_it_ended(story) or 'the recording breaks off here'}\n"


def _outcome(call: Called) -> str:
    if call.response is None:
        return call.outcome
    took = f" ({call.duration_ms:.0f} ms)" if call.duration_ms is not None else ""
    return f"{'' if call.outcome == 'ok' else 'failed, '}{response_text(call.response)}{took}"
