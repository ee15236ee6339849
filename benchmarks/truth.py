"""Holds what a talk has told against what passed over the wire: `wrongs` lists what does not agree."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from benchmarks.ordeal import Story
from flashlive_cli.errors import ConnectionLost, ConnectionRejected, NoAnswer, RemoteProtocolError
from flashlive_cli.reports import (
    ReplyComplete,
    ReplyStarted,
    Report,
    SessionClosed,
    SessionMoving,
    SessionReady,
    SessionResumed,
    ToolCalled,
    ToolCancelled,
    ToolFinished,
    Transcript,
    Warned,
)

DOCUMENTED: Final = (ConnectionLost, ConnectionRejected, NoAnswer, RemoteProtocolError)
"""What a talk may end in, each with exit code 3."""

Message = dict[str, Any]


def wrongs(story: Story) -> list[str]:
    """Say what is wrong with a story, a sentence for each."""
    found = [*_end(story), *_moves(story.reports()), *_replies(story.reports()), *_calls(story)]
    if story.ordeal.toxics is None or not story.ordeal.toxics.corrupts:  # else the wire is no truth
        found += [*_wire(story), *_words(story), *_questions(story)]
        found += _turns(story) if story.error is None else ()
    return found


def _end(story: Story) -> Iterator[str]:
    if story.error is not None and not isinstance(story.error, DOCUMENTED):
        yield f"it ended with {story.error!r}"
    if "\n" in str(story.error):
        yield "its error has more than one line"
    closed = [report for report in story.reports() if isinstance(report, SessionClosed)]
    if len(closed) > 1 or (not closed and story.error is None):
        yield f"it was closed {len(closed)} times"


def _moves(reports: Iterable[Report]) -> Iterator[str]:
    """A talk is ready once, and every move but the last leads somewhere before the next."""
    moving = ready = False
    for report in reports:
        match report:
            case SessionReady():
                if ready:
                    yield "it was ready twice"
                ready = True
            case SessionMoving():
                if moving:
                    yield "it moved while it moved"
                moving = True
            case SessionResumed():
                if not moving:
                    yield "it was resumed without having moved"
                moving = False
            case _:
                pass


def _replies(reports: Iterable[Report]) -> Iterator[str]:
    """A reply begins, has words, and ends; its words are those that were told as they came."""
    open_reply, words, user_words = False, "", ""
    for report in reports:
        match report:
            case ReplyStarted():
                if open_reply:
                    yield "a reply began within another"
                open_reply = True
            case ReplyComplete():
                if not open_reply:
                    yield "a reply ended that had not begun"
                open_reply = False
                if words.strip():
                    yield f"a reply ended without its words {words!r}"
                words = ""
            case Transcript("model", text, final=False):
                words += text
                if not open_reply:
                    yield f"words of no reply: {text!r}"
            case Transcript("model", text, final=True, heard=heard):
                if text != words.strip():
                    yield f"a reply of {words!r} was told as {text!r}"
                if heard is not None and not text.startswith(heard):
                    yield f"of {text!r}, {heard!r} was heard"
                words = ""
            case Transcript("user", text, final=False):
                user_words += text
            case Transcript("user", text, final=True):
                if user_words.strip() not in {"", text}:  # a typed line has no pieces
                    continue
                user_words = ""
            case _:
                pass
    if open_reply:
        yield "a reply has no end"
    if user_words.strip():
        yield f"the user's words {user_words!r} were not told"


def _calls(story: Story) -> Iterator[str]:
    """Every call is run once, and answered once unless the line broke meanwhile."""
    reports = story.reports()
    called = [report.id for report in reports if isinstance(report, ToolCalled)]
    ended = [report.id for report in reports if isinstance(report, ToolFinished | ToolCancelled)]
    for what, ids in (("told", called), ("ended", ended)):
        yield from (f"call {call_id} was {what} {n} times" for call_id, n in Counter(ids).items() if n > 1)
    if set(ended) - set(called):
        yield f"calls ended that were never made: {set(ended) - set(called)}"
    if story.error is None and set(called) - set(ended):
        yield f"calls have no end: {set(called) - set(ended)}"
    if story.booked > len(called):
        yield f"{len(called)} calls ran the tool {story.booked} times"
    for dial, heard in enumerate(story.passed("c")):
        answered = [answer["id"] for message in _messages(heard) for answer in _answers(message)]
        twice = [call_id for call_id, n in Counter(answered).items() if n > 1]
        if twice:
            yield f"over connection {dial}, calls were answered twice: {twice}"


def _wire(story: Story) -> Iterator[str]:
    """What we took is what was sent, from the beginning of each connection."""
    said = iter(story.passed("s"))
    for number, dial in enumerate(story.dials):
        if dial.received and not any(sent[: len(dial.received)] == dial.received for sent in said):
            yield f"over dial {number}, {len(dial.received)} messages were taken that were not sent so"


def _words(story: Story) -> Iterator[str]:
    """No word is invented, and none that came is left out, unless the user wanted to hear no more."""
    came = [message for dial in story.dials for message in _messages(dial.received)]
    reports = [report for report in story.reports() if isinstance(report, Transcript) and not report.final]
    for role, words in (
        ("model", [text for message in came for text in _model_words(message)]),
        ("user", [text for message in came for text in _user_words(message)]),
    ):
        told = [report.text for report in reports if report.role == role]
        if told != words and not (story.ordeal.live and role == "model" and _is_part(told, words)):
            yield f"the {role} said {_difference(words, told)}"


def _questions(story: Story) -> Iterator[str]:
    """A question is asked again where that is said, and is no part of the history of the session it is asked in."""
    again = sum(report.asked_again for report in story.reports() if isinstance(report, SessionResumed))
    asked = Counter[str]()
    for heard in story.passed("c"):
        history: list[str] = []
        messages = _messages(heard)
        for message in messages:
            seeds = "historyConfig" in messages[0].get("setup", {}) and not history
            if seeds and "clientContent" in message:
                history = [turn["parts"][0]["text"] for turn in message["clientContent"]["turns"]]
                continue
            for text in _typed(message):
                asked[text] += 1
                if history[-1:] == [text]:
                    yield f"{text!r} was asked of a session whose history ends with it"
    meant = Counter(line for line in story.ordeal.turns if line)
    extra = sum(n - max(1, meant[text]) for text, n in asked.items() if not text.startswith("(The function"))
    if extra > again:
        yield f"questions were asked {extra} times more than meant, and {again} times on purpose: {dict(asked)}"


def _turns(story: Story) -> Iterator[str]:
    """Each turn is answered, or it is said that it was not."""
    reports = story.reports()
    for number, (begins, ends) in enumerate(pairwise([*story.begun, len(reports)])):
        during = reports[begins:ends]
        answered = any(isinstance(report, ReplyStarted) for report in during)
        warned = any(isinstance(report, Warned) and "no answer to" in report.message for report in during)
        if not (answered or warned):
            yield f"turn {number} met with nothing, and nothing was said of it"


def _messages(raw: Iterable[bytes]) -> list[Message]:
    found = []
    for each in raw:
        try:
            message = json.loads(each)
        except ValueError:
            continue
        if isinstance(message, dict):
            found.append(message)
    return found


def _model_words(message: Message) -> Iterator[str]:
    content = message.get("serverContent") or {}
    for part in (content.get("modelTurn") or {}).get("parts") or ():
        if part.get("text") and not part.get("thought"):
            yield part["text"]
    text = (content.get("outputTranscription") or {}).get("text")
    if text:
        yield text


def _user_words(message: Message) -> Iterator[str]:
    text = ((message.get("serverContent") or {}).get("inputTranscription") or {}).get("text")
    if text:
        yield text


def _answers(message: Message) -> list[Message]:
    answers = (message.get("toolResponse") or {}).get("functionResponses") or []
    return [answer for answer in answers if not answer.get("willContinue")]


def _typed(message: Message) -> Iterator[str]:
    text = (message.get("realtimeInput") or {}).get("text")
    if text:
        yield text
    for turn in (message.get("clientContent") or {}).get("turns") or ():
        yield from (part["text"] for part in turn["parts"])


def _is_part(some: Sequence[str], all_: Sequence[str]) -> bool:
    """Whether all of the one is in the other, in its order."""
    rest = iter(all_)
    return all(each in rest for each in some)


def _difference(words: list[str], told: list[str]) -> str:
    at = next((i for i, (one, other) in enumerate(zip(words, told, strict=False)) if one != other), None)
    at = min(len(words), len(told)) if at is None else at
    return f"{len(words)} pieces, and {len(told)} were told; from {at} on {words[at : at + 4]} and {told[at : at + 4]}"
