"""
A talk as Markdown, piece by piece, so that it can be appended as the talk goes.

Words of the model, the user and tools are escaped: whatever they say, the document keeps its form, as CommonMark
and GitHub read it. Control characters are spelled out, as the file will be shown by `cat`, too.
"""

import re
from datetime import datetime
from typing import Final, assert_never

from flashlive_cli.recording.story import Called, Entry, Noted, Said, Story
from flashlive_cli.recording.wording import SPEAKERS, clock_time, compact, how_it_ended, one_line, response_text

LONGEST_ARGUMENTS: Final = 500
LONGEST_RESPONSE: Final = 2000
"""Characters of a tool's answer that are shown; `events.ndjson` has it in full."""

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>~&|$#]")


def escaped(text: str) -> str:
    """Return a text as one line of Markdown that shows these words and nothing else, wherever in a line it stands."""
    line = _SPECIAL.sub(r"\\\g<0>", one_line(text))
    # what begins a block at the beginning of a line: lists, underlined headings, rules
    return re.sub(r"^(\d*)([-+=.):])", r"\1\\\2", line)


def code(text: str) -> str:
    """Return a text as a code span, however many backticks it has."""
    line = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    # Markdown strips one space at each end, where there is more than spaces between
    pad = " " if line[:1] in {"`", " "} or line[-1:] in {"`", " "} else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line.strip() else f"{fence} {fence}"


def shortened(text: str, longest: int) -> str:
    """Return at most so many characters, the last one `…` if there were more."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def title(when: datetime) -> str:
    """Begin the document; `when` has its time zone."""
    return f"# Conversation of {when:%Y-%m-%d %H:%M:%S}\n\n- date: {when.isoformat(timespec='seconds')}\n"


def cast(story: Story) -> str:
    """Go on with who takes part, known when the service has accepted the talk."""
    where = " (simulated)" if story.simulated else ""
    return f"- model: {escaped(story.model or 'unknown')}{where}\n- voice: {escaped(story.voice or 'default')}\n"


def paragraph(entry: Entry) -> str:
    """Tell an entry as a block of its own, the empty line before it included."""
    match entry:
        case Said():
            return f"\n**{SPEAKERS[entry.role]}** ({clock_time(entry.begins_s)}): {_words(entry)}\n"
        case Called(name=name, args=args):
            arguments = shortened(compact(args), LONGEST_ARGUMENTS)
            return f"\n- ({clock_time(entry.begins_s)}) {code(name)} {code(arguments)}: {_outcome(entry)}\n"
        case Noted(kind=kind, message=message):
            return f"\n> {kind} ({clock_time(entry.begins_s)}): {escaped(message)}\n"
        case _:
            assert_never(entry)


def ending(story: Story) -> str:
    """Tell how it ended; nothing for a record that just stops."""
    told = how_it_ended(story)
    return f"\n---\n\n{told}\n" if told else ""


def _words(said: Said) -> str:
    heard, unheard = escaped(said.heard), escaped(said.unheard)
    unfinished = "" if said.finished else " (unfinished)"
    if not unheard:
        return f"{heard}{unfinished}"
    return f"{heard}{' ' if heard else ''}~~{unheard}~~ (not heard){unfinished}"


def _outcome(call: Called) -> str:
    took = f" ({call.duration_ms:.0f} ms)" if call.duration_ms is not None else ""
    answer = code(shortened(response_text(call.response or {}), LONGEST_RESPONSE))
    match call.outcome:
        case "ok":
            return f"{answer}{took}"
        case "failed":
            return f"failed, {answer}{took}"
        case "cancelled":
            return "was cancelled"
        case "repeated":
            return "again, not run twice"
        case "unanswered":
            return "was not answered"
        case _:
            assert_never(call.outcome)
